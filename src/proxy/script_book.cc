#include "keyward/proxy/script_book.h"

#include "keyward/base/descriptor.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace keyward::proxy {

ScriptBook::Seen ScriptBook::see(std::string_view sha1, std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (seen_.size() >= kMost) return {};
  const auto [place, first] = seen_.emplace(sha1);
  return {first, first && !folder_.empty() && keep(*place, text)};
}

// Once in the life of a folder: what stands there already under this digest is left alone. No sync:
// the text is an aid, its digest is the evidence.
bool ScriptBook::keep(const std::string& sha1, std::string_view text) {
  if (kept_ >= kMostKept || text.size() > kLongestKept) return false;
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return false;
  const std::string path = folder_ + "/" + sha1;
  if (::access(path.c_str(), F_OK) == 0) return true;
  const std::string draft = path + ".new";
  const Descriptor file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.open()) return false;
  if (::write(file.number(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return false;
  ++kept_;
  return ::rename(draft.c_str(), path.c_str()) == 0;
}

}  // namespace keyward::proxy
