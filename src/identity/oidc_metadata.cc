#include "identity/oidc_metadata.h"

#include "identity/strict_json.h"

#include "keyward/base/ascii.h"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

namespace keyward::identity {

namespace {

constexpr std::size_t kMetadataDepth = 8;
constexpr std::chrono::seconds kSoonest = std::chrono::minutes(5);
constexpr std::chrono::seconds kLatest = std::chrono::hours(24);

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// "host:port" of an https URL.
std::optional<std::string> authority(std::string_view text) {
  const auto url = boost::urls::parse_uri(text);
  if (url.has_error() || url->scheme() != "https" || url->has_userinfo() || url->has_fragment()) {
    return std::nullopt;
  }
  const std::string host = url->host();
  if (host.empty()) return std::nullopt;
  return lowered(host) + ":" + (url->has_port() ? std::string(url->port()) : "443");
}

}  // namespace

bool same_origin(std::string_view one, std::string_view other) {
  const auto place = authority(one);
  return place && place == authority(other);
}

std::vector<std::string> discovery_urls(const std::string& issuer) {
  std::string base = issuer;
  if (base.ends_with('/')) base.pop_back();
  std::vector<std::string> urls{base + "/.well-known/openid-configuration"};
  const std::size_t scheme = base.find("://");
  if (scheme == std::string::npos) return urls;
  const std::size_t path = std::min(base.find('/', scheme + 3), base.size());
  urls.push_back(base.substr(0, path) + "/.well-known/oauth-authorization-server" +
                 base.substr(path));
  return urls;
}

Result<std::string> read_metadata(std::string_view document, const IssuerConfig& issuer) {
  const auto metadata = parse_object(document, kMetadataDepth);
  if (!metadata) return Error(Errc::invalid, "the metadata is no strict JSON object");
  if (string_member(*metadata, "issuer") != issuer.issuer) {
    return Error(Errc::invalid, "the metadata is that of another issuer");
  }
  const std::string uri(string_member(*metadata, "jwks_uri"));
  const auto keys_at = authority(uri);
  if (!keys_at) return Error(Errc::invalid, "jwks_uri in the metadata is no plain https:// URL");
  const bool listed =
      std::any_of(issuer.key_hosts.begin(), issuer.key_hosts.end(),
                  [&](const std::string& host) { return *keys_at == host + ":443"; });
  if (!listed && keys_at != authority(issuer.issuer)) {
    return Error(Errc::invalid,
                 "jwks_uri in the metadata is on another host; configure key_hosts or jwks_uri if "
                 "that is right");
  }
  return uri;
}

bool is_json_type(std::string_view content_type) {
  const std::string type = lowered(trimmed(content_type.substr(0, content_type.find(';'))));
  return type == "application/json" ||
         (type.starts_with("application/") && type.ends_with("+json"));
}

std::chrono::seconds refresh_interval(std::string_view cache_control,
                                      std::chrono::seconds standard) {
  const std::string header = lowered(cache_control);
  std::string_view rest = header;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view directive = trimmed(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (directive == "no-store" || directive == "no-cache") return kSoonest;
    constexpr std::string_view kMaxAge = "max-age=";
    if (!directive.starts_with(kMaxAge)) continue;
    const std::string_view number = directive.substr(kMaxAge.size());
    std::int64_t seconds = 0;
    const auto [end, failed] =
        std::from_chars(number.data(), number.data() + number.size(), seconds);
    if (failed == std::errc::result_out_of_range) return kLatest;
    if (failed != std::errc() || end != number.data() + number.size()) continue;
    return std::clamp(std::chrono::seconds(seconds), kSoonest, kLatest);
  }
  return standard;
}

}  // namespace keyward::identity
