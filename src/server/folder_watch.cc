#include "server/folder_watch.h"

#include "keyward/base/log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/inotify.h>
#include <unistd.h>

namespace keyward::server {

namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                  IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr int kDeepest = 8;          // as deep as policies are read
constexpr int kMostLinks = 16;       // on the way to the folder
constexpr std::size_t kMost = 1000;  // watches

}  // namespace

bool matters(std::string_view name) {
  return name.empty() || name == "..data" || !name.starts_with('.');
}

FolderWatch::FolderWatch(boost::asio::io_context& io, std::string folder, Pace pace,
                         std::function<void()> changed)
    : inotify_(io),
      timer_(io),
      folder_(std::move(folder)),
      pace_(pace),
      changed_(std::move(changed)) {}

Result<> FolderWatch::start() {
  const int made = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (made < 0) {
    return Error(Errc::io,
                 std::string("the policy folder cannot be watched: ") + std::strerror(errno));
  }
  inotify_.assign(made);
  place();
  if (watches_.empty()) {
    return Error(Errc::io,
                 "the policy folder cannot be watched: " + folder_ + ": " + std::strerror(errno));
  }
  wait();
  return {};
}

void FolderWatch::stop() {
  boost::system::error_code ignored;
  timer_.cancel();
  inotify_.close(ignored);
}

void FolderWatch::wait() {
  inotify_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                        if (error) return;
                        drain();
                        wait();
                      });
}

void FolderWatch::drain() {
  alignas(inotify_event) std::array<char, 16UL * 1024> bytes;
  bool changed = false;
  for (;;) {
    const ssize_t count = ::read(inotify_.native_handle(), bytes.data(), bytes.size());
    if (count <= 0) break;
    for (std::size_t at = 0; at < static_cast<std::size_t>(count);) {
      inotify_event event{};
      std::memcpy(&event, bytes.data() + at, sizeof event);
      const std::string_view name =
          event.len > 0 ? std::string_view(bytes.data() + at + sizeof event) : std::string_view();
      at += sizeof event + event.len;
      const auto watch = watches_.find(event.wd);
      const bool meant = watch != watches_.end() &&
                         (watch->second.empty() ? matters(name) : watch->second == name);
      // An overflow lost events of anything.
      if ((event.mask & IN_Q_OVERFLOW) != 0 || (meant && (event.mask & IN_IGNORED) == 0))
        changed = true;
      if ((event.mask & IN_IGNORED) != 0) watches_.erase(event.wd);
    }
  }
  if (changed) something_changed();
}

void FolderWatch::something_changed() {
  const auto now = std::chrono::steady_clock::now();
  if (!std::exchange(pending_, true)) first_ = now;
  timer_.expires_at(std::min(now + pace_.quiet, first_ + pace_.longest));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    pending_ = false;
    // First the watches: what changes while the folder is read is told again.
    place();
    changed_();
  });
}

// All watches as the folder is now. Those that are there already stay the same.
void FolderWatch::place() {
  std::map<int, std::string> before;
  before.swap(watches_);
  fs::path at = fs::absolute(folder_).lexically_normal();
  if (at.filename().empty()) at = at.parent_path();
  std::error_code code;
  for (int links = 0; links < kMostLinks; ++links) {
    add(at.parent_path().string(), at.filename().string());
    if (!fs::is_symlink(at, code)) break;
    const fs::path target = fs::read_symlink(at, code);
    if (code) break;
    at = (target.is_absolute() ? target : at.parent_path() / target).lexically_normal();
  }
  add_below(at.string(), 1);
  for (const auto& [watch, name] : before) {
    if (!watches_.contains(watch)) (void)::inotify_rm_watch(inotify_.native_handle(), watch);
  }
}

void FolderWatch::add(const std::string& directory, std::string only) {
  if (watches_.size() >= kMost) return;
  const int watch = ::inotify_add_watch(inotify_.native_handle(), directory.c_str(), kEvents);
  if (watch < 0) return;
  // The same directory for one name and for all: all.
  const auto [place, fresh] = watches_.emplace(watch, only);
  if (!fresh && place->second != only) place->second.clear();
}

void FolderWatch::add_below(const std::string& directory, int depth) {
  std::error_code code;
  if (!fs::is_directory(directory, code)) return;
  add(directory, {});
  if (depth == kDeepest) return;
  for (fs::directory_iterator at(directory, code); !code && at != fs::directory_iterator();
       at.increment(code)) {
    std::error_code ignored;
    const bool folder = at->is_directory(ignored) && !at->is_symlink(ignored);
    if (folder && matters(at->path().filename().string()))
      add_below(at->path().string(), depth + 1);
  }
}

}  // namespace keyward::server
