#include "net/http_exchange.h"

#include "keyward/base/ascii.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <openssl/x509v3.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace keyward::net {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kMaxHeader = 16UL * 1024;
constexpr std::size_t kMaxAddresses = 4;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

Result<HttpTarget> read_url(const HttpRequest& request) {
  const auto url = boost::urls::parse_uri(request.url);
  if (url.has_error()) return Error(Errc::invalid, "the URL is malformed");
  HttpTarget target;
  target.tls = url->scheme() == "https";
  if (!target.tls && (url->scheme() != "http" || !request.allow_plain)) {
    return Error(Errc::invalid, "the URL must be https://");
  }
  if (url->has_userinfo() || url->has_fragment()) {
    return Error(Errc::invalid, "the URL must have no user and no fragment");
  }
  target.literal = url->host_type() == boost::urls::host_type::ipv4 ||
                   url->host_type() == boost::urls::host_type::ipv6;
  target.host = url->host_address();
  const bool plain_name = std::all_of(target.host.begin(), target.host.end(), is_plain);
  if (target.host.empty() || (!target.literal && !plain_name)) {
    return Error(Errc::invalid, "the URL has no usable host");
  }
  target.port = target.tls ? "443" : "80";
  if (url->has_port()) {
    const std::string_view digits(url->port().data(), url->port().size());
    std::uint16_t number = 0;
    const auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (failed != std::errc() || end != digits.data() + digits.size() || number == 0) {
      return Error(Errc::invalid, "the URL has no usable port");
    }
    target.port = std::to_string(number);
  }
  target.path = url->encoded_target();
  if (target.path.empty() || target.path.front() != '/') target.path.insert(0, 1, '/');
  target.connect_host = target.host;
  target.connect_port = target.port;
  if (!request.connect_to.empty()) {
    const std::size_t colon = request.connect_to.rfind(':');
    if (colon == std::string::npos) return Error(Errc::invalid, "connect_to is host:port");
    target.connect_host = request.connect_to.substr(0, colon);
    target.connect_port = request.connect_to.substr(colon + 1);
  }
  return target;
}

http::request<http::string_body> make_message(const HttpRequest& request, const HttpTarget& target,
                                              bool keep) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.target(target.path);
  const bool usual_port = target.port == (target.tls ? "443" : "80");
  const bool colons = target.host.find(':') != std::string::npos;
  message.set(http::field::host, (colons ? "[" + target.host + "]" : target.host) +
                                     (usual_port ? "" : ":" + target.port));
  message.set(http::field::user_agent, "keyward/" KEYWARD_VERSION);
  message.set(http::field::accept_encoding, "identity");  // nothing to inflate, no zip bomb
  if (!keep) message.set(http::field::connection, "close");
  for (const auto& [name, value] : request.headers) message.set(name, value);
  message.body() = request.body;
  if (!request.body.empty() || request.method == "POST") message.prepare_payload();
  return message;
}

Error failure(const HttpTarget& target, const char* what, const error_code& code) {
  return {Errc::unavailable, target.host + ": " + what + ": " + code.message()};
}

// Nothing when connected. Resolves once; what is connected to is what was judged, so a second
// answer of the name server changes nothing.
asio::awaitable<std::optional<Error>> connect_to(HttpExchange& exchange, const HttpTarget& target) {
  const auto flags = tcp::resolver::numeric_service;
  auto [failed, found] = co_await exchange.resolver.async_resolve(
      target.connect_host, target.connect_port, flags, kAsTuple);
  if (failed) co_return failure(target, "name not resolved", failed);
  std::size_t tried = 0;
  error_code last = asio::error::host_not_found;
  for (const auto& entry : found) {
    const tcp::endpoint endpoint = entry.endpoint();
    const bool permitted =
        address_permitted(endpoint.address(), exchange.request.allow_private) ||
        (exchange.request.allow_metadata && metadata_service(endpoint.address()));
    if (!permitted) continue;
    if (exchange.over() || ++tried > kMaxAddresses) break;
    error_code ignored;
    exchange.connection->socket.close(ignored);
    auto [refused] = co_await exchange.connection->socket.async_connect(endpoint, kAsTuple);
    if (!refused) {
      exchange.connection->socket.set_option(tcp::no_delay(true), ignored);
      co_return std::nullopt;
    }
    last = refused;
  }
  if (tried == 0) {
    co_return Error(Errc::forbidden, target.host + ": resolves to no address that may be used");
  }
  co_return failure(target, "not connected", last);
}

Result<HttpResponse> read_answer(const HttpRequest& request, const HttpTarget& target,
                                 http::response_parser<http::string_body>& parser,
                                 const error_code& unread) {
  if (unread == http::error::body_limit) {
    return Error(Errc::limit, target.host + ": the answer is above " +
                                  std::to_string(request.max_body) + " bytes");
  }
  if (unread) return failure(target, "no complete answer", unread);
  auto& answer = parser.get();
  const auto encoding = answer[http::field::content_encoding];
  if (!encoding.empty() && encoding != "identity") {
    return Error(Errc::invalid,
                 target.host + ": the answer is compressed although none was asked for");
  }
  HttpResponse response;
  response.status = static_cast<int>(answer.result_int());
  response.content_type = std::string(answer[http::field::content_type]);
  response.cache_control = std::string(answer[http::field::cache_control]);
  response.retry_after = std::string(answer[http::field::retry_after]);
  response.body = std::move(answer.body());
  return response;
}

