// Ten thousand random edits of a trail with checkpoints: each is found, and named where it is.
#include "support/temp_dir.h"
#include "unit/audit/sample.h"

#include "keyward/audit/journal.h"
#include "keyward/audit/keeper.h"
#include "keyward/audit/trail_files.h"
#include "keyward/audit/verify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>

namespace keyward::audit {
namespace {

namespace fs = std::filesystem;
using keyward::test::TempDir;
using test::lines_of;

using Trail = std::map<std::string, std::string>;  // file name -> content

constexpr const char* kInstance = "kw-1.example";
constexpr int kEdits = 10'000;

Trail read_trail(const std::string& directory) {
  Trail trail;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".lock")) trail[name] = test::read_file(entry.path());
  }
  return trail;
}

// Two runs of two streams in several segments, the first run ended by a crash. `seed` makes other
// records of the same shape.
void make_trail(const std::string& directory, const std::string& copy, int seed) {
  FakeClock clock;
  Subject subject = test::sample_subject();
  const test::SampleSet set;
  for (int run = 0; run < 2; ++run) {
    auto keeper =
        *Keeper::open({.directory = directory, .instance = kInstance, .compress = false}, clock);
    if (!copy.empty()) keeper->copy_to(checkpoint_file(copy));
    std::vector<std::unique_ptr<Journal>> streams;
    for (const char* name : {"control", "shard-0"}) {
      JournalConfig config = test::sample_config(directory);
      config.stream = name;
      config.rotate = {.size = 5000, .every = {}};
      config.signed_by = keeper->key_id();
      streams.push_back(*Journal::open(config, clock));
      keeper->watch(name, streams.back()->head());
    }
    for (int count = 0; count < 12; ++count) {
      clock.advance(std::chrono::milliseconds(700 + seed));
      for (auto& journal : streams) {
        journal->append(set.event(&subject));
        static_cast<void>(journal->flush());
      }
      keeper->step();
    }
    const Trail before = read_trail(directory);
    const std::string copied = copy.empty() ? "" : test::read_file(copy);
    streams.clear();
    keeper.reset();
    if (run == 1) break;
    for (const auto& [name, content] : before) test::write_file(directory + "/" + name, content);
    if (!copy.empty()) test::write_file(copy, copied);
  }
}

struct Edit {
  Trail trail;
  std::string what, name;  // the file that was edited
};

class Editor {
 public:
  Editor(const Trail& trail, const Trail& other) : original_(trail), other_(other) {
    for (const auto& [name, content] : trail) names_.push_back(name);
  }

  Edit next() {
    Edit edit{original_, {}, names_[below(names_.size())]};
    std::string& content = edit.trail[edit.name];
    switch (below(10)) {
      case 0:
      case 1:
      case 2:
        flip(edit, content);
        break;
      case 3:
        remove_line(edit, content);
        break;
      case 4:
        swap_lines(edit, content);
        break;
      case 5:
        repeat_line(edit, content);
        break;
      case 6:
        edit.what = "cut";
        content.resize(below(content.size()));
        break;
      case 7:
        edit.what = "drop";
        edit.trail.erase(edit.name);
        break;
      case 8:
        fork(edit, content);
        break;
      default:
        edit.what = "insert";
        content.insert(below(content.size()), 1, static_cast<char>(random_()));
    }
    return edit;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  void flip(Edit& edit, std::string& content) {
    const std::size_t at = below(content.size());
    content[at] = static_cast<char>(content[at] ^ (1 << below(8)));
    edit.what = "flip at " + std::to_string(at);
  }
  static std::string join(const std::vector<std::string>& lines) {
    std::string content;
    for (const std::string& line : lines) content += line + "\n";
    return content;
  }
  void remove_line(Edit& edit, std::string& content) {
    auto lines = lines_of(content);
    const std::size_t at = below(lines.size());
    edit.what = "remove line " + std::to_string(at + 1) + " of " + std::to_string(lines.size());
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at));
    content = join(lines);
  }
  void swap_lines(Edit& edit, std::string& content) {
    auto lines = lines_of(content);
    if (lines.size() < 2) return;
    const std::size_t at = below(lines.size());
    std::swap(lines[at], lines[(at + 1 + below(lines.size() - 1)) % lines.size()]);
    edit.what = "swap line " + std::to_string(at + 1);
    content = join(lines);
  }
  void repeat_line(Edit& edit, std::string& content) {
    auto lines = lines_of(content);
    const std::string line = lines[below(lines.size())];
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(below(lines.size() + 1)), line);
    edit.what = "repeat";
    content = join(lines);
  }
  // The same file of a history that is whole in itself.
  void fork(Edit& edit, std::string& content) {
    edit.what = "fork";
    const auto found = other_.find(edit.name);
    if (found != other_.end()) content = found->second;
  }

  const Trail& original_;
  const Trail& other_;
  std::vector<std::string> names_;
  std::mt19937 random_{20261122};
};

