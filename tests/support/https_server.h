// An HTTPS server for tests on the caller's loop: one answer per request, and the ways in which
// servers misbehave.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace keyward::test {

// A self-made authority and what it signs, as PEM text.
class TestCa {
 public:
  struct Issued {
    std::string certificate, key;
  };
  TestCa() : key_(EVP_EC_gen("P-256"), &EVP_PKEY_free), certificate_(nullptr, &X509_free) {
    certificate_ = make("keyward test CA", "CA:TRUE", nullptr, key_.get(), 3600);
  }
  [[nodiscard]] std::string pem() const { return text(certificate_.get()); }
  // `names` as in a subjectAltName: "DNS:localhost,IP:127.0.0.1".
  [[nodiscard]] Issued issue(const std::string& names, long seconds = 3600) const {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"),
                                                                  &EVP_PKEY_free);
    const auto certificate = make("keyward test", "CA:FALSE", names.c_str(), key.get(), seconds);
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return {text(certificate.get()), drain(out.get())};
  }

 private:
  using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
  [[nodiscard]] Certificate make(const char* name, const char* basic, const char* names,
                                 EVP_PKEY* subject, long seconds) const {
    static long serial = 1;
    Certificate made(X509_new(), &X509_free);
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), seconds < 0 ? 2 * seconds : -60);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), seconds);
    X509_set_pubkey(made.get(), subject);
    X509_NAME* const own = X509_get_subject_name(made.get());
    const auto* const bytes = reinterpret_cast<const unsigned char*>(name);
    X509_NAME_add_entry_by_txt(own, "CN", MBSTRING_ASC, bytes, -1, -1, 0);
    X509* const issuer = certificate_ ? certificate_.get() : made.get();
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
    extend(made.get(), issuer, NID_basic_constraints, basic);
    if (names != nullptr) extend(made.get(), issuer, NID_subject_alt_name, names);
    if (X509_sign(made.get(), key_.get(), EVP_sha256()) == 0) throw std::runtime_error("X509_sign");
    return made;
  }
  static void extend(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    if (extension == nullptr) throw std::runtime_error("X509 extension");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  static std::string drain(BIO* bio) {
    std::string all;
    char block[4096];
    for (int got = 0; (got = BIO_read(bio, block, sizeof block)) > 0;) {
      all.append(block, static_cast<std::size_t>(got));
    }
    return all;
  }
  static std::string text(X509* certificate) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    PEM_write_bio_X509(out.get(), certificate);
    return drain(out.get());
  }
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  Certificate certificate_;
};

struct Answer {
  enum class Manner { whole, hang, drip, endless };
  int status = 200;
  std::string body;
  std::string headers = "Content-Type: application/json\r\n";
  Manner manner = Manner::whole;
};

class HttpsServer {
 public:
  using Io = boost::asio::io_context;
  using Tcp = boost::asio::ip::tcp;
  using Handler = std::function<Answer(const std::string& target)>;

  HttpsServer(Io& io, const TestCa::Issued& identity, Handler handler)
      : handler_(std::move(handler)),
        context_(boost::asio::ssl::context::tls_server),
        acceptor_(io, Tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
    context_.use_certificate(boost::asio::buffer(identity.certificate),
                             boost::asio::ssl::context::pem);
    context_.use_private_key(boost::asio::buffer(identity.key), boost::asio::ssl::context::pem);
    boost::asio::co_spawn(io, accept(*this), boost::asio::detached);
  }
  [[nodiscard]] std::string url(const std::string& path = "") const {
    return "https://localhost:" + std::to_string(acceptor_.local_endpoint().port()) + path;
  }
  [[nodiscard]] unsigned short port() const { return acceptor_.local_endpoint().port(); }
  void set_handler(Handler handler) { handler_ = std::move(handler); }
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] int requests(const std::string& target) const {
    const auto found = requests_.find(target);
    return found == requests_.end() ? 0 : found->second;
  }
  [[nodiscard]] std::size_t bytes_sent() const { return bytes_sent_; }
  void close() { acceptor_.close(); }

 private:
  using Tls = boost::asio::ssl::stream<Tcp::socket>;
  static constexpr auto kUse = boost::asio::as_tuple(boost::asio::use_awaitable);

  static boost::asio::awaitable<void> accept(HttpsServer& self) {
    for (;;) {
      auto [failed, socket] = co_await self.acceptor_.async_accept(kUse);
      if (failed) co_return;
      ++self.connections_;
      boost::asio::co_spawn(socket.get_executor(),
                            serve(self, std::make_unique<Tls>(std::move(socket), self.context_)),
                            boost::asio::detached);
    }
  }
  static boost::asio::awaitable<bool> send(HttpsServer& self, Tls& stream, std::string text) {
    auto [failed, sent] =
        co_await boost::asio::async_write(stream, boost::asio::buffer(text), kUse);
    self.bytes_sent_ += sent;
    co_return !failed;
  }
  static boost::asio::awaitable<void> pause(Tls& stream, std::chrono::milliseconds span) {
    boost::asio::steady_timer timer(stream.get_executor(), span);
    const auto waited = co_await timer.async_wait(kUse);
    static_cast<void>(waited);
  }
  static boost::asio::awaitable<void> serve(HttpsServer& self, std::unique_ptr<Tls> owned) {
    Tls& stream = *owned;
    auto [refused] = co_await stream.async_handshake(boost::asio::ssl::stream_base::server, kUse);
    if (refused) co_return;
    boost::beast::flat_buffer buffer;
    boost::beast::http::request<boost::beast::http::empty_body> request;
    auto [failed, got] = co_await boost::beast::http::async_read(stream, buffer, request, kUse);
    if (failed) co_return;
    const std::string target(request.target());
    ++self.requests_[target];
    const Answer answer = self.handler_(target);
    std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " X\r\n" + answer.headers;
    if (answer.manner == Answer::Manner::hang) {
      co_await pause(stream, std::chrono::seconds(30));
    } else if (answer.manner == Answer::Manner::endless) {
      const std::string chunk = "10000\r\n" + std::string(65536, ' ') + "\r\n";
      bool open = co_await send(self, stream, head + "Transfer-Encoding: chunked\r\n\r\n");
      for (int count = 0; open && count < 1600; ++count) open = co_await send(self, stream, chunk);
    } else {
      const std::string whole =
          head + "Content-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
      if (answer.manner == Answer::Manner::whole) {
        co_await send(self, stream, whole);
      } else {
        for (const char byte : whole) {
          const bool open = co_await send(self, stream, std::string(1, byte));
          if (!open) co_return;
          co_await pause(stream, std::chrono::milliseconds(50));
        }
      }
    }
    const auto ended = co_await stream.async_shutdown(kUse);
    static_cast<void>(ended);
  }

  Handler handler_;
  boost::asio::ssl::context context_;
  Tcp::acceptor acceptor_;
  std::map<std::string, int> requests_;
  int connections_ = 0;
  std::size_t bytes_sent_ = 0;
};

}  // namespace keyward::test
