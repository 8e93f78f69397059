// The scripts and functions that this process has seen handed over, so that the first of each is
// recorded: who brought what an EVALSHA or FCALL calls later.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

namespace keyward::proxy {

// Shared by the shards; any thread. Asked once for each script that is handed over.
class ScriptBook {
 public:
  static constexpr std::size_t kMost = 65536;          // beyond, no more are introduced
  static constexpr std::size_t kMostKept = 4096;       // texts
  static constexpr std::size_t kLongestKept = 1 << 20;  // bytes of a text

  // `folder`: where texts are kept by their digest; empty = nowhere.
  explicit ScriptBook(std::string folder) : folder_(std::move(folder)) {}

  struct Seen {
    bool first = false;
    bool kept = false;  // its text is in a file
  };
  [[nodiscard]] Seen see(std::string_view sha1, std::string_view text);

 private:
  [[nodiscard]] bool keep(const std::string& sha1, std::string_view text);

  const std::string folder_;
  std::mutex mutex_;
  std::unordered_set<std::string> seen_;
  std::size_t kept_ = 0;
};

}  // namespace keyward::proxy
