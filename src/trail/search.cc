#include "keyward/trail/search.h"

#include "trail/chunk.h"
#include "trail/in_order.h"
#include "trail/index_build.h"

#include "keyward/audit/segment.h"
#include "keyward/audit/trail_files.h"
#include "keyward/trail/reader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>

namespace keyward::trail {
namespace {

// What one worker reads before it looks for other work, and what keeps the memory of results small.
constexpr std::size_t kBlocksInChunk = 8;

struct Source {
  std::string path;
  std::uint64_t size = 0;
  bool settled = false;
};

// A segment that nobody has written to for so long may get an index. When it grows even so, the
// index is of a shorter text and not used.
constexpr std::chrono::seconds kQuiet{10};

bool quiet(const std::string& path) {
  std::error_code error;
  const auto written = std::filesystem::last_write_time(path, error);
  return !error && std::filesystem::file_time_type::clock::now() - written > kQuiet;
}

// Nothing is added to a segment that is compressed, or whose stream goes on in another one.
std::vector<Source> with_settled(const std::vector<audit::TrailSource>& listed) {
  std::vector<Source> sources;
  std::optional<audit::TrailFile> next;
  for (auto source = listed.rbegin(); source != listed.rend(); ++source) {
    const std::filesystem::path path(source->path);
    auto file = audit::parse_file_name(path.filename().string());
    bool closed = false;
    if (file) {
      file->path = path.parent_path().string();
      closed =
          file->compressed || (next && next->path == file->path && next->stream == file->stream &&
                               next->instance == file->instance && next->number > file->number);
      next = std::move(file);
    }
    sources.push_back({source->path, source->size, closed || quiet(source->path)});
  }
  std::reverse(sources.begin(), sources.end());
  return sources;
}

// One bar for what several threads do.
class Bar {
 public:
  Bar(const audit::Progress& progress, std::uint64_t total) : progress_(progress), total_(total) {}
  void add(std::uint64_t count) {
    if (!progress_) return;
    const std::lock_guard lock(mutex_);
    progress_(done_ += count, total_);
  }

 private:
  const audit::Progress& progress_;
  std::uint64_t total_, done_ = 0;
  std::mutex mutex_;
};

// Calls `work` with every index below `count`, on so many threads.
template <class Work>
void on_threads(unsigned threads, std::size_t count, const Work& work) {
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (std::size_t index = next++; index < count; index = next++) work(index);
  };
  std::vector<std::jthread> others;
  for (std::size_t other = 1; other < std::min<std::size_t>(threads, count); ++other)
    others.emplace_back(run);
  run();
}

std::vector<Plan> make_plans(const std::vector<Source>& sources, const Query& query,
                             const SearchOptions& options, unsigned threads) {
  std::uint64_t total = 0;
  for (const Source& source : sources) total += source.size;
  Bar bar(options.progress, total);
  std::vector<Plan> plans(sources.size());
  on_threads(threads, sources.size(), [&](std::size_t index) {
    const Source& source = sources[index];
    std::uint64_t read = 0;
    plans[index] =
        make_plan(source.path, query, {.use_index = options.use_indexes, .settled = source.settled},
                  [&](std::uint64_t bytes) {
                    read += bytes;
                    bar.add(bytes);
                  });
    plans[index].file = index;
    bar.add(source.size - std::min(source.size, read));
  });
  return plans;
}

std::vector<Chunk> chunks_of(const std::vector<Plan>& plans) {
  std::vector<Chunk> chunks;
  for (const Plan& plan : plans) {
    Chunk chunk{&plan, {}, 0};
    for (std::size_t block = 0; block < plan.wanted.size(); ++block) {
      if (!plan.wanted.has(block)) continue;
      const std::uint64_t first_us = plan.index->zone(block).first_us;
      chunk.first_us = chunk.blocks.empty() ? first_us : std::min(chunk.first_us, first_us);
      chunk.blocks.push_back(block);
      if (chunk.blocks.size() < kBlocksInChunk) continue;
      chunks.push_back(std::move(chunk));
      chunk = {&plan, {}, 0};
    }
    if (!chunk.blocks.empty()) chunks.push_back(std::move(chunk));
  }
  std::stable_sort(chunks.begin(), chunks.end(),
                   [](const Chunk& a, const Chunk& b) { return a.first_us < b.first_us; });
  return chunks;
}

// An index that leads astray: the segment is read without it.
Hits read_again(const Chunk& chunk, const Query& query, const Write& write) {
  const Plan plan = make_plan(chunk.plan->path, query, {.use_index = false}, {});
  if (!plan.index) {
    Hits failed;
    failed.failed = plan.failed;
    return failed;
  }
  Chunk again{&plan, {}, chunk.first_us};
  for (const std::size_t block : chunk.blocks) {
    if (block < plan.wanted.size() && plan.wanted.has(block)) again.blocks.push_back(block);
  }
  return read_chunk(again, query, write);
}

class Search {
 public:
  Search(const Query& query, const SearchOptions& options, const Write& write,
         const std::function<bool(std::string_view)>& take)
      : query_(query), options_(options), write_(write), take_(take) {}

