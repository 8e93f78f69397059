// Who a client certificate says is there: one name of one kind from subjectAltName. Pure.
#pragma once

#include "identity/jwt.h"

#include "keyward/net/peer_certificate.h"

#include <variant>

namespace keyward::identity {

// The authorities behind the certificate were checked by TLS; its end is checked here again, as a
// resumed TLS session is not.
[[nodiscard]] std::variant<Principal, Rejected> certificate_principal(
    const net::PeerCertificate& certificate, const IssuerConfig& rules, WallTime now);

}  // namespace keyward::identity
