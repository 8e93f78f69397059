#include "keyward/credential/life.h"

#include <algorithm>

namespace keyward::credential {
namespace {

constexpr std::chrono::hours kLongest{12};

}  // namespace

Life next_life(const LifeRules& rules, WallTime last, WallTime now) {
  Life out{std::min(last, now + std::min<std::chrono::seconds>(rules.policy, kLongest)), "policy"};
  WallTime by_token = rules.token_ends;
  if (rules.session.count() > 0)
    by_token = std::max(by_token, now + std::min<std::chrono::seconds>(rules.session, kLongest));
  if (by_token < out.ends) out = {by_token, "token"};
  if (rules.asked.count() > 0 && now + rules.asked <= out.ends) out = {now + rules.asked, "asked"};
  return out;
}

Life first_life(const LifeRules& rules, WallTime now) {
  return next_life(rules, WallTime::max(), now);
}

}  // namespace keyward::credential