// Neighbours in one stream may be blamed for each other: the edge between them is what is wrong.
bool near(const std::string& blamed, const std::string& edited) {
  const auto a = parse_file_name(blamed), b = parse_file_name(edited);
  if (!b) return blamed.find("checkpoints") != std::string::npos || blamed == edited;
  if (!a) return blamed == b->instance + "." + b->stream;
  return a->stream == b->stream &&
         std::max(a->number, b->number) - std::min(a->number, b->number) <= 1;
}

// Nothing follows the last record of the checkpoints, and nothing signs it.
bool only_the_last_stop(const Edit& edit, const Trail& original) {
  if (edit.what != "cut" && !edit.what.starts_with("remove")) return false;
  const std::string& before = original.at(edit.name);
  const auto now = edit.trail.find(edit.name);
  if (edit.name.find("checkpoints") == std::string::npos || now == edit.trail.end()) return false;
  const std::string stop = lines_of(before).back();
  return stop.find(R"("kind":"stop")") != std::string::npos &&
         now->second.size() >= before.size() - stop.size() - 1 && before.starts_with(now->second);
}

TEST(Edits, E807EachOfTenThousandIsFoundAndNamed) {
  const TempDir place, elsewhere;
  const std::string directory = place.file("audit"), copy = place.file("copy.jsonl");
  make_trail(directory, copy, 0);
  make_trail(elsewhere.file("audit"), {}, 1);
  const Trail trail = read_trail(directory), other = read_trail(elsewhere.file("audit"));
  const VerifyOptions options{.against = {copy}, .threads = 1};
  const auto untouched = verify(directory, options);
  ASSERT_TRUE(untouched && untouched->whole());
  ASSERT_GE(trail.size(), 12U);

  Editor editor(trail, other);
  std::map<std::string, int> problems;
  Trail there = trail;
  for (int round = 0; round < kEdits; ++round) {
    const Edit edit = editor.next();
    if (edit.trail == trail) continue;
    fs::remove(directory + "/" + edit.name);
    if (edit.trail.contains(edit.name))
      test::write_file(directory + "/" + edit.name, edit.trail.at(edit.name));
    const auto report = verify(directory, options);
    test::write_file(directory + "/" + edit.name, trail.at(edit.name));
    ASSERT_TRUE(report);
    const std::string what = edit.what + " in " + edit.name;
    if (report->whole()) {
      ASSERT_TRUE(only_the_last_stop(edit, trail)) << what;
      continue;
    }
    bool named = false;
    for (const StreamReport& stream : report->streams) {
      if (stream.whole) continue;
      named = named || near(stream.file, edit.name);
      ++problems[stream.problem];
    }
    ASSERT_TRUE(named) << what << ": " << report->streams.front().problem << " "
                       << report->streams.front().file;
  }
  for (const char* problem : {"altered", "gap", "repeated", "swapped", "truncated", "forked",
                              "missing file", "unknown key"})
    EXPECT_GT(problems[problem], 0) << problem;
}

}  // namespace
}  // namespace keyward::audit
