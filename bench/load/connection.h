// One client connection, TLS or plain, that never blocks once it is connected.
#pragma once

#include "options.h"

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace keyward::load {

enum class Io { done, wait, closed };

// What all connections of a run share: the address, the TLS settings, the newest TLS session.
class Target {
 public:
  explicit Target(const Options& options);
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // A connected socket. Local addresses take turns within 127/8, so that ports in TIME_WAIT and
  // the number of ports never limit a run.
  int dial();
  SSL* tls(int fd);                                               // null: plain
  [[nodiscard]] std::size_t tickets() const { return tickets_; }  // that servers sent so far

 private:
  static int keep_session(SSL* ssl, SSL_SESSION* session);

  const Options& options_;
  SSL_CTX* context_ = nullptr;
  SSL_SESSION* session_ = nullptr;
  std::uint32_t dialled_ = 0;
  std::size_t tickets_ = 0;
};

class Connection {
 public:
  explicit Connection(Target& target);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool resumed() const { return ssl_ != nullptr && SSL_session_reused(ssl_) == 1; }

  Io handshake();
  // Bytes to send: append here, then flush(). `wait` means that the socket is full.
  std::string out;
  Io flush();
  // Takes what the socket has into input(). `wait`: it had nothing.
  Io receive();
  [[nodiscard]] std::string_view input() const { return {in_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes) { begin_ += bytes; }
  // OpenSSL holds bytes that no readiness announces: receive() again.
  [[nodiscard]] bool pending() const { return ssl_ != nullptr && SSL_has_pending(ssl_) == 1; }
  // Room for a reply of this many bytes.
  void make_room(std::size_t bytes);
  // Gives the buffers back: for a connection that will idle.
  void rest();

 private:
  int fd_;
  SSL* ssl_;
  std::size_t sent_ = 0;
  std::unique_ptr<char[]> in_;
  std::size_t size_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace keyward::load
