// Resolve, connect, handshake, within one deadline.
#pragma once

#include "keyward/base/result.h"
#include "keyward/net/endpoint.h"
#include "keyward/net/stream.h"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace keyward::net {

// Calls `done` exactly once, never from inside connect(), on the io_context's thread. `tls` is
// needed for Endpoint::Kind::tls. Sets TCP_NODELAY and keepalive. The returned handle cancels when
// destroyed: then `done` is not called any more.
class ConnectOperation;
using ConnectHandle = std::shared_ptr<ConnectOperation>;
[[nodiscard]] ConnectHandle connect(boost::asio::io_context& io, const Endpoint& endpoint,
                                    SslContext tls, const std::string& server_name,
                                    std::chrono::milliseconds deadline,
                                    std::function<void(Result<std::unique_ptr<Stream>>)> done);

}  // namespace keyward::net
