#include "audit/archive.h"

#include "keyward/audit/seekable.h"
#include "keyward/audit/segment.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>

namespace keyward::audit {
namespace {

Error failed(const std::string& path) {
  return {Errc::io, "audit file " + path + ": " + std::generic_category().message(errno)};
}

// After a rename or a removal: the directory itself has to reach the disk.
void sync_folder_of(const std::string& path) {
  const Descriptor folder(
      ::open(path.substr(0, path.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.open()) ::fsync(folder.number());
}

bool same_text(Segment& plain, Segment& packed, const std::function<void()>& between) {
  if (plain.size() != packed.size()) return false;
  std::string a(std::size_t{1} << 20, '\0'), b;
  for (std::uint64_t at = 0; at < packed.size();) {
    const ssize_t count = packed.read(a.data(), a.size(), at);
    if (count <= 0) return false;
    const auto part = read_range(plain, at, at + static_cast<std::uint64_t>(count));
    if (!part || std::string_view(a).substr(0, static_cast<std::size_t>(count)) != *part)
      return false;
    at += static_cast<std::uint64_t>(count);
    if (between) between();
  }
  return true;
}

Result<> write_compressed(const TrailFile& file, const std::string& draft,
                          const std::function<void()>& between) {
  auto plain = Segment::open(file.path);
  if (!plain) return plain.error();
  ::unlink(draft.c_str());  // what a crash left
  const Descriptor out(
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out.open()) return failed(draft);
  if (auto packed = compress(plain->descriptor(), plain->size(), out.number(), between); !packed)
    return Error(Errc::io, "audit file " + draft + ": " + packed.error().message());
  struct stat facts {};
  if (::fstat(plain->descriptor(), &facts) != 0) return failed(file.path);
  // The time of the last record goes along: retention counts from it.
  const std::array<timespec, 2> times{facts.st_mtim, facts.st_mtim};
  if (::futimens(out.number(), times.data()) != 0 || ::fdatasync(out.number()) != 0)
    return failed(draft);
  return {};
}

}  // namespace

Result<> compress_segment(const TrailFile& file, const std::function<void()>& between) {
  const std::string packed = file.path + std::string(kCompressedEnding);
  const std::string draft = packed + ".new";
  auto written = write_compressed(file, draft, between);
  if (written && ::rename(draft.c_str(), packed.c_str()) != 0) written = failed(draft);
  if (!written) {
    ::unlink(draft.c_str());
    return written;
  }
  auto plain = Segment::open(file.path);
  auto copy = Segment::open(packed);
  if (!plain || !copy || !same_text(*plain, *copy, between)) {
    ::unlink(packed.c_str());
    return Error(Errc::io, "audit file " + packed + ": does not read back as it was written");
  }
  sync_folder_of(packed);
  if (::unlink(file.path.c_str()) != 0) return failed(file.path);
  return {};
}

Result<std::vector<Stored>> stored_segments(const std::string& directory,
                                            std::string_view instance) {
  auto files = list_trail(directory);
  if (!files) return files.error();
  std::vector<Stored> all;
  for (TrailFile& file : *files) {
    if (file.instance != instance) continue;
    struct stat facts {};
    if (::stat(file.path.c_str(), &facts) != 0) continue;
    if (!all.empty() && all.back().file.stream == file.stream) all.back().closed = true;
    Stored& stored = all.emplace_back();
    stored.bytes = static_cast<std::uint64_t>(facts.st_size);
    stored.until = WallTime(std::chrono::seconds(facts.st_mtim.tv_sec));
    stored.file = std::move(file);
  }
  return all;
}

std::uint64_t bytes_of(const std::vector<Stored>& all) {
  std::uint64_t total = 0;
  for (const Stored& stored : all) total += stored.bytes;
  return total;
}

std::optional<std::size_t> next_to_remove(const std::vector<Stored>& all,
                                          const Retention& retention, WallTime now,
                                          const std::function<bool(std::size_t)>& may_go) {
  const bool too_much = retention.size > 0 && bytes_of(all) > retention.size;
  std::optional<std::size_t> oldest;
  for (std::size_t index = 0; index < all.size(); ++index) {
    const Stored& stored = all[index];
    const bool first = index == 0 || all[index - 1].file.stream != stored.file.stream;
    if (!first || !stored.closed) continue;
    const bool too_old = retention.age.count() > 0 && now - stored.until > retention.age;
    if ((!too_old && !too_much) || !may_go(index)) continue;
    if (!oldest || stored.until < all[*oldest].until) oldest = index;
  }
  return oldest;
}

Result<> remove_segment(const TrailFile& file) {
  if (::unlink(file.path.c_str()) != 0) return failed(file.path);
  // Where both forms are there, the other one must not take its place.
  if (!file.compressed) ::unlink((file.path + std::string(kCompressedEnding)).c_str());
  ::unlink(index_file(file.path).c_str());
  sync_folder_of(file.path);
  return {};
}

}  // namespace keyward::audit
