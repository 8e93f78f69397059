// RFC 7662 and Kubernetes TokenReview: what is asked about a token, and what the answers mean.
// Pure.
#pragma once

#include "identity/jwt.h"

#include "keyward/base/secret.h"

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace keyward::identity {

// Two dots: only a JWT is judged by keys.
[[nodiscard]] bool looks_like_jwt(std::string_view credential);
// RFC 6750 section 2.1, at most 4 KiB. Nothing else is sent to an introspection endpoint.
[[nodiscard]] bool is_bearer_token(std::string_view credential);

// application/x-www-form-urlencoded.
[[nodiscard]] std::string introspection_body(std::string_view token);
// "Basic ..." with both parts form-encoded first (RFC 6749 section 2.3.1).
[[nodiscard]] std::string basic_authorization(std::string_view client_id, std::string_view secret);
// An active token is judged by the issuer's rules like the payload of a JWT. What is no answer at
// all is `malformed`.
[[nodiscard]] std::variant<Accepted, Rejected> read_introspection(std::string_view body,
                                                                  std::string_view token,
                                                                  const IssuerConfig& rules,
                                                                  WallTime now);

[[nodiscard]] std::string token_review_body(std::string_view token,
                                            const std::vector<std::string>& audiences);
// Nothing when the cluster knows the token, for our audience and for this subject.
[[nodiscard]] std::optional<Rejected> read_token_review(std::string_view body,
                                                        std::string_view subject,
                                                        const std::vector<std::string>& audiences);

}  // namespace keyward::identity
