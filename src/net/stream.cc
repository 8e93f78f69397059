#include "keyward/net/stream.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace keyward::net {
namespace {

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// What the first bytes of a peer that speaks no TLS look like to OpenSSL (ssl3_get_record).
bool is_plaintext(int reason) {
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
         reason == SSL_R_HTTPS_PROXY_REQUEST;
}

}  // namespace

Stream::Stream(Socket socket) : socket_(std::move(socket)) {
  boost::system::error_code ignored;
  socket_.native_non_blocking(true, ignored);
}

// A closed stream must not reach OpenSSL: the number of its descriptor may belong to another
// connection by now.
IoResult Stream::handshake() {
  if (!socket_.is_open()) return fail("the stream is closed");
  if (!ssl_) return {IoStatus::ok, 0};
  ERR_clear_error();
  errno = 0;
  const int code = SSL_do_handshake(ssl_.get());
  if (code != 1) return ssl_result(code);
  shaken_ = true;
  return {IoStatus::ok, 0};
}

IoResult Stream::read(std::span<char> into) {
  if (!socket_.is_open()) return fail("the stream is closed");
  if (into.empty()) return {IoStatus::ok, 0};  // recv(2) of nothing looks like the end
  if (ssl_) return read_tls(into);
  for (;;) {
    const ssize_t count = ::recv(socket_.native_handle(), into.data(), into.size(), 0);
    if (count > 0) return {IoStatus::ok, static_cast<std::size_t>(count)};
    if (count == 0) return {IoStatus::eof, 0};
    if (errno == EINTR) continue;
    if (would_block(errno)) return {IoStatus::want_read, 0};
    return fail(std::strerror(errno));
  }
}

IoResult Stream::write(std::string_view bytes) {
  if (!socket_.is_open()) return fail("the stream is closed");
  if (ssl_) return write_tls(bytes);
  for (;;) {
    const ssize_t count = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) return {IoStatus::ok, static_cast<std::size_t>(count)};
    if (errno == EINTR) continue;
    if (would_block(errno)) return {IoStatus::want_write, 0};
    return fail(std::strerror(errno));
  }
}

// One record per SSL_read: goes on while decrypted bytes are held back, since no readiness would
// ever announce those.
IoResult Stream::read_tls(std::span<char> into) {
  std::size_t total = 0;
  do {
    ERR_clear_error();
    errno = 0;
    std::size_t count = 0;
    const int code = SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &count);
    if (code != 1) return total > 0 ? IoResult{IoStatus::ok, total} : ssl_result(code);
    total += count;
  } while (total < into.size() && SSL_pending(ssl_.get()) > 0);
  return {IoStatus::ok, total};
}

// One record per SSL_write in partial-write mode: goes on until the socket takes no more. A record
// that OpenSSL holds back is not counted; the caller offers its bytes again.
IoResult Stream::write_tls(std::string_view bytes) {
  std::size_t total = 0;
  while (total < bytes.size()) {
    ERR_clear_error();
    errno = 0;
    std::size_t count = 0;
    const int code = SSL_write_ex(ssl_.get(), bytes.data() + total, bytes.size() - total, &count);
    if (code != 1) return total > 0 ? IoResult{IoStatus::ok, total} : ssl_result(code);
    total += count;
  }
  return {IoStatus::ok, total};
}

IoResult Stream::ssl_result(int code) {
  const int system_error = errno;
  switch (SSL_get_error(ssl_.get(), code)) {
    case SSL_ERROR_WANT_READ:
      return {IoStatus::want_read, 0};
    case SSL_ERROR_WANT_WRITE:
      return {IoStatus::want_write, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {IoStatus::eof, 0};
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      ERR_clear_error();
      return fail(system_error != 0 ? std::strerror(system_error)
                                    : "the peer closed the connection");
    default:
      break;
  }
  broken_ = true;
  return ssl_failure();
}

IoResult Stream::ssl_failure() {
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  const long verified = SSL_get_verify_result(ssl_.get());
  std::string text = ssl_error_text();
  if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    // FIN without close_notify. Redis clients commonly leave this way; RESP frames show by
    // themselves when one is cut.
    if (shaken_) return {IoStatus::eof, 0};
    return fail("the peer closed the connection during the TLS handshake");
  }
  if (!shaken_ && is_plaintext(reason)) {
    return fail(SSL_is_server(ssl_.get()) == 1 ? std::string(kPlaintextOnTls)
                                               : "the peer does not speak TLS (" + text + ")");
  }
  if (!shaken_ && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    return fail(text + ": " + X509_verify_cert_error_string(verified));
  }
  return fail(text.empty() ? "the TLS connection has failed" : std::move(text));
}

IoResult Stream::fail(std::string text) {
  error_ = std::move(text);
  return {IoStatus::failed, 0};
}

bool Stream::peer_ended() {
  pollfd poll{.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&poll, 1, 0) > 0 && (poll.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void Stream::shutdown() {
  if (!socket_.is_open()) return;
  if (ssl_ && shaken_ && !broken_) {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Stream::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace keyward::net
