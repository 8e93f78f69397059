#include "audit/patience.h"

#include <algorithm>
#include <sys/resource.h>
#include <sys/statvfs.h>

namespace keyward::audit {
namespace {

constexpr std::uint64_t kPartOfFree = 8;
constexpr auto kLongest = std::chrono::hours(1);

}  // namespace

std::uint64_t interruptions_of_thread() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  return static_cast<std::uint64_t>(used.ru_nivcsw);
}

Backlog backlog_of(const std::vector<Stored>& all) {
  Backlog out;
  for (const Stored& stored : all) {
    if (!stored.closed || stored.file.compressed) continue;
    out.bytes += stored.bytes;
    out.since = std::min(out.since, stored.until);
  }
  return out;
}

bool pressing(const std::vector<Stored>& all, const Retention& retention, std::uint64_t free,
              WallTime now) {
  const Backlog backlog = backlog_of(all);
  if (backlog.bytes == 0) return false;
  if (retention.size > 0 && bytes_of(all) > retention.size) return true;
  return backlog.bytes > free / kPartOfFree || now - backlog.since > kLongest;
}

std::uint64_t free_bytes(const std::string& directory) {
  struct statvfs facts {};
  if (::statvfs(directory.c_str(), &facts) != 0) return 0;
  return std::uint64_t{facts.f_bavail} * facts.f_frsize;
}

}  // namespace keyward::audit
