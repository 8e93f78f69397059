// The lines of a trail for whoever reads it from end to end: files, or every file of a folder.
#pragma once

#include "keyward/base/result.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

// Called now and then with the bytes read so far and those there are.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// A file of a trail, and how much text it holds now.
struct TrailSource {
  std::string path;
  std::uint64_t size = 0;
};
// The files that `paths` mean: themselves, and every file of audit folders in its order. Errors: a
// path that is not there, a folder without a trail.
[[nodiscard]] Result<std::vector<TrailSource>> list_sources(const std::vector<std::string>& paths);

class TrailLines {
 public:
  // Reads what the files of list_sources() hold now, in blocks: bounded memory. Errors: as there.
  [[nodiscard]] static Result<TrailLines> open(const std::vector<std::string>& paths,
                                               Progress progress = {});
  TrailLines(TrailLines&&) noexcept;
  TrailLines& operator=(TrailLines&&) noexcept;
  ~TrailLines();

  // The next whole line without its newline; valid until the next call. nullopt at the end.
  [[nodiscard]] std::optional<std::string_view> next();
  // Counts the files from 1: sessions are introduced anew in each.
  [[nodiscard]] std::size_t file() const;
  [[nodiscard]] const std::string& path() const;  // of that file
  // Files that could not be read to their end.
  [[nodiscard]] const std::vector<std::string>& failed() const;
  [[nodiscard]] std::uint64_t bytes() const;  // read so far

 private:
  struct State;
  explicit TrailLines(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keyward::audit
