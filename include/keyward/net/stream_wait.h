// Waits of Asio for a stream that is in no Turn: while it connects, and on the control thread.
#pragma once

#include "keyward/net/stream.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <utility>

namespace keyward::net {

// At most one wait per direction. Must go before its stream closes: waits end with
// operation_aborted.
class StreamWait {
 public:
  StreamWait(boost::asio::io_context& io, const Stream& stream)
      : descriptor_(io, stream.descriptor()) {}
  ~StreamWait() { descriptor_.release(); }
  StreamWait(const StreamWait&) = delete;
  StreamWait& operator=(const StreamWait&) = delete;

  template <class Handler>
  void readable(Handler&& handler) {
    descriptor_.async_wait(Descriptor::wait_read, std::forward<Handler>(handler));
  }
  template <class Handler>
  void writable(Handler&& handler) {
    descriptor_.async_wait(Descriptor::wait_write, std::forward<Handler>(handler));
  }

 private:
  using Descriptor = boost::asio::posix::stream_descriptor;
  Descriptor descriptor_;
};

}  // namespace keyward::net
