#include "keyward/upstream/pipeline.h"

#include <utility>

namespace keyward::upstream {

namespace {

constexpr std::size_t kMostDiscarded =
    4096;  // of one reply that nobody reads; Redis's errors are short

class Nobody final : public ReplySink {
  void on_reply(const Awaiting&, const ReplyPart&) override {}
  void on_lost(const Awaiting&, bool) override {}
};

}  // namespace

ReplySink& nobody() {
  static Nobody sink;
  return sink;
}

void Pipeline::expect(Awaiting awaiting) {
  awaiting.end_offset = written_ + outgoing_.size();
  waiting_.push_back(awaiting);
}

void Pipeline::written(std::size_t count) {
  outgoing_.consume(count);
  written_ += count;
}

bool Pipeline::receive(std::string_view bytes) {
  while (!bytes.empty()) {
    if (waiting_.empty()) return false;
    if (!in_reply_) {
      in_reply_ = true;
      begun_ = false;
      const Awaiting& front = waiting_.front();
      // It can only be meant for a request that has left.
      if (front.discard == 0 && front.end_offset > written_) return false;
      scanner_.keep_children(front.keep_children && front.discard == 0);
    }
    const auto progress = scanner_.feed(bytes);
    if (progress.bad) return false;
    deliver(progress, bytes.substr(0, progress.used));
    bytes.remove_prefix(progress.used);
  }
  return true;
}

void Pipeline::deliver(const resp::ReplyScanner::Progress& progress, std::string_view bytes) {
  if (progress.done) in_reply_ = false;
  Awaiting& front = waiting_.front();
  if (front.discard > 0) return discard(front, progress.done, bytes);
  if (!progress.head_known) {  // the first line came in pieces
    early_.append(bytes);
    return;
  }
  if (!early_.empty()) {
    early_.append(bytes);
    bytes = early_;
  }
  const Awaiting awaiting = front;
  if (progress.done) waiting_.pop_front();
  awaiting.sink->on_reply(
      awaiting, ReplyPart{.head = scanner_.head(),
                          .bytes = bytes,
                          .first = !std::exchange(begun_, true),
                          .last = progress.done,
                          .children = awaiting.keep_children ? &scanner_.children() : nullptr});
  early_.clear();
}

void Pipeline::discard(Awaiting& front, bool done, std::string_view bytes) {
  if (early_.size() + bytes.size() < kMostDiscarded) early_.append(bytes);
  if (!done) return;
  --front.discard;
  if (scanner_.head().is_error()) front.sink->on_discarded_error(front, early_);
  early_.clear();
}

void Pipeline::fail() {
  while (!waiting_.empty()) {
    const Awaiting awaiting = waiting_.front();
    waiting_.pop_front();
    awaiting.sink->on_lost(awaiting, awaiting.end_offset <= written_);
  }
  outgoing_.clear();
}

bool Pipeline::shared_with_others(const ReplySink* sink) const {
  // Only the newest few matter: whoever waits behind the reply that is being held up.
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (waiting_[i].sink != sink) return true;
  }
  return false;
}

}  // namespace keyward::upstream
