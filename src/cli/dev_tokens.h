// Tokens of the development issuer: claims as values, and which claims a grant's `who` asks for.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/identity/principal.h"
#include "keyward/policy/snapshot.h"

#include <boost/json/object.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::cli {

inline constexpr const char* kDevAlias = "dev";
inline constexpr const char* kDevAudience = "keyward";

// The `iss` of an alias: "https://<alias>.dev.keyward.test".
[[nodiscard]] std::string dev_issuer(std::string_view alias);

struct TokenRequest {
  std::string alias = kDevAlias;
  std::string subject;
  std::vector<std::string> groups;
  boost::json::object claims;  // beside the ones above
  std::chrono::seconds ttl{std::chrono::hours(1)};
};

// Sets `object`.a.b for the dotted path "a.b"; a path with "/" (a URL) is one name.
void set_claim(boost::json::object& object, std::string_view path, boost::json::value value);

// iss sub aud iat nbf exp jti groups and the rest.
[[nodiscard]] boost::json::object token_claims(const TokenRequest& request, WallTime now,
                                               std::string_view token_id);

// What fits one entry of a grant's `who`: its subject (a star becomes "dev"), its first group, its
// claims.
[[nodiscard]] TokenRequest request_for(const policy::GrantInfo& grant, const policy::Who& who);

// Every alias that a `who` names, and `dev`; sorted, each once.
[[nodiscard]] std::vector<std::string> issuer_aliases(const policy::Snapshot& snapshot);

// The alias of the first `who` that this subject and these groups fit; `dev` when there is none.
[[nodiscard]] std::string alias_for(const policy::Snapshot& snapshot, const TokenRequest& request);

// A file name for a grant: letters, digits, "_", ".", "-"; everything else becomes "_".
[[nodiscard]] std::string token_file_name(std::string_view grant);

}  // namespace keyward::cli
