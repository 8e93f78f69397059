#include "keyward/audit/lines.h"

#include "keyward/audit/line_reader.h"
#include "keyward/audit/segment.h"
#include "keyward/audit/trail_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace keyward::audit {
namespace {

namespace fs = std::filesystem;

Result<> add_file(const std::string& path, std::vector<TrailSource>& out) {
  const auto segment = Segment::open(path);
  if (!segment) return segment.error();
  out.push_back({path, segment->size()});
  return {};
}

bool may_be_segment(const fs::path& path) {
  return path.extension() == ".jsonl" ||
         (path.extension() == kCompressedEnding && path.stem().extension() == ".jsonl");
}

// A folder of copies may hold files under other names: any *.jsonl will do there.
Result<> add_folder(const std::string& path, std::vector<TrailSource>& out) {
  auto listed = list_trail(path);
  if (!listed) return listed.error();
  std::vector<std::string> names;
  for (const TrailFile& file : *listed) names.push_back(file.path);
  if (names.empty()) {
    std::error_code code;
    for (fs::directory_iterator entry(path, code); !code && entry != fs::directory_iterator();
         entry.increment(code)) {
      if (may_be_segment(entry->path())) names.push_back(entry->path().string());
    }
    std::sort(names.begin(), names.end());
  }
  if (names.empty()) return Error(Errc::not_found, "trail " + path + ": holds no *.jsonl file");
  for (const std::string& name : names) {
    auto added = add_file(name, out);
    std::error_code gone;
    // Retention may have removed it since it was listed.
    if (!added &&
        (fs::exists(name, gone) || fs::exists(name + std::string(kCompressedEnding), gone)))
      return added;
  }
  return {};
}

}  // namespace

Result<std::vector<TrailSource>> list_sources(const std::vector<std::string>& paths) {
  std::vector<TrailSource> sources;
  for (const std::string& path : paths) {
    std::error_code code;
    const bool folder = fs::is_directory(path, code);
    auto added = folder ? add_folder(path, sources) : add_file(path, sources);
    if (!added) return added.error();
  }
  return sources;
}

struct TrailLines::State {
  std::vector<TrailSource> sources;
  Progress progress;
  std::uint64_t total = 0, done = 0;
  std::size_t opened = 0;
  std::optional<Segment> segment;
  std::optional<LineReader> reader;
  std::vector<std::string> failed;

  bool open_next() {
    reader.reset();
    if (opened == sources.size()) return false;
    const TrailSource& source = sources[opened++];
    auto from = Segment::open(source.path);
    if (!from) {
      failed.push_back(from.error().message());
      return open_next();
    }
    segment.emplace(*std::move(from));
    reader.emplace(*segment, source.size, [this](std::uint64_t count) {
      done += count;
      if (progress) progress(done, total);
    });
    return true;
  }
};

TrailLines::TrailLines(std::unique_ptr<State> state) : state_(std::move(state)) {}
TrailLines::TrailLines(TrailLines&&) noexcept = default;
TrailLines& TrailLines::operator=(TrailLines&&) noexcept = default;
TrailLines::~TrailLines() = default;

Result<TrailLines> TrailLines::open(const std::vector<std::string>& paths, Progress progress) {
  auto sources = list_sources(paths);
  if (!sources) return sources.error();
  auto state = std::make_unique<State>();
  state->progress = std::move(progress);
  state->sources = *std::move(sources);
  for (const TrailSource& source : state->sources) state->total += source.size;
  return TrailLines(std::move(state));
}

std::optional<std::string_view> TrailLines::next() {
  State& state = *state_;
  while (state.reader || state.open_next()) {
    if (auto line = state.reader->next()) return line;
    if (state.reader->failed()) state.failed.push_back(path() + ": cannot be read to its end");
    state.reader.reset();
  }
  return std::nullopt;
}

std::size_t TrailLines::file() const { return state_->opened; }
const std::string& TrailLines::path() const {
  return state_->sources[std::max<std::size_t>(state_->opened, 1) - 1].path;
}
const std::vector<std::string>& TrailLines::failed() const { return state_->failed; }
std::uint64_t TrailLines::bytes() const { return state_->done; }

}  // namespace keyward::audit
