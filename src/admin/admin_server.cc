#include "keyward/admin/admin_server.h"

#include "admin/api.h"
#include "admin/pages.h"

#include "keyward/base/log.h"
#include "keyward/net/peer_certificate.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <map>
#include <optional>

namespace keyward::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

// A token may have 16 KiB, in the header or in the body.
constexpr std::size_t kMaxRequest = 20UL * 1024;
constexpr std::chrono::seconds kDeadline{10};
constexpr std::chrono::seconds kLongestAnswer{120};
constexpr std::size_t kMaxConnections = 64;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

using TlsStream = beast::ssl_stream<beast::tcp_stream>;

// What the connections of one server share; each of them keeps it alive.
struct Listening {
  Listening(asio::io_context& context, net::Endpoint where, net::SslContext ssl, Sources facts)
      : io(context),
        endpoint(std::move(where)),
        tls(std::move(ssl)),
        sources(std::move(facts)),
        acceptor(context) {}

  asio::io_context& io;
  net::Endpoint endpoint;
  net::SslContext tls;
  Sources sources;
  tcp::acceptor acceptor;
  std::uint16_t port = 0;
  bool stopped = false;
  bool loopback = true;  // nobody reaches it from elsewhere
  std::uint64_t next_id = 0;
  std::map<std::uint64_t, beast::tcp_stream*> open;  // live connections, to close them in stop()
};
using StatePtr = std::shared_ptr<Listening>;

using Request = http::request<http::string_body>;

std::string_view view(const boost::beast::string_view& text) { return {text.data(), text.size()}; }

ApiRequest api_request(const Request& request, const Listening& state,
                       const credential::Caller& caller) {
  return {.method = view(request.method_string()),
          .target = view(request.target()),
          .body = request.body(),
          .host = view(request[http::field::host]),
          .authorization = view(request[http::field::authorization]),
          .content_type = view(request[http::field::content_type]),
          .own_header = view(request["X-Keyward-Request"]),
          .from_browser_page =
              request.count(http::field::origin) > 0 || request.count("Sec-Fetch-Site") > 0,
          .peer = caller.source,
          .caller = caller,
          .loopback_listener = state.loopback};
}

http::response<http::string_body> to_response(const Request& request, Page page) {
  http::response<http::string_body> response(http::status(page.status), request.version());
  response.set(http::field::content_type, page.content_type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  if (!page.allow.empty()) response.set(http::field::allow, page.allow);
  response.keep_alive(request.keep_alive());
  response.content_length(page.body.size());
  if (request.method() != http::verb::head) response.body() = std::move(page.body);
  return response;
}

http::response<http::string_body> bare_refusal(http::status status) {
  http::response<http::string_body> response(status, 11);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.keep_alive(false);
  response.body() = std::string(http::obsolete_reason(status)) + "\n";
  response.prepare_payload();
  return response;
}

// What a request that cannot be read deserves; unknown = nothing, the peer is gone.
http::status status_for(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return http::status::request_header_fields_too_large;
  }
  if (error == http::error::body_limit) return http::status::payload_too_large;
  if (error == http::error::end_of_stream || error == http::error::partial_message) {
    return http::status::unknown;
  }
  return error.category() == http::make_error_code(http::error::bad_method).category()
             ? http::status::bad_request
             : http::status::unknown;
}

// An answer that may take a while: set by a callback, waited for by a coroutine.
struct Waiting {
  explicit Waiting(asio::io_context& io) : timer(io) {}
  asio::steady_timer timer;
  std::optional<Page> page;
};

asio::awaitable<Page> page_for(const Request& request, StatePtr state,
                               const credential::Caller& caller) {
  if (!is_api(view(request.target()))) {
    co_return render(
        {view(request.method_string()), view(request.target()), view(request[http::field::accept])},
        state->sources);
  }
  auto waiting = std::make_shared<Waiting>(state->io);
  answer_api(api_request(request, *state, caller), state->sources, [waiting](Page page) {
    waiting->page.emplace(std::move(page));
    waiting->timer.cancel();
  });
  if (!waiting->page) {
    waiting->timer.expires_after(kLongestAnswer);
    co_await waiting->timer.async_wait(kTuple);
  }
  Page late;
  late.status = 504;
  late.body = "still under way; ask /v1/policy later\n";
  co_return waiting->page ? std::move(*waiting->page) : std::move(late);
}

credential::Caller caller_of(const tcp::socket& socket) {
  credential::Caller caller;
  error_code unknown;
  const auto peer = socket.remote_endpoint(unknown);
  caller.source = unknown ? std::string("unknown") : peer.address().to_string();
  if (!unknown) caller.port = peer.port();
  return caller;
}

// After the handshake.
credential::Caller caller_of(TlsStream& stream) {
  credential::Caller caller = caller_of(beast::get_lowest_layer(stream).socket());
  SSL* const ssl = stream.native_handle();
  caller.tls_version = SSL_get_version(ssl);
  caller.tls_cipher = SSL_get_cipher_name(ssl);
  if (const auto certificate = net::peer_certificate(*ssl))
    caller.certificate = certificate->sha256;
  return caller;
}

