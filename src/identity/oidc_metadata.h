// What discovery and key servers answer, judged: metadata, content types, cache headers. Pure.
#pragma once

#include "keyward/base/result.h"
#include "keyward/identity/issuer_config.h"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::identity {

// Where the issuer's metadata may be, in order: OpenID Connect Discovery 1.0 section 4, then RFC
// 8414 section 3.
[[nodiscard]] std::vector<std::string> discovery_urls(const std::string& issuer);

// The jwks_uri of a metadata document whose issuer is exactly the configured one. The key server
// must be the issuer's own host and port, or one of its key_hosts at port 443: otherwise the
// document could send us anywhere.
[[nodiscard]] Result<std::string> read_metadata(std::string_view document,
                                                const IssuerConfig& issuer);

// Both are https URLs with one host and port.
[[nodiscard]] bool same_origin(std::string_view one, std::string_view other);

// application/json, application/jwk-set+json and other application/...+json.
[[nodiscard]] bool is_json_type(std::string_view content_type);

// max-age within 5 minutes and 24 hours; `standard` when the header has none.
[[nodiscard]] std::chrono::seconds refresh_interval(std::string_view cache_control,
                                                    std::chrono::seconds standard);

}  // namespace keyward::identity
