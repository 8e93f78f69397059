#include "keyward/net/endpoint.h"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

namespace keyward::net {
namespace {

constexpr std::uint16_t kRedisPort = 6379;
constexpr std::size_t kMaxSocketPath = 107;  // sun_path of unix(7), less its terminating zero
constexpr std::size_t kMaxHost = 253;        // RFC 1035 2.3.4, as text

Error invalid(std::string message) { return Error(Errc::invalid, std::move(message)); }

// Letters, digits, and what stands in names and addresses: nothing that would read differently when
// it is written again.
bool is_host(std::string_view host) {
  return host.size() <= kMaxHost && std::ranges::all_of(host, [](char byte) {
           return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                  (byte >= '0' && byte <= '9') || byte == '.' || byte == '-' || byte == '_' ||
                  byte == ':';
         });
}

std::string shown(std::string_view host) {
  return host.find(':') == std::string_view::npos ? std::string(host)
                                                  : "[" + std::string(host) + "]";
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) {
    return invalid("the port must be a number from 0 to 65535");
  }
  return port;
}

Result<Endpoint> parse_unix(const boost::urls::url_view& url) {
  if (!url.encoded_host().empty()) {
    return invalid("a unix socket needs three slashes: unix:///run/redis.sock");
  }
  Endpoint endpoint{Endpoint::Kind::unix_socket, url.path(), 0};
  if (endpoint.host.size() < 2) return invalid("unix:// needs the path of the socket");
  if (endpoint.host.find('\0') != std::string::npos || endpoint.host.size() > kMaxSocketPath) {
    return invalid("the path of the unix socket is longer than 107 bytes or holds a zero byte");
  }
  return endpoint;
}

Result<Endpoint> parse_tcp(const boost::urls::url_view& url, Endpoint::Kind kind) {
  const std::string path = url.path();
  if (!path.empty() && path != "/") {
    return invalid("the URL must not name a database: grants do (databases: [0])");
  }
  Endpoint endpoint{kind, url.host_address(), kRedisPort};
  if (endpoint.host.empty() || !is_host(endpoint.host)) {
    return invalid("the URL needs a host name or address: redis://127.0.0.1:6379");
  }
  if (url.has_port() && !url.port().empty()) {
    const auto port = parse_port(url.port());
    if (port.has_error() || *port == 0) return invalid("the port must be from 1 to 65535");
    endpoint.port = *port;
  }
  return endpoint;
}

}  // namespace

std::string Endpoint::text() const {
  switch (kind) {
    case Kind::unix_socket:
      return "unix://" + host;
    case Kind::tls:
      return "rediss://" + shown(host) + ":" + std::to_string(port);
    case Kind::tcp:
      break;
  }
  return "redis://" + shown(host) + ":" + std::to_string(port);
}

bool Endpoint::is_loopback() const {
  if (kind == Kind::unix_socket) return true;
  if (host == "localhost" || host == "::1") return true;
  unsigned char v4[4] = {};
  return inet_pton(AF_INET, host.c_str(), v4) == 1 && v4[0] == 127;
}

Result<Endpoint> parse_redis_url(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (parsed.has_error()) {
    return invalid("not a URL; write redis://host:6379, rediss://host:6379 or unix:///path");
  }
  const boost::urls::url_view url = *parsed;
  if (url.has_userinfo()) {
    return invalid("no user or password in the URL: use upstream.user and upstream.password_file");
  }
  if (url.has_query() || url.has_fragment()) {
    return invalid("no options in the URL: use the settings beside it, for example tls");
  }
  if (url.scheme() == "unix") return parse_unix(url);
  if (url.scheme() == "redis") return parse_tcp(url, Endpoint::Kind::tcp);
  if (url.scheme() == "rediss") return parse_tcp(url, Endpoint::Kind::tls);
  return invalid("the URL must begin with redis://, rediss:// or unix://");
}

Result<Endpoint> parse_listen(std::string_view text) {
  Endpoint endpoint;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return invalid("a listen address is host:port, for example 127.0.0.1:6380");
  }
  const auto port = parse_port(text.substr(colon + 1));
  if (port.has_error()) return port.error();
  endpoint.port = *port;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (has_colon != bracketed) return invalid("write an IPv6 address in brackets: [::1]:6380");
  if (!is_host(host)) {
    return invalid(
        "the host of a listen address is too long or holds a character that no host has");
  }
  endpoint.host = std::string(host);
  return endpoint;
}

}  // namespace keyward::net
