// Options of every TCP connection, either way.
#pragma once

namespace keyward::net {

// TCP_NODELAY and keepalive: a peer that vanished is noticed after 60 + 4 x 15 s of silence.
void set_tcp_options(int descriptor);

}  // namespace keyward::net
