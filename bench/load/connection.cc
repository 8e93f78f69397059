#include "connection.h"

#include <openssl/err.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace keyward::load {

namespace {

constexpr std::size_t kRecord = 16 * 1024;

Io io_of(SSL* ssl, int result) {
  const int error = SSL_get_error(ssl, result);
  ERR_clear_error();
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Io::wait : Io::closed;
}

}  // namespace

Target::Target(const Options& options) : options_(options) {
  if (!options.tls) return;
  context_ = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context_, 1);  // a record's head and body in one system call
  if (options.size > kRecord) SSL_CTX_set_default_read_buffer_len(context_, 4 * kRecord);
  if (!options.ca.empty()) {
    if (SSL_CTX_load_verify_locations(context_, options.ca.c_str(), nullptr) != 1) {
      fail("cannot read " + options.ca);
    }
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  }
  SSL_CTX_set_app_data(context_, this);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context_, &Target::keep_session);
}

Target::~Target() {
  SSL_SESSION_free(session_);
  SSL_CTX_free(context_);
}

int Target::keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* self = static_cast<Target*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  ++self->tickets_;
  if (!self->options_.resume) return 0;
  SSL_SESSION_free(self->session_);
  self->session_ = session;
  return 1;  // the reference is ours now
}

int Target::dial() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail(std::string("socket: ") + std::strerror(errno));
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + dialled_++ % 64);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(options_.port);
  inet_pton(AF_INET, options_.host.c_str(), &to.sin_addr);
  if (bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0 ||
      connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    fail(std::string("cannot connect: ") + std::strerror(errno));
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

SSL* Target::tls(int fd) {
  if (context_ == nullptr) return nullptr;
  SSL* ssl = SSL_new(context_);
  const std::string& name = options_.sni.empty() ? options_.host : options_.sni;
  in_addr literal{};
  if (inet_pton(AF_INET, name.c_str(), &literal) == 1) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
  } else {
    std::string host = name;
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data());
    SSL_set1_host(ssl, name.c_str());
  }
  SSL_set_fd(ssl, fd);
  SSL_set_connect_state(ssl);
  if (session_ != nullptr) SSL_set_session(ssl, session_);
  return ssl;
}

Connection::Connection(Target& target) : fd_(target.dial()), ssl_(target.tls(fd_)) {}

// Closes as most clients do, without a TLS goodbye. OpenSSL would take the session out of use for
// that.
Connection::~Connection() {
  if (ssl_ != nullptr) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
  close(fd_);
}

Io Connection::handshake() {
  if (ssl_ == nullptr) return Io::done;
  const int result = SSL_do_handshake(ssl_);
  return result == 1 ? Io::done : io_of(ssl_, result);
}

Io Connection::flush() {
  while (sent_ < out.size()) {
    const std::size_t left = out.size() - sent_;
    const int result =
        ssl_ != nullptr
            ? SSL_write(ssl_, out.data() + sent_, static_cast<int>(std::min(left, 1UL << 30)))
            : static_cast<int>(send(fd_, out.data() + sent_, left, MSG_NOSIGNAL));
    if (result <= 0) {
      if (ssl_ != nullptr) return io_of(ssl_, result);
      return errno == EAGAIN ? Io::wait : Io::closed;
    }
    sent_ += static_cast<std::size_t>(result);
  }
  out.clear();
  sent_ = 0;
  return Io::done;
}

void Connection::make_room(std::size_t bytes) {
  if (size_ - begin_ >= bytes) return;
  const std::size_t held = end_ - begin_;
  if (size_ < bytes) {
    auto bigger = std::make_unique<char[]>(bytes);
    std::memcpy(bigger.get(), in_.get() + begin_, held);
    in_ = std::move(bigger);
    size_ = bytes;
  } else {
    std::memmove(in_.get(), in_.get() + begin_, held);
  }
  begin_ = 0;
  end_ = held;
}

void Connection::rest() {
  if (begin_ == end_) {
    in_.reset();
    size_ = begin_ = end_ = 0;
  }
  out.shrink_to_fit();
}

Io Connection::receive() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (size_ - end_ < kRecord / 4) make_room(std::max<std::size_t>(end_ - begin_ + kRecord, size_));
  bool got = false;
  while (end_ < size_) {
    const int room = static_cast<int>(size_ - end_);
    const int result =
        ssl_ != nullptr
            ? SSL_read(ssl_, in_.get() + end_, room)
            : static_cast<int>(recv(fd_, in_.get() + end_, static_cast<std::size_t>(room), 0));
    if (result <= 0) {
      Io io = Io::closed;
      if (ssl_ != nullptr) {
        io = io_of(ssl_, result);
      } else if (result < 0 && errno == EAGAIN) {
        io = Io::wait;
      }
      return got && io == Io::wait ? Io::done : io;
    }
    got = true;
    end_ += static_cast<std::size_t>(result);
    // Nothing left with OpenSSL: the socket will say so itself if more comes.
    if (ssl_ == nullptr || SSL_has_pending(ssl_) == 0) return Io::done;
  }
  return Io::done;
}

}  // namespace keyward::load
