#include "lease/acl_user.h"

#include "keyward/base/hash.h"

#include <algorithm>

namespace keyward::lease {
namespace {

constexpr std::size_t kLongestPattern = 4096;

// Lengths keep the parts apart: no two different triples give the same bytes.
void add_part(std::string& bytes, std::string_view part) {
  bytes += std::to_string(part.size());
  bytes += ':';
  bytes += part;
}

}  // namespace

std::string user_prefix(std::string_view instance) { return "kw_" + short_hash(instance, 8) + "_"; }

std::string user_name(const std::string& prefix, std::string_view principal,
                      const policy::Grants& grants) {
  std::string bytes;
  add_part(bytes, principal);
  add_part(bytes, grants.rights_id());
  add_part(bytes, grants.policy_version());
  return prefix + short_hash(bytes, 16);
}

Secret new_password() { return Secret(hex(random_bytes(32))); }

std::string password_hash(const Lease& lease) { return hex(sha256(lease.password.reveal())); }

std::vector<std::string> setuser(const std::vector<LeasePtr>& leases, const policy::AclRules& rules,
                                 const std::vector<std::string>& literals) {
  std::vector<std::string> argv{"ACL", "SETUSER", leases.front()->user, "reset", "on"};
  for (const LeasePtr& lease : leases) argv.push_back("#" + password_hash(*lease));
  argv.insert(argv.end(), rules.tokens.begin(), rules.tokens.end());
  // At the root, beside the patterns that the policy names: Redis wants one set of permissions to
  // cover a whole PSUBSCRIBE.
  for (const std::string& pattern : literals) argv.push_back("&" + pattern);
  return argv;
}

Result<> check_literal(std::string_view pattern) {
  if (pattern.empty() || pattern.size() > kLongestPattern) {
    return Error(Errc::limit, "the subscription pattern is empty or too long for an ACL rule");
  }
  const bool splits = std::ranges::any_of(pattern, [](char byte) {
    return byte == '\0' || byte == ' ' || (byte >= '\t' && byte <= '\r');
  });
  if (splits) {
    return Error(Errc::invalid, "Redis cannot grant a subscription pattern with white space");
  }
  return {};
}

}  // namespace keyward::lease
