#include "keyward/report/read.h"

#include <algorithm>
#include <filesystem>
#include <mutex>

namespace keyward::report {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSecond = 1'000'000;
constexpr std::uint64_t kMostSteps = 120;  // that a chart has room for
// The stream in which policies and revocations stand.
constexpr std::string_view kControlPart = ".control.";

std::vector<std::string> control_files(const std::string& directory) {
  std::vector<std::string> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.find(kControlPart) == std::string::npos) continue;
    if (name.ends_with(".jsonl") || name.ends_with(".jsonl.zst")) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool changes_access(std::string_view kind) {
  return kind == "policy_loaded" || kind == "revocation" || kind == "revocation_lifted";
}

struct Beginning {
  Marks marks;
  std::uint64_t first_us = 0;  // of the streams that were read
};

Result<Beginning> read_marks(const ReadFrom& from) {
  Beginning out;
  const auto files = control_files(from.directory);
  if (files.empty()) return out;
  std::mutex lock;
  const auto read = trail::for_each_record(
      files, {.threads = from.threads}, [&](const trail::Record& record, const trail::ReadAt&) {
        const std::lock_guard guard(lock);
        out.first_us = out.first_us == 0 ? record.time_us : std::min(out.first_us, record.time_us);
        if (changes_access(record.kind) && from.period.holds(record.time_us))
          out.marks.at_us.push_back(record.time_us);
      });
  if (!read) return read.error();
  auto& at = out.marks.at_us;
  std::sort(at.begin(), at.end());
  at.erase(std::unique(at.begin(), at.end()), at.end());
  out.marks.cut = at.size() > Marks::kMost;
  if (out.marks.cut) at.resize(Marks::kMost);
  return out;
}

}  // namespace

std::uint64_t step_for(const Period& period) {
  const std::uint64_t width = period.to_us > period.from_us ? period.to_us - period.from_us : 0;
  for (const std::uint64_t seconds :
       {60ULL, 300ULL, 900ULL, 3600ULL, 6 * 3600ULL, 86'400ULL, 7 * 86'400ULL}) {
    if (width / (seconds * kSecond) <= kMostSteps) return seconds * kSecond;
  }
  return 30 * 86'400 * kSecond;
}

Result<ReadTrail> read_trail(const ReadFrom& from) {
  auto beginning = read_marks(from);
  if (!beginning) return beginning.error();
  ReadTrail out;
  out.period = from.period;
  const Period drawn{from.period.from_us == 0 ? std::min(beginning->first_us, from.period.to_us)
                                              : from.period.from_us,
                     from.period.to_us};
  const auto marks = std::make_shared<const Marks>(std::move(beginning->marks));
  const trail::ReadOptions options{.threads = from.threads, .progress = from.progress};
  std::vector<Observer> observers;
  for (unsigned i = 0; i < trail::workers_for(options); ++i)
    observers.emplace_back(out.period, marks, step_for(drawn));
  auto counts = trail::for_each_record({from.directory}, options,
                                       [&](const trail::Record& record, const trail::ReadAt& at) {
                                         observers[at.worker].observe(record);
                                       });
  if (!counts) return counts.error();
  out.counts = std::move(*counts);
  out.facts = observers.front().take();
  for (std::size_t i = 1; i < observers.size(); ++i) out.facts.add(observers[i].take());
  if (out.period.from_us == 0)
    out.period.from_us = out.facts.records == 0 ? out.period.to_us : out.facts.first_us;
  out.marks = *marks;
  return out;
}

}  // namespace keyward::report
