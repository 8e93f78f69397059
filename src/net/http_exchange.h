// One request and its answer over a connection that may have been there before. Coroutines of
// http_fetch() and HttpPool.
#pragma once

#include "keyward/base/result.h"
#include "keyward/net/https_client.h"
#include "keyward/net/tls.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace keyward::net {

// Where a request goes: read from its URL.
struct HttpTarget {
  bool tls = true;
  bool literal = false;  // an address instead of a name
  std::string host, port, path;
  std::string connect_host, connect_port;
};

struct HttpConnection {
  explicit HttpConnection(boost::asio::io_context& io) : socket(io) {}
  boost::asio::ip::tcp::socket socket;
  std::unique_ptr<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls;
  SslContext context;  // that `tls` was made with
  std::string origin;
  std::chrono::steady_clock::time_point idle_since{};
};
using HttpConnectionPtr = std::unique_ptr<HttpConnection>;

// Owned by its coroutine and its timer; `finish` runs `done` the first time only.
struct HttpExchange {
  using Done = std::function<void(Result<HttpResponse>)>;
  HttpExchange(boost::asio::io_context& owner, SslContext context, HttpRequest wanted,
               Done callback)
      : io(owner),
        tls(std::move(context)),
        request(std::move(wanted)),
        done(std::move(callback)),
        deadline(owner),
        resolver(owner) {}
  void finish(Result<HttpResponse> result);
  // Ends it without an answer.
  void abandon();
  [[nodiscard]] bool over() const { return !done; }

  boost::asio::io_context& io;
  SslContext tls;
  HttpRequest request;
  Done done;
  boost::asio::steady_timer deadline;
  boost::asio::ip::tcp::resolver resolver;
  HttpConnectionPtr connection;
  bool silent = false;  // the other side ended it before a byte of the answer
  bool keep = false;    // the connection may serve again
  bool once = false;    // a silent end of a kept connection is its end
  // Of a pool: a connection to the origin that is open, or nothing; and where one goes that may
  // serve again.
  std::function<HttpConnectionPtr(const std::string& origin, const SslContext& tls)> take;
  std::function<void(HttpConnectionPtr)> give;
};

// Starts it, with its deadline.
void run_exchange(const std::shared_ptr<HttpExchange>& exchange);

}  // namespace keyward::net
