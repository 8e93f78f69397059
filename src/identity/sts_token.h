// A presigned STS GetCallerIdentity request as a credential: read, judged, made anew; and the
// answer of STS read. Pure. Nothing of what the client sent is fetched: the request is built from
// the checked parts, for a host of our own table.
#pragma once

#include "identity/jwt.h"

#include "keyward/base/hash.h"
#include "keyward/identity/sts_credential.h"

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace keyward::identity {

[[nodiscard]] inline bool is_sts_token(std::string_view credential) {
  return credential.starts_with(kStsPrefix);
}

struct StsHost {
  std::string name, region, partition;
};
// Where requests may go: the regions' hosts, the global one ("global"), and FIPS ones if
// configured.
[[nodiscard]] std::vector<StsHost> sts_hosts(const AwsConfig& config);

struct StsRequest {
  std::string url;  // rebuilt
  StsHost host;
  WallTime signed_at{};
  Digest signature{};  // SHA-256 of the signature, for what must not come twice
};
[[nodiscard]] std::variant<StsRequest, Rejected> read_sts_token(std::string_view credential,
                                                                const IssuerConfig& rules,
                                                                WallTime now);

// Status and body of an answer that is JSON by its Content-Type. `throttled` as a reason: nothing
// is decided.
[[nodiscard]] std::variant<Principal, Rejected> read_sts_answer(int status, std::string_view body,
                                                                const StsRequest& request,
                                                                const IssuerConfig& rules,
                                                                WallTime now);

}  // namespace keyward::identity
