#include "keyward/net/stream.h"

#include "net/wire.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace keyward::net {
namespace {

// Encrypted at once and sent with one call: four full records (RFC 8446 section 5.1).
constexpr std::size_t kSealAtOnce = 64UL * 1024;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// What the first bytes of a peer that speaks no TLS look like to OpenSSL (ssl3_get_record).
bool is_plaintext(int reason) {
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
         reason == SSL_R_HTTPS_PROXY_REQUEST;
}

// SSL_get_error(3) looks at the thread's queue, which must be empty before each call. Looking is
// cheaper than emptying it.
void empty_error_queue() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

Stream::Stream(Descriptor socket) : socket_(std::move(socket)) {}
Stream::~Stream() { close(); }

void Stream::set_ssl(SslPtr ssl) {
  ssl_ = std::move(ssl);
  if (!ssl_) return;
  BIO* bio = Wire::make();
  SSL_set_bio(ssl_.get(), bio, bio);
}

void Stream::attach(Turn& turn, User& user) {
  turn_ = &turn;
  user_ = &user;
  turn.watch(*this, socket_.number(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

void Stream::again() {
  if (turn_ != nullptr) turn_->repeat(*this);
}

// An edge that found the user busy is not lost: readable() stays true.
void Stream::ready(std::uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ended_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
  if (!writable_ && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
    writable_ = true;
    const bool blocked = !wire_out_.empty() && send_wire({}).status == IoStatus::want_write;
    if (!blocked) user_->on_writable();
    if (!is_open()) return;
  }
  if (readable()) user_->on_readable();
}

// A closed stream must not reach the kernel: the number of its descriptor may belong to another
// connection by now.
IoResult Stream::handshake() {
  if (!socket_.open()) return fail("the stream is closed");
  if (!ssl_) return {IoStatus::ok, 0};
  for (;;) {
    std::string held = std::exchange(wire_in_, {});
    std::string_view in = held;
    if (held.empty()) {
      const IoResult got = receive(ciphertext_scratch());
      if (got.status == IoStatus::failed) return got;
      if (got.status == IoStatus::eof) {
        broken_ = true;
        return fail("the peer closed the connection during the TLS handshake");
      }
      in = {ciphertext_scratch().data(), got.bytes};
    }
    const bool starved = in.empty();
    empty_error_queue();
    Wire::begin(in);
    const int code = SSL_do_handshake(ssl_.get());
    const IoResult result = code == 1 ? IoResult{IoStatus::ok, 0} : ssl_result(code);
    wire_in_.assign(Wire::in());
    more_inside_ = !wire_in_.empty();
    const IoResult sent = send_wire(Wire::out());
    if (code == 1) shaken_ = true;
    if (result.status == IoStatus::failed || code == 1) return result;
    if (sent.status == IoStatus::failed) return sent;
    if (sent.status == IoStatus::want_write) return sent;
    if (starved) return {IoStatus::want_read, 0};
  }
}

IoResult Stream::read(std::span<char> into) {
  if (!socket_.open()) return fail("the stream is closed");
  if (into.empty()) return {IoStatus::ok, 0};  // recv(2) of nothing looks like the end
  return ssl_ ? decrypt(into) : receive(into);
}

// Who is watched by a Turn is told of new bytes; who is not asks the kernel each time.
void Stream::emptied() {
  if (turn_ != nullptr) readable_ = false;
}

// A read that got less than it asked for emptied the socket, unless its end is behind it.
IoResult Stream::receive(std::span<char> into) {
  for (;;) {
    const ssize_t count = ::recv(socket_.number(), into.data(), into.size(), 0);
    if (count > 0) {
      if (static_cast<std::size_t>(count) < into.size() && !ended_) emptied();
      return {IoStatus::ok, static_cast<std::size_t>(count)};
    }
    if (count == 0) return {IoStatus::eof, 0};
    if (errno == EINTR) continue;
    if (!would_block(errno)) return fail(std::strerror(errno));
    emptied();
    return {IoStatus::want_read, 0};
  }
}

IoResult Stream::decrypt(std::span<char> into) {
  for (;;) {
    const std::string held = std::exchange(wire_in_, {});
    std::string_view in = held;
    bool ended = false;
    const bool inside_first = std::exchange(more_inside_, false);
    if (!inside_first && readable_) {
      const IoResult got = receive(ciphertext_scratch());
      if (got.status == IoStatus::failed) return got;
      ended = got.status == IoStatus::eof;
      in = {ciphertext_scratch().data(), got.bytes};
    }
    const bool starved = in.empty();
    empty_error_queue();
    Wire::begin(in);
    std::size_t total = 0, count = 0;
    int code = 1;
    while (total < into.size() &&
           (code = SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &count)) == 1)
      total += count;
    const IoResult result = code == 1 ? IoResult{IoStatus::ok, total} : ssl_result(code);
    more_inside_ = code == 1;
    if (!Wire::in().empty()) wire_in_.assign(Wire::in());
    if (!Wire::out().empty()) send_wire(Wire::out());  // a key update, an alert
    if (total > 0) return {IoStatus::ok, total};
    if (result.status != IoStatus::want_read) return result;
    // FIN without close_notify. Redis clients commonly leave this way; RESP frames show by
    // themselves when one is cut.
    if (ended) return {IoStatus::eof, 0};
    if (!readable_ || (starved && !inside_first)) return result;
  }
}

IoResult Stream::write(std::string_view bytes) {
  if (!socket_.open()) return fail("the stream is closed");
  if (!wire_out_.empty()) {
    if (const IoResult sent = send_wire({}); sent.status != IoStatus::ok) return sent;
  }
  if (owes_byte_ && !bytes.empty()) {
    owes_byte_ = false;
    return {IoStatus::ok, 1};
  }
  if (!ssl_) return send_wire(bytes);
  empty_error_queue();
  Wire::begin({});
  std::size_t sealed = 0;
  const std::string_view chunk = bytes.substr(0, kSealAtOnce);
  while (sealed < chunk.size()) {
    std::size_t count = 0;
    const int code = SSL_write_ex(ssl_.get(), chunk.data() + sealed, chunk.size() - sealed, &count);
    if (code != 1) return ssl_result(code);
    sealed += count;
  }
  const IoResult sent = send_wire(Wire::out());
  if (sent.status == IoStatus::failed) return sent;
  // Part of the records is kept here: the caller keeps one byte, so that it waits for the rest too.
  owes_byte_ = !wire_out_.empty();
  return {IoStatus::ok, sealed - (owes_byte_ ? 1 : 0)};
}

// Plain: sends `fresh`, reports how much. TLS: sends what waits and then `fresh`, keeps what the
// socket does not take, reports want_write if it kept any.
IoResult Stream::send_wire(std::string_view fresh) {
  if (!wire_out_.empty()) {
    wire_out_.append(fresh);
    fresh = wire_out_;
  }
  if (fresh.empty()) return {IoStatus::ok, 0};
  ssize_t count = 0;
  do {
    count = ::send(socket_.number(), fresh.data(), fresh.size(), MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && !would_block(errno)) {
    broken_ = true;
    return fail(std::strerror(errno));
  }
  const std::size_t sent = count < 0 ? 0 : static_cast<std::size_t>(count);
  if (sent < fresh.size()) writable_ = false;
  if (!ssl_) return count < 0 ? IoResult{IoStatus::want_write, 0} : IoResult{IoStatus::ok, sent};
  if (!wire_out_.empty()) {
    wire_out_.erase(0, sent);
    if (wire_out_.empty()) std::string().swap(wire_out_);
  } else if (sent < fresh.size()) {
    wire_out_.assign(fresh.substr(sent));
  }
  return {wire_out_.empty() ? IoStatus::ok : IoStatus::want_write, 0};
}

IoResult Stream::ssl_result(int code) {
  switch (SSL_get_error(ssl_.get(), code)) {
    case SSL_ERROR_WANT_READ:
      return {IoStatus::want_read, 0};
    case SSL_ERROR_WANT_WRITE:
      return {IoStatus::want_write, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {IoStatus::eof, 0};
    default:
      broken_ = true;
      return ssl_failure();
  }
}

IoResult Stream::ssl_failure() {
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  const long verified = SSL_get_verify_result(ssl_.get());
  std::string text = ssl_error_text();
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

void Stream::shutdown() {
  if (!socket_.open()) return;
  if (ssl_ && shaken_ && !broken_ && wire_out_.empty()) {
    Wire::begin({});
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    if (!Wire::out().empty()) send_wire(Wire::out());
  }
  ::shutdown(socket_.number(), SHUT_WR);
}

void Stream::close() {
  if (turn_ != nullptr) std::exchange(turn_, nullptr)->unwatch(*this, socket_.number());
  socket_.reset();
}

}  // namespace keyward::net
