// A connected socket, TLS or plain, driven by readiness: Asio says when, OpenSSL or the kernel
// moves the bytes. One thread.
#pragma once

#include "keyward/net/tls.h"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace keyward::net {

enum class IoStatus : std::uint8_t {
  ok,          // `bytes` were moved (handshake: finished)
  want_read,   // nothing now: wait until readable
  want_write,  // nothing now: wait until writable
  eof,         // the peer ended in order
  failed,      // error() says why
};
struct IoResult {
  IoStatus status = IoStatus::failed;
  std::size_t bytes = 0;
};

// error() of a TLS server whose peer sent something else than a TLS record as its first bytes.
inline constexpr std::string_view kPlaintextOnTls = "plaintext on the TLS port";

// Owned by one session or link. Never blocks, never allocates per call. Waits are the caller's: at
// most one per direction.
class Stream {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  explicit Stream(Socket socket);
  // From here on all bytes go through `ssl`, which must have been made on this socket's descriptor.
  void set_ssl(SslPtr ssl) { ssl_ = std::move(ssl); }
  [[nodiscard]] bool is_tls() const { return ssl_ != nullptr; }
  [[nodiscard]] SSL* ssl() { return ssl_.get(); }

  IoResult
  handshake();  // plain: ok at once. TLS: must have finished before the first read or write
  // `ok` with fewer bytes than asked: nothing is held back inside TLS, the caller may wait. With
  // all of `into` filled the caller must read again before it waits. A FIN without close_notify is
  // `eof` too.
  IoResult read(std::span<char> into);
  // May move fewer than asked; then wait for writability. What was not moved must be offered again,
  // unchanged and in the same order, more may follow behind it.
  IoResult write(std::string_view bytes);
  // The peer will send no more than what waits to be read. Looks at the socket only.
  [[nodiscard]] bool peer_ended();
  void shutdown();  // best effort: TLS close_notify and FIN
  void close();     // cancels waits
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }

  template <class Handler>
  void wait_readable(Handler&& handler) {
    socket_.async_wait(Socket::wait_read, std::forward<Handler>(handler));
  }
  template <class Handler>
  void wait_writable(Handler&& handler) {
    socket_.async_wait(Socket::wait_write, std::forward<Handler>(handler));
  }
  [[nodiscard]] Socket& socket() { return socket_; }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  IoResult read_tls(std::span<char> into);
  IoResult write_tls(std::string_view bytes);
  IoResult ssl_result(int code);
  IoResult ssl_failure();
  IoResult fail(std::string text);
  Socket socket_;
  SslPtr ssl_{nullptr, &SSL_free};
  std::string error_;
  bool shaken_ = false;  // the TLS handshake finished; OpenSSL forgets that after an error
  bool broken_ = false;  // OpenSSL reported a fatal error: no close_notify any more
};

}  // namespace keyward::net
