#include "policy/who_index.h"

#include "policy/claims.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace keyward::policy {
namespace {

using Positions = std::vector<std::uint32_t>;

GrantModel grant(std::vector<Who> who) {
  GrantModel made;
  made.who = std::move(who);
  return made;
}

identity::Principal principal(std::string issuer, std::string subject,
                              std::vector<std::string> groups) {
  identity::Principal made;
  made.issuer_alias = std::move(issuer);
  made.subject = std::move(subject);
  made.groups = std::move(groups);
  return made;
}

Positions matching(const std::vector<GrantModel>& grants, const Positions& among,
                   const identity::Principal& who) {
  Positions out;
  for (const std::uint32_t at : among) {
    const auto& lines = grants[at].who;
    if (std::any_of(lines.begin(), lines.end(), [&](const Who& one) { return matches(one, who); }))
      out.push_back(at);
  }
  return out;
}

TEST(WhoIndex, FindsBySubjectGroupAndWhatIsNeither) {
  const std::vector<GrantModel> grants{
      grant({{"okta", "w1", {}, {}}}), grant({{"okta", "", {"a", "b"}, {}}}),
      grant({{"okta", "w*", {}, {}}}), grant({{"okta", "", {}, {{"team", "x"}}}}),
      grant({{"eks", "w1", {}, {}}}),  grant({{"okta", "w9", {}, {}}, {"okta", "", {"b"}, {}}})};
  const WhoIndex index(grants);
  EXPECT_EQ(index.candidates(principal("okta", "w1", {"c"})), (Positions{0, 2, 3}));
  EXPECT_EQ(index.candidates(principal("okta", "w2", {"b", "a"})), (Positions{1, 2, 3, 5}));
  EXPECT_EQ(index.candidates(principal("okta", "w9", {"b"})), (Positions{1, 2, 3, 5}));
  EXPECT_EQ(index.candidates(principal("eks", "w1", {"a"})), (Positions{4}));
  EXPECT_EQ(index.candidates(principal("other", "w1", {"a"})), Positions{});
}

TEST(WhoIndex, MissesNothingThatMatches) {
  std::mt19937_64 random(7);
  const auto one_of = [&](std::vector<std::string> words) {
    return words[random() % words.size()];
  };
  const auto some_groups = [&] {
    std::vector<std::string> out;
    for (std::size_t i = random() % 3; i > 0; --i) out.push_back(one_of({"a", "b", "c", ""}));
    return out;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<GrantModel> grants;
    Positions all;
    for (std::uint32_t at = 0; at < 20; ++at) {
      std::vector<Who> who;
      for (std::size_t i = random() % 3; i > 0; --i)
        who.push_back({one_of({"x", "y"}), one_of({"", "s1", "s2", "s*", "*"}), some_groups(), {}});
      grants.push_back(grant(std::move(who)));
      all.push_back(at);
    }
    const WhoIndex index(grants);
    for (int i = 0; i < 20; ++i) {
      const auto who =
          principal(one_of({"x", "y", "z"}), one_of({"", "s1", "s2", "t"}), some_groups());
      EXPECT_EQ(matching(grants, index.candidates(who), who), matching(grants, all, who));
    }
  }
}

}  // namespace
}  // namespace keyward::policy
