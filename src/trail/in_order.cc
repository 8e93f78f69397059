#include "trail/in_order.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <queue>
#include <thread>
#include <tuple>
#include <utility>

namespace keyward::trail {
namespace {

constexpr std::size_t kReadAhead = std::size_t{64} << 20;

class Merge {
 public:
  Merge(const std::vector<Chunk>& chunks, const std::function<Hits(std::size_t)>& read)
      : chunks_(chunks), read_(read), found_(chunks.size()), done_(chunks.size()) {}

  // A thread's work: the next chunk, as long as there is room.
  void read_chunks() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] {
        return stop_ || next_ == chunks_.size() || held_ < kReadAhead ||
               (starving_ && next_ == first_open_);
      });
      if (stop_ || next_ == chunks_.size()) return;
      const std::size_t chunk = next_++;
      lock.unlock();
      Hits hits = read_(chunk);
      sort(hits);
      lock.lock();
      held_ += hits.text.size();
      found_[chunk] = std::move(hits);
      done_[chunk] = true;
      fresh_.push_back(chunk);
      while (first_open_ < chunks_.size() && done_[first_open_]) ++first_open_;
      changed_.notify_all();
    }
  }

  void give_out(const std::function<bool(std::string_view)>& take) {
    std::unique_lock lock(mutex_);
    for (;;) {
      // All that could be given out was: the oldest chunk has to be read whatever is held.
      starving_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !fresh_.empty() || first_open_ == chunks_.size(); });
      starving_ = false;
      for (const std::size_t chunk : fresh_) enqueue(chunk, 0);
      fresh_.clear();
      const bool all = first_open_ == chunks_.size();
      const std::uint64_t settled = all ? 0 : chunks_[first_open_].first_us;
      lock.unlock();
      // Nothing that is still to be found is older than this.
      while (!heads_.empty() && (all || heads_.top().time_us < settled)) {
        if (!give_next(take)) {
          lock.lock();
          stop_ = true;
          changed_.notify_all();
          return;
        }
      }
      lock.lock();
      if (all && fresh_.empty()) return;
    }
  }

 private:
  struct Head {
    std::uint64_t time_us;
    std::size_t file, chunk, hit;
    bool operator>(const Head& other) const {
      return std::tie(time_us, file, chunk, hit) >
             std::tie(other.time_us, other.file, other.chunk, other.hit);
    }
  };

  // Times of a stream never go back; in files of others they may.
  static void sort(Hits& hits) {
    std::stable_sort(hits.hits.begin(), hits.hits.end(),
                     [](const Hit& a, const Hit& b) { return a.time_us < b.time_us; });
  }
  // found_[chunk] is this thread's own once it is done.
  void enqueue(std::size_t chunk, std::size_t hit) {
    if (hit < found_[chunk].hits.size())
      heads_.push({found_[chunk].hits[hit].time_us, chunks_[chunk].plan->file, chunk, hit});
  }
  bool give_next(const std::function<bool(std::string_view)>& take) {
    const Head head = heads_.top();
    heads_.pop();
    Hits& hits = found_[head.chunk];
    const Hit& hit = hits.hits[head.hit];
    const bool go_on = take(std::string_view(hits.text).substr(hit.begin, hit.size));
    enqueue(head.chunk, head.hit + 1);
    if (head.hit + 1 == hits.hits.size()) {
      const std::lock_guard lock(mutex_);
      held_ -= hits.text.size();
      const Hits gone = std::exchange(hits, {});  // assigning would keep the memory of the text
      changed_.notify_all();
    }
    return go_on;
  }

  const std::vector<Chunk>& chunks_;
  const std::function<Hits(std::size_t)>& read_;
  std::vector<Hits> found_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bool> done_;
  std::vector<std::size_t> fresh_;  // done, and not yet seen by give_out()
  std::size_t next_ = 0, first_open_ = 0, held_ = 0;
  bool stop_ = false;
  bool starving_ = false;  // give_out() waits
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads_;
};

}  // namespace

void in_order(const std::vector<Chunk>& chunks, unsigned threads,
              const std::function<Hits(std::size_t chunk)>& read,
              const std::function<bool(std::string_view text)>& take) {
  Merge merge(chunks, read);
  std::vector<std::jthread> readers;
  for (std::size_t reader = 0; reader < std::min<std::size_t>(threads, chunks.size()); ++reader)
    readers.emplace_back([&merge] { merge.read_chunks(); });
  merge.give_out(take);
}

}  // namespace keyward::trail
