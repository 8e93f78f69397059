// What a peer's certificate says about its owner. Names come from subjectAltName only: a common
// name is no identity (RFC 9525 section 2).
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/hash.h"

#include <openssl/types.h>

#include <optional>
#include <string>
#include <vector>

namespace keyward::net {

struct PeerCertificate {
  Digest sha256{};                             // of the whole certificate, as RFC 8705 wants it
  std::vector<std::string> uris, dns, emails;  // whole values; may hold any byte, also NUL
  WallTime not_before{}, not_after{};
};

// Nothing when the peer showed none, or one that the context's authorities did not vouch for.
[[nodiscard]] std::optional<PeerCertificate> peer_certificate(const SSL& ssl);

}  // namespace keyward::net
