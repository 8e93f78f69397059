// Everything that is wrong with a set of files, collected before anything is said.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keyward {

struct Diagnostic {
  enum class Level { error, warning };
  Level level = Level::error;
  std::string file;
  int line = 0;    // 1-based; 0 = the whole file
  int column = 0;  // 1-based
  std::string what;
  std::string instead;  // what to write instead; may be empty
  // "file:line:column: what; write: instead"
  [[nodiscard]] std::string text() const;
};

// Keeps the first 1000 and counts the rest.
class Diagnostics {
 public:
  void error(std::string file, int line, int column, std::string what, std::string instead = {});
  void warning(std::string file, int line, int column, std::string what, std::string instead = {});
  [[nodiscard]] bool failed() const { return errors_ > 0; }
  [[nodiscard]] const std::vector<Diagnostic>& all() const { return all_; }
  void append(const Diagnostics& other);
  // One line each, errors and warnings, ordered by file and place.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Diagnostic> all_;
  int errors_ = 0;
};

// The candidate nearest to `word` by edit distance, or "" when none is near: for "did you mean".
[[nodiscard]] std::string nearest(std::string_view word,
                                  const std::vector<std::string>& candidates);

}  // namespace keyward
