#include "audit/syncer.h"

#include "keyward/base/thread_name.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace keyward::audit {

Syncer::Syncer(int directory, std::function<void()> done)
    : directory_(::fcntl(directory, F_DUPFD_CLOEXEC, 0)), done_(std::move(done)) {
  thread_ = std::thread([this] {
    name_thread("syncer");
    run();
  });
}

Syncer::~Syncer() {
  {
    const std::lock_guard held(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Syncer::enter(int file) {
  Descriptor copy(::fcntl(file, F_DUPFD_CLOEXEC, 0));
  if (!copy.open()) error_.store(errno, std::memory_order_relaxed);
  const std::lock_guard held(mutex_);
  files_.push_back(std::move(copy));
  entered_ = true;
}

void Syncer::request(std::uint64_t sequence) {
  {
    const std::lock_guard held(mutex_);
    if (sequence <= wanted_) return;
    wanted_ = sequence;
  }
  wake_.notify_one();
}

int Syncer::sync(const std::vector<int>& files, bool folder) const {
  for (const int file : files) {
    if (::fdatasync(file) != 0) return errno;
  }
  return folder && ::fsync(directory_.number()) != 0 ? errno : 0;
}

void Syncer::run() {
  std::unique_lock held(mutex_);
  for (;;) {
    wake_.wait(held, [this] { return stopping_ || wanted_ > synced(); });
    if (wanted_ <= synced() || error() != 0) {
      if (stopping_) return;
      wake_.wait(held, [this] { return stopping_; });  // after an error there is nothing to do
      return;
    }
    const std::uint64_t target = wanted_;
    std::vector<int> files;
    for (const Descriptor& file : files_) files.push_back(file.number());
    const std::size_t count = files.size();
    const bool folder = std::exchange(entered_, false);
    held.unlock();
    const int failed = sync(files, folder);
    if (failed != 0) {
      error_.store(failed, std::memory_order_relaxed);
    } else {
      synced_.store(target, std::memory_order_release);
    }
    if (done_) done_();
    held.lock();
    // Only the newest of those that were synced still grows.
    if (failed == 0 && count > 1)
      files_.erase(files_.begin(), files_.begin() + static_cast<std::ptrdiff_t>(count) - 1);
  }
}

}  // namespace keyward::audit
