// What a ReplyScanner makes of a stream of replies, as values: the same for every way the bytes may
// arrive.
#pragma once

#include "keyward/resp/reply_scanner.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::test {

struct Scan {
  std::vector<std::size_t> ends;      // of each reply, from the start of the stream
  std::vector<std::string> heads;     // of each reply
  std::vector<std::string> children;  // of all replies, with keep_children on
  bool bad = false;
  bool boundary = false;
  bool contract = true;  // false when the scanner broke a promise of its header
  bool operator==(const Scan&) const = default;
};

class ReplyFeeder {
 public:
  ReplyFeeder() { scanner_.keep_children(true); }

  void feed(std::string_view bytes) {
    while (!bytes.empty() && !scan_.bad) {
      const std::string exact(bytes);  // a fresh block of exactly that size
      const auto progress = scanner_.feed(exact);
      scan_.bad = progress.bad;
      if (progress.bad) return;
      if (!progress.done && progress.used != bytes.size()) scan_.contract = false;
      if (progress.done && !progress.head_known) scan_.contract = false;
      if (progress.used == 0 || progress.used > bytes.size()) scan_.contract = false;
      if (!scan_.contract) return;
      at_ += progress.used;
      bytes.remove_prefix(progress.used);
      if (!progress.done) continue;
      scan_.ends.push_back(at_);
      scan_.heads.push_back(shown(scanner_.head()));
      for (const auto& child : scanner_.children()) scan_.children.push_back(shown(child));
    }
  }
  [[nodiscard]] Scan scan() {
    scan_.boundary = scanner_.at_boundary();
    return scan_;
  }

 private:
  static std::string shown(const resp::FrameHead& head) {
    return head.type + std::to_string(head.number) + std::string(head.first_word());
  }

  resp::ReplyScanner scanner_;
  Scan scan_;
  std::size_t at_ = 0;
};

inline Scan scan_of(std::string_view bytes) {
  ReplyFeeder feeder;
  feeder.feed(bytes);
  return feeder.scan();
}

}  // namespace keyward::test
