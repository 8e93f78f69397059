#include "agent/oauth.h"

#include "keyward/base/json_member.h"

#include "keyward/base/hash.h"
#include "keyward/base/log.h"
#include "keyward/identity/dev_issuer.h"
#include "keyward/net/sigv4.h"

#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <openssl/evp.h>

#include <algorithm>
#include <chrono>

namespace keyward::agent {

namespace {

constexpr std::chrono::seconds kAssertionLife{60};

boost::json::object parse_object(std::string_view body) {
  boost::system::error_code bad;
  boost::json::value value = boost::json::parse(body, bad);
  if (bad || !value.is_object()) return {};
  return std::move(value.get_object());
}

std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// RFC 7523 section 3, signed with the client's own key.
Result<Secret> assertion(const OAuthSettings& settings) {
  auto key = identity::SigningKey::load(settings.key_file);
  if (!key) return key.error();
  const std::int64_t now = now_seconds();
  const boost::json::object claims{{"iss", settings.client_id},
                                   {"sub", settings.client_id},
                                   {"aud", settings.token_endpoint},
                                   {"jti", hex(random_bytes(16))},
                                   {"iat", now},
                                   {"exp", now + kAssertionLife.count()}};
  return key->sign(claims, "JWT");
}

}  // namespace

std::string form_text(const Form& form) {
  std::string out;
  for (const auto& [name, value] : form) {
    if (!out.empty()) out += '&';
    out += net::sigv4::uri_encode(name) + "=" + net::sigv4::uri_encode(value);
  }
  return out;
}

std::string basic_credentials(std::string_view id, std::string_view secret) {
  const std::string plain = net::sigv4::uri_encode(id) + ":" + net::sigv4::uri_encode(secret);
  std::string out((plain.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(plain.data()),
                                   static_cast<int>(plain.size()));
  out.resize(static_cast<std::size_t>(std::max(size, 0)));
  return "Basic " + out;
}

Result<Token> read_token_answer(const boost::json::object& answer, const std::string& source,
                                WallTime now) {
  Result<Token> token = make_token(Secret(text_of(answer, "access_token")), source);
  if (!token) return token;
  const boost::json::value* life = answer.if_contains("expires_in");
  if (life == nullptr || !life->is_number()) return token;
  const double seconds = std::clamp(life->to_number<double>(), 0.0, 1e9);
  const WallTime end = now + std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6));
  token->expires = token->expires ? std::min(*token->expires, end) : end;
  return token;
}

std::string error_word(std::string_view body) { return text_of(parse_object(body), "error"); }

Error read_error_answer(int status, std::string_view body, const std::string& what) {
  const boost::json::object answer = parse_object(body);
  std::string text = what + " answered " + std::to_string(status);
  if (const std::string word = text_of(answer, "error"); !word.empty())
    text += " " + log::printable(word, 64);
  if (const std::string more = text_of(answer, "error_description"); !more.empty())
    text += " (" + log::printable(more, 200) + ")";
  const bool passing = status == 429 || status >= 500;
  return {passing ? Errc::unavailable : Errc::unauthorized, std::move(text)};
}

void OAuthClient::discover(std::function<void(Result<>)> done) {
  if (discovered_ || settings_.issuer.empty()) {
    boost::asio::post(io_, [done = std::move(done)] { done({}); });
    return;
  }
  std::string url = settings_.issuer;
  if (url.ends_with('/')) url.pop_back();
  net::HttpRequest request;
  request.url = url + "/.well-known/openid-configuration";
  request.headers = {{"Accept", "application/json"}};
  request.allow_private = true;
  net::http_fetch(io_, settings_.tls, std::move(request),
                  [this, done = std::move(done)](const Result<net::HttpResponse>& document) {
                    done(document ? learn(*document) : Result<>(document.error()));
                  });
}

// RFC 8414 section 3.3: a document of somebody else is refused. What is configured stays.
Result<> OAuthClient::learn(const net::HttpResponse& document) {
  const std::string what = "the issuer " + settings_.issuer;
  if (document.status != 200) return read_error_answer(document.status, document.body, what);
  const boost::json::object facts = parse_object(document.body);
  if (text_of(facts, "issuer") != settings_.issuer)
    return Error(Errc::invalid, what +
                                    " calls itself something else; write its name exactly as "
                                    "its configuration document does");
  if (settings_.token_endpoint.empty()) settings_.token_endpoint = text_of(facts, "token_endpoint");
  if (settings_.device_endpoint.empty())
    settings_.device_endpoint = text_of(facts, "device_authorization_endpoint");
  if (settings_.token_endpoint.empty())
    return Error(Errc::invalid, what + " has no token endpoint");
  discovered_ = true;
  return {};
}

Result<> OAuthClient::prove(net::HttpRequest& request, Form& form) const {
  const bool in_form = settings_.secret_in_body || !settings_.client_secret;
  if (in_form) form.emplace_back("client_id", settings_.client_id);
  if (!settings_.key_file.empty()) {
    Result<Secret> proof = assertion(settings_);
    if (!proof) return proof.error();
    form.emplace_back("client_assertion_type",
                      "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    form.emplace_back("client_assertion", proof->reveal());
  } else if (settings_.client_secret) {
    Result<Secret> secret = settings_.client_secret();
    if (!secret) return secret.error();
    if (in_form) {
      form.emplace_back("client_secret", secret->reveal());
    } else {
      request.headers.emplace_back("Authorization",
                                   basic_credentials(settings_.client_id, secret->reveal()));
    }
  }
  return {};
}

void OAuthClient::post(const std::string& url, Form form, Answer done) {
  net::HttpRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"Accept", "application/json"},
                     {"Content-Type", "application/x-www-form-urlencoded"}};
  request.allow_private = true;
  request.deadline = std::chrono::seconds(10);
  if (Result<> proved = prove(request, form); !proved) {
    boost::asio::post(io_, [done = std::move(done), why = proved.error()] { done(why); });
    return;
  }
  request.body = form_text(form);
  net::http_fetch(io_, settings_.tls, std::move(request), std::move(done));
}

}  // namespace keyward::agent
