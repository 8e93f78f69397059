// Requests over connections that stay open between them.
#pragma once

#include "keyward/net/https_client.h"

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace keyward::net {

// One thread. Made for a caller with one server, or few: of each as many connections as there are
// requests under way; `most` of all stay open when nothing is.
class HttpPool {
 public:
  explicit HttpPool(boost::asio::io_context& io, std::size_t most = 16);
  // Ends what is under way; its `done` is not called.
  ~HttpPool();
  HttpPool(const HttpPool&) = delete;
  HttpPool& operator=(const HttpPool&) = delete;

  // What becomes of a request that met a connection at its end, with no byte of an answer.
  enum class Unanswered : std::uint8_t {
    again,  // it goes out over a fresh one: the other side may see it twice
    fails,
  };
  // As http_fetch().
  void fetch(SslContext tls, HttpRequest request, std::function<void(Result<HttpResponse>)> done,
             Unanswered unanswered = Unanswered::again);
  [[nodiscard]] std::size_t idle() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyward::net
