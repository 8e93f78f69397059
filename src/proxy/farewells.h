// Connections that this side closed first. What their clients still send is read and thrown away
// until they close as well: close(2) with unread input resets the connection, and the answers that
// are on their way to the client would be lost with it (RFC 1122 section 4.2.2.13).
#pragma once

#include "keyward/base/clock.h"
#include "keyward/net/stream.h"

#include <memory>
#include <vector>

namespace keyward::proxy {

// Owned by a shard, used on its thread. Bounded in number, time and bytes.
class Farewells {
 public:
  Farewells();
  ~Farewells();
  // `stream` is shut down for sending.
  void take(std::unique_ptr<net::Stream> stream, MonoTime now);
  void tick(MonoTime now);

 private:
  class One;
  std::vector<std::unique_ptr<One>> all_;
};

}  // namespace keyward::proxy
