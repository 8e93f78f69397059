// From bytes to a checked tree. yaml-cpp builds the tree; what it would let pass is refused here
// first.
#include "keyward/base/utf8.h"

#include "keyward/base/log.h"
#include "keyward/base/yaml.h"

#include <yaml-cpp/eventhandler.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <unordered_set>

namespace keyward::yaml {
namespace {

constexpr std::size_t kMostBytes = 4UL * 1024 * 1024;
constexpr std::size_t kMostNodes = 200'000;  // yaml-cpp needs some 400 bytes for each
constexpr std::size_t kMostLevels = 64;

struct TooMuch {
  YAML::Mark mark;
  const char* what;
};

// Sees every event of the document before a tree is built from it.
class Inspector final : public YAML::EventHandler {
 public:
  Inspector(const std::string& file, Diagnostics& diagnostics)
      : file_(file), diagnostics_(diagnostics) {}

  // False when walking the tree would not be safe.
  [[nodiscard]] bool usable() const { return usable_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { enter(mark, nullptr); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    enter(mark, nullptr);
    report(mark, "aliases are not allowed: write the value out");
    usable_ = false;
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    check_tag(mark, tag);
    enter(mark, &value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(mark, false);
  }
  void OnSequenceEnd() override { levels_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(mark, true);
  }
  void OnMapEnd() override { levels_.pop_back(); }

 private:
  struct Level {
    bool map = false;
    bool key_next = false;
    std::unordered_set<std::string> keys;
  };

  void report(const YAML::Mark& mark, std::string what) {
    diagnostics_.error(file_, mark.line + 1, mark.column + 1, std::move(what));
  }

  // "?" = plain, "!" = quoted; anything else was written by hand.
  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") report(mark, "tags are not allowed");
  }

  void enter(const YAML::Mark& mark, const std::string* scalar) {
    if (++nodes_ > kMostNodes) throw TooMuch{mark, "more than 200000 values in one file"};
    if (levels_.empty() || !levels_.back().map) return;
    Level& level = levels_.back();
    if (level.key_next) {
      if (scalar == nullptr) {
        report(mark, "a key must be text");
      } else if (!level.keys.insert(*scalar).second) {
        report(mark, "key `" + log::printable(*scalar, 64) + "` is written twice");
      }
    }
    level.key_next = !level.key_next;
  }

  void open(const YAML::Mark& mark, bool map) {
    enter(mark, nullptr);
    if (levels_.size() >= kMostLevels) throw TooMuch{mark, "more than 64 levels"};
    levels_.push_back({map, map, {}});
  }

  const std::string& file_;
  Diagnostics& diagnostics_;
  std::vector<Level> levels_;
  std::size_t nodes_ = 0;
  bool usable_ = true;
};

// yaml-cpp takes U+0004 for the end of the file and replaces what is not UTF-8: both would change
// the meaning unseen.
bool check_bytes(const std::string& file, const std::string& content, Diagnostics& diagnostics) {
  if (content.size() > kMostBytes) {
    diagnostics.error(file, 0, 0, "larger than 4 MiB");
    return false;
  }
  int line = 1;
  std::size_t line_start = 0;
  for (std::size_t i = 0; i < content.size();) {
    const char c = content[i];
    const std::size_t step = utf8_step(content, i);
    const bool control = (c >= 0 && c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
    if (step == 0 || control) {
      diagnostics.error(file, line, static_cast<int>(i - line_start) + 1,
                        step == 0 ? "not UTF-8" : "control character");
      return false;
    }
    if (c == '\n') {
      ++line;
      line_start = i + 1;
    }
    i += step;
  }
  return true;
}

bool inspect(const std::string& file, const std::string& content, Diagnostics& diagnostics) {
  std::istringstream stream(content);
  YAML::Parser parser(stream);
  Inspector inspector(file, diagnostics);
  if (!parser.HandleNextDocument(inspector)) return inspector.usable();
  Diagnostics ignored;
  Inspector second(file, ignored);
  if (parser.HandleNextDocument(second)) {
    diagnostics.error(file, 0, 0, "more than one YAML document in the file");
  }
  return inspector.usable();
}

}  // namespace

Node parse(std::string file, const std::string& content, Diagnostics& diagnostics) {
  if (!check_bytes(file, content, diagnostics)) return {};
  try {
    if (!inspect(file, content, diagnostics)) return {};
    return {file, YAML::Load(content), &diagnostics};
  } catch (const TooMuch& much) {
    diagnostics.error(file, much.mark.line + 1, much.mark.column + 1, much.what);
  } catch (const YAML::Exception& wrong) {
    diagnostics.error(file, wrong.mark.line + 1, wrong.mark.column + 1, wrong.msg);
  }
  return {};
}

Node load(const std::string& path, Diagnostics& diagnostics) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::string content;
  char block[16384];
  while (stream && content.size() <= kMostBytes) {
    stream.read(block, sizeof block);
    content.append(block, static_cast<std::size_t>(stream.gcount()));
  }
  // A folder opens but cannot be read.
  if (!stream.is_open() || stream.bad()) {
    const char* why = errno != 0 ? std::strerror(errno) : "cannot be read";
    diagnostics.error(path, 0, 0, why);
    return {};
  }
  return parse(path, content, diagnostics);
}

}  // namespace keyward::yaml
