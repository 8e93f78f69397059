// Is this JWT good for a login? Pure: token, keys, rules and time in; a principal or the reason
// out. Sections 5.1 to 5.9 of the order in docs/identity.md, one function per step.
#pragma once

#include "identity/jose.h"

#include "keyward/base/clock.h"
#include "keyward/identity/issuer_config.h"
#include "keyward/identity/principal.h"

#include <boost/json/object.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace keyward::identity {

inline constexpr std::size_t kMaxToken =
    16384;  // what Redis lets an unauthenticated client send as one argument

// `reason` is one of the stable words of docs/identity.md; `detail` a sentence without anything
// from the token.
struct Rejected {
  std::string_view reason;
  std::string detail;
};
// The token names a key this set does not have: newer keys may help.
struct KeyUnknown {
  std::string kid;
};
struct Accepted {
  Principal principal;
  WallTime valid_from{};   // nbf and iat have passed, leeway included
  WallTime valid_until{};  // exp and its leeway; the session may end before
};
using Outcome = std::variant<Accepted, KeyUnknown, Rejected>;

// Steps 1 to 3: shape, header, and which issuer the token claims to be from. Nothing in here is
// trusted yet.
struct ParsedToken {
  std::string_view text, signed_text;  // the whole token; what the signature is over
  const Algorithm* algorithm = nullptr;
  std::optional<std::string> kid;
  std::string typ;  // lower case, without "application/"; empty when absent
  std::string issuer;
  std::string signature;
  boost::json::object payload;
};
[[nodiscard]] std::variant<ParsedToken, Rejected> parse_token(std::string_view token);

// Steps 4 to 9 under one issuer's rules.
[[nodiscard]] Outcome check_token(ParsedToken token, const KeySet& keys, const IssuerConfig& rules,
                                  WallTime now);

// All steps for one issuer.
[[nodiscard]] Outcome validate(std::string_view token, const KeySet& keys,
                               const IssuerConfig& rules, WallTime now);

}  // namespace keyward::identity
