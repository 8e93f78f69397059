// A connected socket, TLS or plain, that never blocks. One recv(2) or send(2) moves as much as the
// scratch buffers of the thread hold, however many TLS records that is; OpenSSL sees memory only.
#pragma once

#include "keyward/base/descriptor.h"
#include "keyward/net/tls.h"
#include "keyward/net/turn.h"

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

// Owned by one session or link; one thread. Knows what the socket said last: readable() stays true
// until a read found it empty, writable() until a write found it full (epoll(7), edge-triggered).
class Stream final : private Turn::Source {
 public:
  // Told by the Turn when the socket has something new to say.
  class User {
   public:
    virtual ~User() = default;
    virtual void on_readable() = 0;  // bytes, the end or an error: read() tells
    virtual void on_writable() = 0;  // after a write that wanted to wait
  };

  explicit Stream(Descriptor socket);  // non-blocking already
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // From here on all bytes go through `ssl`.
  void set_ssl(SslPtr ssl);
  [[nodiscard]] bool is_tls() const { return ssl_ != nullptr; }
  [[nodiscard]] SSL* ssl() { return ssl_.get(); }

  // From here on `turn` watches the socket, until close(). Both must outlive that.
  void attach(Turn& turn, User& user);
  // From here on another one is told. Not from within a call of the first.
  void hand_over(User& user) { user_ = &user; }
  // Told once more in the next turn, though nothing new happens: for who stopped before the end.
  void again();

  IoResult
  handshake();  // plain: ok at once. TLS: must have finished before the first read or write
  // With all of `into` filled there may be more that no readiness will announce: read again.
  // A FIN without close_notify is `eof` too.
  IoResult read(std::span<char> into);
  // May move fewer than asked; then wait for writability. What was not moved must be offered again,
  // unchanged and in the same order, more may follow behind it.
  IoResult write(std::string_view bytes);
  [[nodiscard]] bool readable() const { return readable_ || more_inside_; }
  [[nodiscard]] bool writable() const { return writable_; }
  // The peer will send no more than what waits to be read. Known to attached streams only.
  [[nodiscard]] bool peer_ended() const { return ended_; }
  void shutdown();  // best effort: TLS close_notify and FIN
  void close();
  [[nodiscard]] bool is_open() const { return socket_.open(); }
  [[nodiscard]] int descriptor() const { return socket_.number(); }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  void ready(std::uint32_t events) override;
  void emptied();
  IoResult receive(std::span<char> into);
  IoResult decrypt(std::span<char> into);
  IoResult send_wire(std::string_view fresh);
  IoResult ssl_result(int code);
  IoResult ssl_failure();
  IoResult fail(std::string text);
  Descriptor socket_;
  SslPtr ssl_{nullptr, &SSL_free};
  Turn* turn_ = nullptr;
  User* user_ = nullptr;
  std::string wire_in_;   // received, not decrypted yet
  std::string wire_out_;  // encrypted, not sent yet: the socket was full
  std::string error_;
  bool readable_ = true, writable_ = true, ended_ = false;
  bool more_inside_ = false;  // TLS holds decrypted bytes, or records not looked at
  bool owes_byte_ = false;    // the last byte of wire_out_'s records is reported when they are sent
  bool shaken_ = false;       // the TLS handshake finished; OpenSSL forgets that after an error
  bool broken_ = false;       // OpenSSL reported a fatal error: no close_notify any more
};

}  // namespace keyward::net
