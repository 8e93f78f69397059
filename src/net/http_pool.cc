#include "keyward/net/http_pool.h"

#include "net/http_exchange.h"

#include <algorithm>
#include <chrono>
#include <sys/socket.h>
#include <unordered_set>
#include <utility>
#include <vector>

namespace keyward::net {

namespace {

// Servers close idle connections after 5 s (uvicorn) to minutes; who closes first has no race.
constexpr std::chrono::seconds kIdle{20};

// Between answers a server has nothing to say: a byte, or the end, and the connection is of no use.
bool quiet(HttpConnection& connection) {
  char byte = 0;
  const auto got = ::recv(connection.socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

struct HttpPool::State {
  State(boost::asio::io_context& owner, std::size_t limit) : io(owner), most(limit) {}

  HttpConnectionPtr take(const std::string& origin, const SslContext& tls) {
    const auto oldest = std::chrono::steady_clock::now() - kIdle;
    std::erase_if(open, [&](const HttpConnectionPtr& one) {
      return one->idle_since < oldest || (one->origin == origin && one->context != tls && one->tls);
    });
    while (!open.empty()) {  // the one used last: the others may grow old
      const auto last = std::find_if(open.rbegin(), open.rend(),
                                     [&](const auto& one) { return one->origin == origin; });
      if (last == open.rend()) return nullptr;
      HttpConnectionPtr connection = std::move(*last);
      open.erase(std::next(last).base());
      if (quiet(*connection)) return connection;
    }
    return nullptr;
  }
  void give(HttpConnectionPtr connection) {
    if (open.size() >= most) open.erase(open.begin());
    connection->idle_since = std::chrono::steady_clock::now();
    open.push_back(std::move(connection));
  }

  boost::asio::io_context& io;
  std::size_t most;
  std::vector<HttpConnectionPtr> open;  // in the order in which they were used
  std::unordered_set<std::shared_ptr<HttpExchange>> under_way;
};

HttpPool::HttpPool(boost::asio::io_context& io, std::size_t most)
    : state_(std::make_shared<State>(io, std::max<std::size_t>(most, 1))) {}

HttpPool::~HttpPool() {
  for (const auto& exchange : std::exchange(state_->under_way, {})) exchange->abandon();
}

void HttpPool::fetch(SslContext tls, HttpRequest request,
                     std::function<void(Result<HttpResponse>)> done, Unanswered unanswered) {
  const std::weak_ptr<State> weak = state_;
  auto exchange = std::make_shared<HttpExchange>(state_->io, std::move(tls), std::move(request),
                                                 std::function<void(Result<HttpResponse>)>());
  exchange->once = unanswered == Unanswered::fails;
  exchange->take = [weak](const std::string& origin, const SslContext& context) {
    const auto state = weak.lock();
    return state ? state->take(origin, context) : nullptr;
  };
  exchange->give = [weak](HttpConnectionPtr connection) {
    if (const auto state = weak.lock()) state->give(std::move(connection));
  };
  exchange->done = [weak, done = std::move(done),
                    self = std::weak_ptr(exchange)](Result<HttpResponse> result) {
    if (const auto state = weak.lock()) state->under_way.erase(self.lock());
    done(std::move(result));
  };
  state_->under_way.insert(exchange);
  run_exchange(exchange);
}

std::size_t HttpPool::idle() const { return state_->open.size(); }

}  // namespace keyward::net
