#include "identity/jwt.h"

#include "identity/claim_checks.h"
#include "identity/strict_json.h"

#include "keyward/base/hash.h"

#include <algorithm>
#include <array>
#include <utility>

namespace keyward::identity {

namespace {

namespace json = boost::json;

constexpr std::size_t kMaxHeader = 4096;
constexpr std::size_t kMaxPayload = 12288;
constexpr std::size_t kHeaderDepth = 8;
constexpr std::size_t kPayloadDepth = 16;
constexpr std::size_t kMaxKid = 512;

struct Parts {
  std::string header, payload, signature;
};

// Step 1. Dots are counted before anything is split or copied (CVE-2025-30204).
std::variant<Parts, Rejected> split(std::string_view token) {
  if (token.size() > kMaxToken) return Rejected{"too_large", "the token is above 16 KiB"};
  std::array<std::size_t, 2> dots{};
  std::size_t count = 0;
  for (std::size_t at = 0; at < token.size(); ++at) {
    if (token[at] != '.') continue;
    if (count == dots.size()) return Rejected{"not_a_jwt", "the credential has too many parts"};
    dots[count++] = at;
  }
  if (count != dots.size()) return Rejected{"not_a_jwt", "the credential is no compact JWS"};
  const std::string_view header = token.substr(0, dots[0]);
  const std::string_view payload = token.substr(dots[0] + 1, dots[1] - dots[0] - 1);
  const std::string_view signature = token.substr(dots[1] + 1);
  if (header.empty() || payload.empty() || signature.empty()) {
    return Rejected{"not_a_jwt", "a part of the token is empty"};
  }
  auto header_bytes = base64url_decode(header);
  auto payload_bytes = base64url_decode(payload);
  auto signature_bytes = base64url_decode(signature);
  if (!header_bytes || !payload_bytes || !signature_bytes) {
    return Rejected{"encoding", "a part of the token is no canonical base64url"};
  }
  return Parts{std::move(*header_bytes), std::move(*payload_bytes), std::move(*signature_bytes)};
}

// Media types are case-insensitive, and "application/" may be left out (RFC 7515 section 4.1.9).
std::string media_type(std::string_view text) {
  std::string type(text);
  std::transform(type.begin(), type.end(), type.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  constexpr std::string_view kPrefix = "application/";
  if (type.starts_with(kPrefix)) type.erase(0, kPrefix.size());
  return type;
}

// Step 2. jwk, jku, x5u and x5c are never read: a token cannot bring its own key.
std::optional<Rejected> read_header(std::string_view text, ParsedToken& token) {
  if (text.size() > kMaxHeader) return Rejected{"header_json", "the token's header is above 4 KiB"};
  const auto header = parse_object(text, kHeaderDepth);
  if (!header) return Rejected{"header_json", "the token's header is no strict JSON object"};
  token.algorithm = find_algorithm(string_member(*header, "alg"));
  if (token.algorithm == nullptr) {
    return Rejected{"alg_not_allowed", "the token's algorithm is never allowed"};
  }
  if (header->contains("crit") || header->contains("b64")) {
    return Rejected{"header_crit", "the token's header asks for an extension"};
  }
  if (const json::value* const typ = header->if_contains("typ"); typ != nullptr) {
    if (typ->is_string()) token.typ = media_type(string_member(*header, "typ"));
    if (token.typ != "jwt" && token.typ != "at+jwt") {
      return Rejected{"header_typ", "the token's typ is neither JWT nor at+jwt"};
    }
  }
  if (header->contains("kid")) {
    const std::string_view name = string_member(*header, "kid");
    if (name.empty() || name.size() > kMaxKid) {
      return Rejected{"header_kid", "the token's kid is no string of 1 to 512 bytes"};
    }
    token.kid = name;
  }
  return std::nullopt;
}

// Step 3 wants only `iss`; the payload is parsed once, strictly, and this result is what step 6
// goes on with.
std::optional<Rejected> peek_issuer(std::string_view text, ParsedToken& token) {
  if (text.size() > kMaxPayload) {
    return Rejected{"payload_json", "the token's payload is above 12 KiB"};
  }
  auto payload = parse_object(text, kPayloadDepth);
  if (!payload) return Rejected{"payload_json", "the token's payload is no strict JSON object"};
  token.payload = std::move(*payload);
  token.issuer = string_member(token.payload, "iss");
  if (token.issuer.empty()) return Rejected{"unknown_issuer", "the token names no issuer"};
  return std::nullopt;
}

Outcome refuse(Rejected rejected) { return rejected; }

}  // namespace

std::variant<ParsedToken, Rejected> parse_token(std::string_view text) {
  auto parts = split(text);
  if (auto* rejected = std::get_if<Rejected>(&parts)) return std::move(*rejected);
  Parts& bytes = std::get<Parts>(parts);
  ParsedToken token;
  token.text = text;
  token.signed_text = text.substr(0, text.rfind('.'));
  token.signature = std::move(bytes.signature);
  if (auto rejected = read_header(bytes.header, token)) return std::move(*rejected);
  if (auto rejected = peek_issuer(bytes.payload, token)) return std::move(*rejected);
  return token;
}

Outcome check_token(ParsedToken token, const KeySet& keys, const IssuerConfig& rules,
                    WallTime now) {
  if (token.issuer != rules.issuer) {
    return refuse({"unknown_issuer", "the token is from another issuer"});
  }
  const std::string_view alg = token.algorithm->name;
  if (std::find(rules.algorithms.begin(), rules.algorithms.end(), alg) == rules.algorithms.end()) {
    return refuse({"alg_not_allowed", "the issuer is not allowed to use this algorithm"});
  }
  if (token.typ == "at+jwt" && rules.token_kind != TokenKind::access) {
    return refuse({"header_typ", "an access token where the issuer should give another kind"});
  }
  const KeySet::Chosen chosen = keys.choose(alg, token.kid ? &*token.kid : nullptr);
  switch (chosen.choice) {
    case KeySet::Choice::found:
      break;
    case KeySet::Choice::unknown:
      return KeyUnknown{token.kid.value_or("")};
    case KeySet::Choice::unfit:
      return refuse({"key_mismatch", "the named key cannot be used with the token's algorithm"});
    case KeySet::Choice::ambiguous:
      return refuse({"ambiguous_key", "the token names no key and several would fit"});
  }
  if (!signature_holds(*chosen.key, *token.algorithm, token.signed_text, token.signature)) {
    return refuse({"signature", "the signature does not hold"});
  }
  auto judged = judge_claims(std::move(token.payload), token.text, rules, now);
  if (auto* rejected = std::get_if<Rejected>(&judged)) return refuse(std::move(*rejected));
  return std::move(std::get<Accepted>(judged));
}

Outcome validate(std::string_view text, const KeySet& keys, const IssuerConfig& rules,
                 WallTime now) {
  auto parsed = parse_token(text);
  if (auto* rejected = std::get_if<Rejected>(&parsed)) return refuse(std::move(*rejected));
  return check_token(std::move(std::get<ParsedToken>(parsed)), keys, rules, now);
}

}  // namespace keyward::identity
