// Who gets the next reply: the requests on one connection in the order they were sent. No I/O.
#pragma once

#include "keyward/base/buffer.h"
#include "keyward/base/ring.h"
#include "keyward/resp/reply_scanner.h"
#include "keyward/upstream/reply_sink.h"

#include <string>
#include <string_view>

namespace keyward::upstream {

// Rules: replies go to the requests in order; a reply that nobody awaits, or that would be the one
// to a request that has not left yet, is an error of the connection (the caller closes it); after
// fail() nothing is delivered any more.
class Pipeline {
 public:
  // The caller appends one encoded request (or a block that ends in the awaited one) here, then
  // calls expect().
  [[nodiscard]] std::string& encode_into() { return outgoing_.tail(); }
  void expect(Awaiting awaiting);

  // Bytes for the socket, and how many of them were written.
  [[nodiscard]] std::string_view outgoing() const { return outgoing_.view(); }
  void written(std::size_t count);

  // Bytes from the socket. False: not RESP, or nobody awaits this; the connection must be closed.
  [[nodiscard]] bool receive(std::string_view bytes);
  // Tells every waiting sink that its reply will not come.
  void fail();

  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] bool idle() const { return waiting_.empty() && outgoing_.empty(); }
  // True when somebody else than `sink` waits on this connection.
  [[nodiscard]] bool shared_with_others(const ReplySink* sink) const;

 private:
  void deliver(const resp::ReplyScanner::Progress& progress, std::string_view bytes);
  void discard(Awaiting& front, bool done, std::string_view bytes);
  Buffer outgoing_;
  Ring<Awaiting> waiting_;
  resp::ReplyScanner scanner_;
  std::string early_;      // a first line that came in pieces, until it is whole
  bool in_reply_ = false;  // bytes of a reply were seen, its end was not
  bool begun_ = false;     // a part of it was delivered
  std::uint64_t written_ = 0;
};

}  // namespace keyward::upstream
