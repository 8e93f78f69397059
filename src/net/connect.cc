#include "keyward/net/connect.h"

#include "net/socket_options.h"

#include "keyward/net/stream_wait.h"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <optional>

namespace keyward::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using SocketEndpoint = asio::generic::stream_protocol::endpoint;
using Done = std::function<void(Result<std::unique_ptr<Stream>>)>;

// What the handlers of one attempt keep alive. After finish() or cancel() every handler that still
// arrives does nothing.
class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(asio::io_context& io, Endpoint endpoint, SslContext tls, std::string name, Done done)
      : io_(io),
        endpoint_(std::move(endpoint)),
        tls_(std::move(tls)),
        name_(name.empty() ? endpoint_.host : std::move(name)),
        done_(std::move(done)),
        resolver_(io),
        timer_(io),
        socket_(io) {}

  void start(std::chrono::milliseconds deadline) {
    timer_.expires_after(deadline);
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->fail(Errc::timeout, "no answer within the deadline while " + self->step_);
    });
    asio::post(io_, [self = shared_from_this()] {
      if (self->done_) self->resolve();
    });
  }

  void cancel() {
    error_code ignored;
    done_ = nullptr;
    timer_.cancel();
    resolver_.cancel();
    socket_.close(ignored);
    wait_.reset();
    stream_.reset();
  }

 private:
  void resolve() {
    if (endpoint_.kind == Endpoint::Kind::tls && !tls_) {
      return fail(Errc::internal, "no TLS context for a TLS endpoint");
    }
    if (endpoint_.kind == Endpoint::Kind::unix_socket) {
      addresses_.emplace_back(asio::local::stream_protocol::endpoint(endpoint_.host));
      return connect_next({});
    }
    error_code error;
    const auto address = asio::ip::make_address(endpoint_.host, error);
    if (!error) {
      addresses_.emplace_back(tcp::endpoint(address, endpoint_.port));
      return connect_next({});
    }
    step_ = "resolving the host name";
    resolver_.async_resolve(
        endpoint_.host, std::to_string(endpoint_.port),
        [self = shared_from_this()](error_code failed, const tcp::resolver::results_type& found) {
          if (!self->done_) return;
          if (failed) return self->fail(Errc::unavailable, failed.message());
          for (const auto& entry : found) self->addresses_.emplace_back(entry.endpoint());
          self->connect_next({});
        });
  }

  // Tries the addresses one after the other; `last` is why the previous one failed.
  void connect_next(error_code last) {
    step_ = "connecting";
    if (addresses_.empty()) return fail(Errc::unavailable, last ? last.message() : "no address");
    const SocketEndpoint address = addresses_.front();
    addresses_.pop_front();
    error_code error;
    socket_.close(error);
    socket_.open(address.protocol(), error);
    if (error) return connect_next(error);
    socket_.async_connect(address, [self = shared_from_this()](error_code failed) {
      if (!self->done_) return;
      if (failed) return self->connect_next(failed);
      self->connected();
    });
  }

  void connected() {
    error_code error;
    socket_.native_non_blocking(true, error);
    Descriptor descriptor(socket_.release(error));
    if (error) return fail(Errc::io, error.message());
    if (endpoint_.kind != Endpoint::Kind::unix_socket) set_tcp_options(descriptor.number());
    stream_ = std::make_unique<Stream>(std::move(descriptor));
    if (endpoint_.kind != Endpoint::Kind::tls) return finish();
    SslPtr ssl = make_client_ssl(*tls_, name_);
    if (!ssl) return fail(Errc::invalid, "the server name cannot be used for TLS");
    stream_->set_ssl(std::move(ssl));
    wait_.emplace(io_, *stream_);
    step_ = "shaking hands (TLS)";
    handshake();
  }

  void handshake() {
    auto again = [self = shared_from_this()](error_code error) {
      if (!self->done_) return;
      if (error) return self->fail(Errc::io, error.message());
      self->handshake();
    };
    switch (stream_->handshake().status) {
      case IoStatus::ok:
        return finish();
      case IoStatus::want_read:
        return wait_->readable(std::move(again));
      case IoStatus::want_write:
        return wait_->writable(std::move(again));
      case IoStatus::eof:
        return fail(Errc::closed, "TLS: the peer closed the connection");
      case IoStatus::failed:
        return fail(Errc::unavailable, "TLS: " + stream_->error());
    }
  }

  void finish() {
    timer_.cancel();
    const Done done = std::exchange(done_, nullptr);
    wait_.reset();
    done(std::move(stream_));
  }

  void fail(Errc code, const std::string& why) {
    if (!done_) return;
    const Done done = std::exchange(done_, nullptr);
    cancel();
    done(Error(code, endpoint_.text() + ": " + why));
  }

  asio::io_context& io_;
  Endpoint endpoint_;
  SslContext tls_;
  std::string name_;
  Done done_;
  tcp::resolver resolver_;
  asio::steady_timer timer_;
  std::deque<SocketEndpoint> addresses_;
  asio::generic::stream_protocol::socket socket_;
  std::unique_ptr<Stream> stream_;
  std::optional<StreamWait> wait_;  // goes before its stream
  std::string step_ = "starting";
};

}  // namespace

class ConnectOperation {
 public:
  explicit ConnectOperation(std::shared_ptr<Attempt> attempt) : attempt_(std::move(attempt)) {}
  ~ConnectOperation() { attempt_->cancel(); }
  ConnectOperation(const ConnectOperation&) = delete;
  ConnectOperation& operator=(const ConnectOperation&) = delete;

 private:
  std::shared_ptr<Attempt> attempt_;
};

ConnectHandle connect(asio::io_context& io, const Endpoint& endpoint, SslContext tls,
                      const std::string& server_name, std::chrono::milliseconds deadline,
                      Done done) {
  auto attempt =
      std::make_shared<Attempt>(io, endpoint, std::move(tls), server_name, std::move(done));
  attempt->start(deadline);
  return std::make_shared<ConnectOperation>(std::move(attempt));
}

}  // namespace keyward::net
