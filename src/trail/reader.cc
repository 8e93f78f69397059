#include "keyward/trail/reader.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

namespace keyward::trail {

struct RecordReader::State {
  explicit State(audit::TrailLines from) : lines(std::move(from)) {}

  audit::TrailLines lines;
  RecordParser parser;
  Sessions sessions;
  ReadCounts counts;
  std::size_t file = 0;
};

RecordReader::RecordReader(audit::TrailLines lines)
    : state_(std::make_unique<State>(std::move(lines))) {}
RecordReader::~RecordReader() = default;
RecordReader::RecordReader(RecordReader&&) noexcept = default;
RecordReader& RecordReader::operator=(RecordReader&&) noexcept = default;

bool RecordReader::next(Record& out) {
  State& state = *state_;
  while (const auto line = state.lines.next()) {
    if (state.lines.file() != state.file) {
      state.file = state.lines.file();
      state.sessions.forget();
    }
    ++state.counts.lines;
    state.sessions.passed(line->size() + 1);
    if (!state.parser.parse(*line, out)) {
      ++state.counts.unreadable;
      continue;
    }
    if (!state.sessions.join(out)) ++state.counts.unjoined;
    return true;
  }
  return false;
}

ReadCounts RecordReader::counts() const {
  ReadCounts counts = state_->counts;
  counts.bytes = state_->lines.bytes();
  counts.failed = state_->lines.failed();
  return counts;
}
const std::string& RecordReader::path() const { return state_->lines.path(); }

namespace {

void add(ReadCounts& all, ReadCounts one) {
  all.lines += one.lines;
  all.bytes += one.bytes;
  all.unreadable += one.unreadable;
  all.unjoined += one.unjoined;
  for (std::string& failed : one.failed) all.failed.push_back(std::move(failed));
}

// What several workers say of how far they are, as one.
class Together {
 public:
  Together(const audit::Progress& progress, std::uint64_t total)
      : progress_(progress), total_(total) {}
  void add(std::uint64_t bytes) {
    if (!progress_) return;
    const std::lock_guard lock(mutex_);
    progress_(done_ += bytes, total_);
  }

 private:
  const audit::Progress& progress_;
  std::uint64_t total_;
  std::mutex mutex_;
  std::uint64_t done_ = 0;
};

}  // namespace

unsigned workers_for(const ReadOptions& options) {
  if (options.threads != 0) return options.threads;
  return std::max(1U, std::thread::hardware_concurrency());
}

Result<ReadCounts> for_each_record(const std::vector<std::string>& paths,
                                   const ReadOptions& options,
                                   const std::function<void(const Record&, const ReadAt&)>& take) {
  const auto sources = audit::list_sources(paths);
  if (!sources) return sources.error();
  std::uint64_t total = 0;
  for (const audit::TrailSource& source : *sources) total += source.size;
  Together progress(options.progress, total);
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  ReadCounts all;

  const auto work = [&](std::size_t worker) {
    for (std::size_t file = next++; file < sources->size(); file = next++) {
      const std::string& path = (*sources)[file].path;
      std::uint64_t before = 0;
      auto lines = audit::TrailLines::open({path}, [&](std::uint64_t done, std::uint64_t) {
        progress.add(done - before);
        before = done;
      });
      if (!lines) {
        const std::lock_guard lock(mutex);
        all.failed.push_back(lines.error().message());
        continue;
      }
      RecordReader reader(*std::move(lines));
      const ReadAt where{worker, file, &path};
      Record record;
      while (reader.next(record)) take(record, where);
      const std::lock_guard lock(mutex);
      add(all, reader.counts());
    }
  };
  const std::size_t workers = std::min<std::size_t>(workers_for(options), sources->size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t worker = 1; worker < workers; ++worker) threads.emplace_back(work, worker);
    work(0);
  }
  std::sort(all.failed.begin(), all.failed.end());
  return all;
}

}  // namespace keyward::trail
