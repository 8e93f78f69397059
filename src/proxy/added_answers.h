// Answers to blocks in which the proxy sent more than its client asked for: MULTI around a lone
// command, a PEXPIRE behind it. The client sees what answers its own commands. No I/O.
#pragma once

#include "keyward/base/ring.h"
#include "keyward/resp/reply_scanner.h"
#include "keyward/upstream/reply_sink.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keyward::proxy {

// Owned by a session. Places are told in the order in which their answers come.
class AddedAnswers {
 public:
  // Of the EXEC answered in `place` the first element alone is the answer.
  void expect_one(std::uint64_t place) { expected_.push_back({place, 1, true, {}}); }
  // The first `own` elements of that array are.
  void expect_first(std::uint64_t place, std::uint32_t own) {
    expected_.push_back({place, own, false, {}});
  }
  // Redis would not queue a command of the block: its reason is the answer instead of EXECABORT.
  void refused(std::uint64_t place, std::string_view error);

  // What of this piece the client gets; nothing: none of it yet. Views and head stay valid until
  // the next call. A piece of any other place comes back as it is.
  [[nodiscard]] std::optional<upstream::ReplyPart> show(std::uint64_t place,
                                                        const upstream::ReplyPart& part);

 private:
  struct Expected {
    std::uint64_t place = 0;
    std::uint32_t own = 0;
    bool alone = false;
    std::string error;
  };
  [[nodiscard]] std::optional<upstream::ReplyPart> begin(const upstream::ReplyPart& part);
  [[nodiscard]] upstream::ReplyPart error_of(const Expected& expected);
  [[nodiscard]] std::optional<upstream::ReplyPart> take(const Expected& expected,
                                                        const upstream::ReplyPart& part,
                                                        std::string_view bytes);

  Ring<Expected> expected_;
  resp::ReplyScanner scanner_;  // of one element after the other
  resp::FrameHead head_;
  std::string text_;        // what is shown, where it is not a piece of what came
  std::uint32_t left_ = 0;  // own elements still to come
  bool as_it_is_ = false;   // an error or null: no array to take apart
  bool begun_ = false;      // something was shown
  bool kept_ = false;       // text_ was not shown yet
};

}  // namespace keyward::proxy
