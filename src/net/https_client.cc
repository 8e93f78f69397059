#include "keyward/net/https_client.h"

#include "net/http_exchange.h"

#include <utility>

namespace keyward::net {

void http_fetch(boost::asio::io_context& io, SslContext tls, HttpRequest request,
                std::function<void(Result<HttpResponse>)> done) {
  run_exchange(
      std::make_shared<HttpExchange>(io, std::move(tls), std::move(request), std::move(done)));
}

}  // namespace keyward::net
