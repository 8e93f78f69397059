#include "net/socket_options.h"

#include <boost/asio/ip/tcp.hpp>

#include <netinet/tcp.h>

namespace keyward::net {
namespace {

template <int Name>
using TcpOption = boost::asio::detail::socket_option::integer<IPPROTO_TCP, Name>;

}  // namespace

void set_tcp_options(Stream::Socket& socket) {
  // A socket that the peer has already closed refuses options; the next read says so better.
  boost::system::error_code ignored;
  socket.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(boost::asio::socket_base::keep_alive(true), ignored);
  socket.set_option(TcpOption<TCP_KEEPIDLE>(60), ignored);
  socket.set_option(TcpOption<TCP_KEEPINTVL>(15), ignored);
  socket.set_option(TcpOption<TCP_KEEPCNT>(4), ignored);
}

}  // namespace keyward::net