template <class Stream>
asio::awaitable<Result<HttpResponse>> talk(HttpExchange& exchange, const HttpTarget& target,
                                           Stream& stream) {
  exchange.silent = true;
  auto message = make_message(exchange.request, target, exchange.give != nullptr);
  auto [unsent, sent] = co_await http::async_write(stream, message, kAsTuple);
  if (unsent) co_return failure(target, "request not sent", unsent);
  boost::beast::flat_buffer buffer(2 * kMaxHeader);
  http::response_parser<http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(kMaxHeader));
  parser.body_limit(exchange.request.max_body);
  auto [unread, got] = co_await http::async_read(stream, buffer, parser, kAsTuple);
  exchange.silent = unread && !parser.got_some() && buffer.size() == 0;
  exchange.keep = exchange.give && !unread && parser.keep_alive() && buffer.size() == 0;
  co_return read_answer(exchange.request, target, parser, unread);
}

// The certificate must be valid for the host of the URL, whatever the context's own defaults are.
SSL* make_ssl(SSL_CTX& context, const HttpTarget& target) {
  SslPtr ssl(SSL_new(&context), &SSL_free);
  if (!ssl) return nullptr;
  SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);
  SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool named =
      target.literal
          ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), target.host.c_str()) == 1
          : SSL_set1_host(ssl.get(), target.host.c_str()) == 1 &&
                SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                         const_cast<char*>(target.host.c_str())) == 1;
  return named ? ssl.release() : nullptr;
}

// Nothing when the connection is ready for requests.
asio::awaitable<std::optional<Error>> open(HttpExchange& exchange, const HttpTarget& target) {
  exchange.connection = std::make_unique<HttpConnection>(exchange.io);
  const auto unconnected = co_await connect_to(exchange, target);
  if (unconnected || !target.tls || exchange.over()) co_return unconnected;
  SSL* const ssl = exchange.tls ? make_ssl(*exchange.tls, target) : nullptr;
  if (ssl == nullptr) co_return Error(Errc::internal, target.host + ": no TLS context");
  HttpConnection& connection = *exchange.connection;
  connection.context = exchange.tls;
  connection.tls = std::make_unique<asio::ssl::stream<tcp::socket&>>(connection.socket, ssl);
  auto [failed] =
      co_await connection.tls->async_handshake(asio::ssl::stream_base::client, kAsTuple);
  if (!failed) co_return std::nullopt;
  const long verdict = SSL_get_verify_result(ssl);
  if (verdict != X509_V_OK) {
    co_return Error(Errc::unavailable, target.host + ": certificate refused: " +
                                           X509_verify_cert_error_string(verdict));
  }
  co_return failure(target, "TLS handshake failed", failed);
}

asio::awaitable<Result<HttpResponse>> speak(HttpExchange& exchange, const HttpTarget& target) {
  HttpConnection& connection = *exchange.connection;
  if (connection.tls) co_return co_await talk(exchange, target, *connection.tls);
  co_return co_await talk(exchange, target, connection.socket);
}

std::string origin_of(const HttpRequest& request, const HttpTarget& target) {
  return std::string(target.tls ? "https" : "http") + (request.allow_private ? "+" : "-") +
         (request.allow_metadata ? "+" : "-") + target.host + ":" + target.port + " " +
         target.connect_host + ":" + target.connect_port;
}

asio::awaitable<void> run(std::shared_ptr<HttpExchange> exchange) {
  const auto target = read_url(exchange->request);
  if (target.has_error()) {
    exchange->finish(target.error());
    co_return;
  }
  const std::string origin = origin_of(exchange->request, *target);
  if (exchange->take) exchange->connection = exchange->take(origin, exchange->tls);
  bool kept = exchange->connection != nullptr;
  for (;;) {
    if (!kept) {
      const auto closed = co_await open(*exchange, *target);
      if (exchange->over()) co_return;
      if (closed) {
        exchange->finish(*closed);
        co_return;
      }
      exchange->connection->origin = origin;
    }
    auto answer = co_await speak(*exchange, *target);
    if (exchange->over()) co_return;
    if (kept && exchange->silent && !exchange->once) {  // it ended while nobody used it
      kept = false;
      continue;
    }
    if (exchange->keep) exchange->give(std::move(exchange->connection));
    exchange->finish(std::move(answer));
    co_return;
  }
}

}  // namespace

void HttpExchange::abandon() {
  done = nullptr;
  deadline.cancel();
  resolver.cancel();
  error_code ignored;
  if (connection) connection->socket.close(ignored);
}

void HttpExchange::finish(Result<HttpResponse> result) {
  if (!done) return;
  const auto callback = std::exchange(done, nullptr);
  abandon();
  callback(std::move(result));
}

void run_exchange(const std::shared_ptr<HttpExchange>& exchange) {
  exchange->deadline.expires_after(exchange->request.deadline);
  exchange->deadline.async_wait([exchange](const error_code& stopped) {
    if (!stopped) exchange->finish(Error(Errc::timeout, "no complete answer within the deadline"));
  });
  asio::co_spawn(exchange->io, run(exchange), [exchange](const std::exception_ptr& thrown) {
    if (thrown) exchange->finish(Error(Errc::internal, "the request failed unexpectedly"));
  });
}

}  // namespace keyward::net