  SearchCounts run(const std::vector<Source>& sources) {
    const unsigned threads = workers_for({.threads = options_.threads});
    const std::vector<Plan> plans = make_plans(sources, query_, options_, threads);
    for (const Plan& plan : plans) count(plan);
    const std::vector<Chunk> chunks = chunks_of(plans);
    std::uint64_t blocks = 0;
    for (const Chunk& chunk : chunks) blocks += chunk.blocks.size();
    Bar bar(options_.progress, blocks);
    const auto read = [&](std::size_t index) {
      Hits hits = read_chunk(chunks[index], query_, write_);
      const bool wrong = hits.index_wrong;
      if (wrong) hits = read_again(chunks[index], query_, write_);
      bar.add(chunks[index].blocks.size());
      count(chunks[index], hits, wrong);
      return hits;
    };
    if (write_) {
      in_order(chunks, threads, read, [this](std::string_view text) {
        ++counts_.found;
        return take_(text) && counts_.found != options_.limit;
      });
    } else {
      on_threads(threads, chunks.size(), [&](std::size_t index) {
        const Hits hits = read(index);
        const std::lock_guard lock(mutex_);
        counts_.found += hits.count;
      });
      if (options_.limit != 0) counts_.found = std::min(counts_.found, options_.limit);
    }
    std::sort(counts_.failed.begin(), counts_.failed.end());
    return std::move(counts_);
  }

 private:
  void count(const Plan& plan) {
    ++counts_.segments;
    counts_.blocks += plan.wanted.size();
    counts_.indexes_written += plan.written ? 1 : 0;
    if (!plan.failed.empty()) counts_.failed.push_back(plan.failed);
    if (!plan.rejected.empty()) counts_.rejected.push_back(plan.path + ": " + plan.rejected);
  }
  void count(const Chunk& chunk, const Hits& hits, bool wrong) {
    const std::lock_guard lock(mutex_);
    counts_.blocks_read += hits.blocks_read;
    counts_.unreadable += hits.unreadable;
    if (!hits.failed.empty()) counts_.failed.push_back(hits.failed);
    if (wrong)
      counts_.rejected.push_back(chunk.plan->path + ": the index does not lead to what is there");
  }

  const Query& query_;
  const SearchOptions& options_;
  const Write& write_;
  const std::function<bool(std::string_view)>& take_;
  std::mutex mutex_;
  SearchCounts counts_;
};

}  // namespace

Result<SearchCounts> search(const std::vector<std::string>& paths, const Query& query,
                            const SearchOptions& options, const Write& write,
                            const std::function<bool(std::string_view)>& take) {
  const auto listed = audit::list_sources(paths);
  if (!listed) return listed.error();
  return Search(query, options, write, take).run(with_settled(*listed));
}

bool has_index(const std::string& segment_path) {
  const auto segment = audit::Segment::open(segment_path);
  const auto index = IndexFile::open(audit::index_file(segment_path));
  return segment && index && index->head().text_size == segment->size();
}

Result<> write_index(const std::string& segment_path, const std::function<void()>& between) {
  auto segment = audit::Segment::open(segment_path);
  if (!segment) return segment.error();
  BuildOptions options;
  if (between) options.progress = [&](std::uint64_t) { between(); };
  const auto built = build_index(*segment, options);
  if (!built) return built.error();
  return store_index(segment_path, built->image);
}

}  // namespace keyward::trail