// One connection: requests one after the other, each with its own deadline.
template <class Stream>
asio::awaitable<void> answer_requests(Stream& stream, StatePtr state, credential::Caller caller) {
  beast::flat_buffer buffer(kMaxRequest);
  while (!state->stopped) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(kMaxRequest));
    parser.body_limit(kMaxRequest);
    beast::get_lowest_layer(stream).expires_after(kDeadline);
    const auto [read_error, read_bytes] = co_await http::async_read(stream, buffer, parser, kTuple);
    http::response<http::string_body> response;
    if (read_error) {
      const http::status status = status_for(read_error);
      if (status == http::status::unknown) co_return;
      response = bare_refusal(status);
    } else {
      // The peer is not read from meanwhile: its deadline begins again with the answer.
      beast::get_lowest_layer(stream).expires_never();
      Page page = co_await page_for(parser.get(), state, caller);
      response = to_response(parser.get(), std::move(page));
    }
    beast::get_lowest_layer(stream).expires_after(kDeadline);
    const bool keep = response.keep_alive();
    const auto [write_error, written] = co_await http::async_write(stream, response, kTuple);
    if (write_error || !keep) co_return;
  }
}

asio::awaitable<void> serve_plain(tcp::socket socket, StatePtr state, std::uint64_t id) {
  beast::tcp_stream stream(std::move(socket));
  state->open[id] = &stream;
  co_await answer_requests(stream, state, caller_of(stream.socket()));
  state->open.erase(id);
  error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> serve_tls(tcp::socket socket, StatePtr state, std::uint64_t id) {
  SSL_CTX_up_ref(state->tls.get());
  asio::ssl::context context(state->tls.get());  // takes over the reference
  TlsStream stream(std::move(socket), context);
  auto& transport = beast::get_lowest_layer(stream);
  state->open[id] = &transport;
  transport.expires_after(kDeadline);
  const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kTuple);
  if (!error) {
    co_await answer_requests(stream, state, caller_of(stream));
    transport.expires_after(kDeadline);
    co_await stream.async_shutdown(kTuple);
  }
  state->open.erase(id);
}

asio::awaitable<void> accept_connections(StatePtr state) {
  while (!state->stopped) {
    auto [error, socket] = co_await state->acceptor.async_accept(kTuple);
    if (state->stopped || error == asio::error::operation_aborted) co_return;
    if (error) {  // out of descriptors and the like: wait instead of spinning
      asio::steady_timer pause(state->io, std::chrono::milliseconds(100));
      co_await pause.async_wait(kTuple);
      continue;
    }
    if (state->open.size() >= kMaxConnections) continue;  // closed at once
    const std::uint64_t id = state->next_id++;
    state->open[id] = nullptr;
    if (state->tls) {
      asio::co_spawn(state->io, serve_tls(std::move(socket), state, id), asio::detached);
    } else {
      asio::co_spawn(state->io, serve_plain(std::move(socket), state, id), asio::detached);
    }
  }
}

}  // namespace

struct AdminServer::State final : Listening {
  using Listening::Listening;
};

AdminServer::AdminServer(asio::io_context& io, net::Endpoint endpoint, net::SslContext tls,
                         Sources sources)
    : state_(std::make_shared<State>(io, std::move(endpoint), std::move(tls), std::move(sources))) {
}

AdminServer::~AdminServer() { stop(); }

Result<> AdminServer::start() {
  const auto& endpoint = state_->endpoint;
  const std::string host = endpoint.host == "localhost" ? "127.0.0.1" : endpoint.host;
  error_code error;
  const auto address = host.empty() ? asio::ip::address(asio::ip::address_v6::any())
                                    : asio::ip::make_address(host, error);
  if (error) {
    return Error(Errc::invalid, "the admin pages listen on a numeric address, not on " + host);
  }
  state_->loopback = address.is_loopback();
  auto& acceptor = state_->acceptor;
  const tcp::endpoint place(address, endpoint.port);
  acceptor.open(place.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(place, error);
  if (!error) acceptor.listen(static_cast<int>(kMaxConnections), error);
  if (error) {
    return Error(Errc::io, "the admin pages cannot listen on " + endpoint.host + ":" +
                               std::to_string(endpoint.port) + ": " + error.message());
  }
  state_->port = acceptor.local_endpoint(error).port();
  asio::co_spawn(state_->io, accept_connections(state_), asio::detached);
  return {};
}

void AdminServer::stop() {
  if (state_->stopped) return;
  state_->stopped = true;
  error_code ignored;
  state_->acceptor.close(ignored);
  for (const auto& [id, stream] : state_->open) {
    if (stream != nullptr) stream->close();
  }
}

void AdminServer::set_tls(net::SslContext tls) { state_->tls = std::move(tls); }

std::uint16_t AdminServer::port() const { return state_->port; }

}  // namespace keyward::admin
