// A small HTTP(S) GET/POST client with limits: no redirects, bounded body, one deadline, address
// policy.
#pragma once

#include "keyward/base/result.h"
#include "keyward/net/tls.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::net {

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // https:// only, unless allow_plain
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // "host:port" to connect to instead; Host and the name in the certificate stay those of the URL.
  std::string connect_to;
  bool allow_plain = false;  // http:// for tests and loopback admin only
  // Private and loopback addresses; link-local and metadata addresses are never allowed.
  bool allow_private = false;
  // The clouds' credential services (metadata_service()), for URLs that are ours or the platform's.
  bool allow_metadata = false;
  std::size_t max_body = 512UL * 1024;
  std::chrono::milliseconds deadline{5000};
};
struct HttpResponse {
  int status = 0;
  std::string content_type, cache_control, retry_after, body;
};

// Retry-After (RFC 9110, 10.2.3): seconds or a date. At most an hour; nullopt when it is neither.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(
    std::string_view header, std::chrono::system_clock::time_point now);

// Whether the client may connect there. Never: link-local, metadata services, multicast,
// unspecified and reserved addresses, also when wrapped in IPv6 (mapped, NAT64, 6to4). Private,
// shared (100.64/10) and loopback ones only when `allow_private`.
[[nodiscard]] bool address_permitted(const boost::asio::ip::address& address, bool allow_private);

// 169.254.169.254, 169.254.170.2, 169.254.170.23, fd00:ec2::254, fd00:ec2::23: instance and
// container credentials of AWS.
[[nodiscard]] bool metadata_service(const boost::asio::ip::address& address);

// `done` runs exactly once on the io_context's thread, never from inside the call. Resolves once
// and connects to that address.
void http_fetch(boost::asio::io_context& io, SslContext tls, HttpRequest request,
                std::function<void(Result<HttpResponse>)> done);

}  // namespace keyward::net
