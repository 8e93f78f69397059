#include "cli/admin_client.h"

#include "keyward/base/secret_source.h"
#include "keyward/net/https_client.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cstdlib>
#include <optional>

namespace keyward::cli {
namespace {

constexpr std::string_view kUsualUrl = "http://127.0.0.1:9380";
constexpr std::chrono::seconds kDeadline{30};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// An API without a password or token in the clear, except where nobody listens in.
bool is_loopback(std::string_view url) {
  for (const std::string_view host : {"http://127.0.0.1:", "http://localhost:", "http://[::1]:",
                                      "http://127.0.0.1/", "http://localhost/", "http://[::1]/"}) {
    if (url.starts_with(host)) return true;
  }
  return false;
}

}  // namespace

std::string AdminAnswer::error() const {
  const auto* text = body.if_contains("error");
  if (text != nullptr && text->is_string()) return std::string(text->get_string());
  return "the admin listener answered HTTP " + std::to_string(status);
}

void add_admin_place(CLI::App& verb, AdminPlace& place) {
  verb.add_option(
          "--admin", place.url,
          "The admin listener (default: $KEYWARD_ADMIN_URL, " + std::string(kUsualUrl) + ")")
      ->type_name("URL");
  verb.add_option("--ca", place.ca, "Who vouches for its certificate (default: $KEYWARD_CA)")
      ->type_name("FILE");
}

void add_admin_token(CLI::App& verb, AdminPlace& place) {
  verb.add_option("--admin-token-file", place.token_file,
                  "What admin.token_file holds there (default: $KEYWARD_ADMIN_TOKEN)")
      ->type_name("FILE");
}

Result<Secret> admin_token(const AdminPlace& place) {
  if (!place.token_file.empty()) return secret_from_file(place.token_file);
  return Secret(environment("KEYWARD_ADMIN_TOKEN"));
}

Result<AdminAnswer> ask_admin(const AdminPlace& place, std::string_view method,
                              std::string_view path, const Secret& bearer,
                              const boost::json::object& body) {
  std::string url = place.url.empty() ? environment("KEYWARD_ADMIN_URL") : place.url;
  if (url.empty()) url = kUsualUrl;
  while (url.ends_with('/')) url.pop_back();
  if (url.starts_with("http://") && !is_loopback(url + "/"))
    return Error(Errc::invalid,
                 "a token is not sent in the clear: write https://, or a loopback "
                 "address");
  net::ClientTlsConfig trust;
  trust.ca_file = place.ca.empty() ? environment("KEYWARD_CA") : place.ca;
  auto tls = net::make_client_context(trust);
  if (!tls) return tls.error();
  net::HttpRequest request;
  request.method = method;
  request.url = url + std::string(path);
  request.headers = {{"X-Keyward-Request", "1"}, {"Accept", "application/json"}};
  if (!bearer.empty())
    request.headers.emplace_back("Authorization", "Bearer " + std::string(bearer.reveal()));
  if (!body.empty()) {
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = boost::json::serialize(body);
  }
  request.allow_plain = request.allow_private = true;
  request.deadline = kDeadline;
  boost::asio::io_context io{1};
  std::optional<Result<net::HttpResponse>> got;
  net::http_fetch(io, *tls, std::move(request),
                  [&](Result<net::HttpResponse> response) { got = std::move(response); });
  io.run();
  if (!got) return Error(Errc::internal, "no answer came");
  if (!*got) return Error((*got).error().code(), url + ": " + (*got).error().message());
  AdminAnswer answer{.status = (*got)->status, .body = {}};
  boost::system::error_code bad;
  const auto value = boost::json::parse((*got)->body, bad);
  if (!bad && value.is_object()) answer.body = value.get_object();
  return answer;
}

}  // namespace keyward::cli
