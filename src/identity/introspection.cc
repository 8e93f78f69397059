#include "identity/introspection.h"

#include "identity/claim_checks.h"
#include "identity/claims.h"
#include "identity/strict_json.h"

#include "keyward/base/ascii.h"
#include "keyward/net/sigv4.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>

namespace keyward::identity {

namespace {

namespace json = boost::json;

constexpr std::size_t kMaxOpaque = 4096;
constexpr std::size_t kAnswerDepth = 16;

bool token_character(char c) { return is_plain(c) || c == '~' || c == '+' || c == '/'; }

Rejected malformed() { return {"malformed", "the answer is no strict JSON of the expected shape"}; }

bool is_true(const json::object& object, std::string_view name) {
  const json::value* const member = object.if_contains(name);
  return member != nullptr && member->is_bool() && member->get_bool();
}

}  // namespace

bool looks_like_jwt(std::string_view credential) {
  return std::count(credential.begin(), credential.end(), '.') == 2;
}

bool is_bearer_token(std::string_view credential) {
  if (credential.size() > kMaxOpaque) return false;
  const std::size_t end = credential.find_last_not_of('=');
  if (end == std::string_view::npos) return false;
  credential = credential.substr(0, end + 1);
  return std::all_of(credential.begin(), credential.end(), token_character);
}

std::string introspection_body(std::string_view token) {
  return "token_type_hint=access_token&token=" + net::sigv4::uri_encode(token);
}

std::string basic_authorization(std::string_view client_id, std::string_view secret) {
  std::string pair = net::sigv4::uri_encode(client_id) + ":" + net::sigv4::uri_encode(secret);
  std::string text(4 * ((pair.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(pair.data()),
                                   static_cast<int>(pair.size()));
  text.resize(static_cast<std::size_t>(size));
  OPENSSL_cleanse(pair.data(), pair.size());
  return "Basic " + text;
}

std::variant<Accepted, Rejected> read_introspection(std::string_view body, std::string_view token,
                                                    const IssuerConfig& rules, WallTime now) {
  auto claims = parse_object(body, kAnswerDepth);
  if (!claims) return malformed();
  const json::value* const active = claims->if_contains("active");
  if (active == nullptr || !active->is_bool()) return malformed();
  if (!active->get_bool())
    return Rejected{"inactive", "the issuer says that the token is not active"};
  const json::value* const issuer = claims->if_contains("iss");
  if (issuer != nullptr && (!issuer->is_string() || issuer->get_string() != rules.issuer)) {
    return Rejected{"unknown_issuer", "the answer is about a token of another issuer"};
  }
  return judge_claims(std::move(*claims), token, rules, now);
}

std::string token_review_body(std::string_view token, const std::vector<std::string>& audiences) {
  const json::object review{
      {"apiVersion", "authentication.k8s.io/v1"},
      {"kind", "TokenReview"},
      {"spec", {{"token", token}, {"audiences", json::array(audiences.begin(), audiences.end())}}}};
  return json::serialize(review);
}

std::optional<Rejected> read_token_review(std::string_view body, std::string_view subject,
                                          const std::vector<std::string>& audiences) {
  const auto review = parse_object(body, kAnswerDepth);
  if (!review || string_member(*review, "kind") != "TokenReview") return malformed();
  const json::value* const member = review->if_contains("status");
  const json::object* const status = member == nullptr ? nullptr : member->if_object();
  if (status == nullptr) return malformed();
  const Rejected unknown{"token_review", "the cluster does not know this token for our audience"};
  if (!is_true(*status, "authenticated")) return unknown;
  if (text_claim(*status, "user.username").value_or("") != subject) return unknown;
  const json::value* const list = status->if_contains("audiences");
  const json::array* const confirmed = list == nullptr ? nullptr : list->if_array();
  if (confirmed == nullptr) return unknown;
  const bool ours = std::any_of(confirmed->begin(), confirmed->end(), [&](const json::value& one) {
    return one.is_string() && std::find(audiences.begin(), audiences.end(),
                                        std::string_view(one.get_string())) != audiences.end();
  });
  if (!ours) return unknown;
  return std::nullopt;
}

}  // namespace keyward::identity
