#include "policy/credential_reader.h"

namespace keyward::policy {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr hours kLongestLife{12};  // as the longest session

void read_life(const yaml::Node& node, std::string_view example, seconds& out) {
  const auto life = node.duration();
  if (!life) return;
  if (*life < seconds(1) || *life > kLongestLife) {
    return node.error("a credential lives 1s to 12h", std::string(example));
  }
  out = std::chrono::floor<seconds>(*life);
}

// Nobody stands between a direct user and Redis: what Redis cannot hold to must not be promised.
void check_direct(const yaml::Node& node, const GrantModel& grant) {
  const auto say = [&](const std::string& what) {
    node.error("`credentials.direct` and " + what, "proxy: 1h");
  };
  if (grant.lease.fixed) {
    say("`lease: {mode: static}` exclude each other: a direct credential is a Redis user that "
        "Keyward makes");
  }
  if (grant.observes) {
    say("`mode: observe` exclude each other: nobody would see what the policy refuses");
  }
  if (grant.ttl.mode != TtlGuard::Mode::none) {
    say("`ttl` exclude each other: Redis alone does not hold writes to an expiry");
  }
}

}  // namespace

void read_credentials(const yaml::Node& node, GrantModel& grant) {
  if (!node.present()) return;
  node.only({"proxy", "direct"});
  if (node.is_map() && node.entries().empty())
    return node.error("`credentials` says nothing", "credentials: {proxy: 1h}");
  if (grant.break_glass) {
    return node.error(
        "a grant for emergencies gives out no credentials: its rights are asked for "
        "on the connection that needs them",
        "the grant without `credentials`");
  }
  read_life(node.get("proxy"), "1h", grant.credentials.proxy);
  const yaml::Node direct = node.get("direct");
  read_life(direct, "15m", grant.credentials.direct);
  if (direct.present()) check_direct(direct, grant);
}

}  // namespace keyward::policy
