#include "server/folder_watch.h"
#include "server/policy_loader.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

namespace keyward::server {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class PolicyReload : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "keyward-reload-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    place_ = name;
    fs::create_directories(place_ / "p");
    write("p/a.yaml",
          "apiVersion: keyward/v1\nteam: t\nowners: [o@example.com]\ngrants:\n  - name: g\n"
          "    who: [{issuer: okta, groups: [g]}]\n    allow:\n"
          "      - {commands: [get], keys: [\"t:*\"]}\n");
  }
  void TearDown() override { fs::remove_all(place_); }
  void write(const std::string& name, std::string_view text) {
    std::ofstream(place_ / name) << text;
  }
  // Runs the loop for as long as a debounced change takes, and a bit.
  int changes_within(std::chrono::milliseconds time = 120ms) {
    const int before = changes_;
    io_.restart();
    io_.run_for(time);
    return changes_ - before;
  }
  PolicySource source() {
    return {.folder = (place_ / "p").string(),
            .catalog = command::Catalog::built_in(),
            .issuers = {},
            .signers = {}};
  }
  fs::path place_;
  boost::asio::io_context io_;
  SystemClock clock_;
  int changes_ = 0;
  FolderWatch::Pace pace_{.quiet = 20ms, .longest = 60ms};
};

TEST_F(PolicyReload, WatchTellsOfFilesFoldersAndLinks) {
  FolderWatch watch(io_, (place_ / "p").string(), pace_, [this] { ++changes_; });
  ASSERT_TRUE(watch.start());
  EXPECT_EQ(changes_within(), 0);
  write("p/b.yaml", "x");
  EXPECT_EQ(changes_within(), 1);
  fs::create_directories(place_ / "p/sub");
  EXPECT_EQ(changes_within(), 1);
  write("p/sub/c.yaml", "x");
  EXPECT_EQ(changes_within(), 1) << "a folder that came later";
  write("p/.hidden", "x");
  fs::create_directories(place_ / "p/.git");
  write("p/.git/HEAD", "x");
  write("beside", "x");
  EXPECT_EQ(changes_within(), 0);
  fs::create_directory_symlink(".git", place_ / "p/..data_tmp");
  fs::rename(place_ / "p/..data_tmp", place_ / "p/..data");
  EXPECT_EQ(changes_within(), 1);
  fs::rename(place_ / "p", place_ / "q");
  EXPECT_GE(changes_within(), 1);
  fs::create_directories(place_ / "p");
  EXPECT_GE(changes_within(), 1) << "the folder is back";
  write("p/a.yaml", "y");
  EXPECT_EQ(changes_within(), 1);
}

TEST_F(PolicyReload, WatchFollowsTheLinkToTheFolder) {
  fs::create_directories(place_ / "other");
  fs::create_directory_symlink("p", place_ / "current");
  FolderWatch watch(io_, (place_ / "current").string(), pace_, [this] { ++changes_; });
  ASSERT_TRUE(watch.start());
  fs::create_directory_symlink("other", place_ / "next");
  fs::rename(place_ / "next", place_ / "current");
  EXPECT_EQ(changes_within(), 1);
  write("other/a.yaml", "x");
  EXPECT_EQ(changes_within(), 1);
  write("p/a.yaml", "x");
  EXPECT_EQ(changes_within(), 0) << "nobody's folder any more";
}

TEST_F(PolicyReload, ManyChangesAreOneAndNeverTooLate) {
  FolderWatch watch(io_, (place_ / "p").string(), pace_, [this] { ++changes_; });
  ASSERT_TRUE(watch.start());
  const auto began = std::chrono::steady_clock::now();
  auto before = began, last = began;
  int quiet = 0;
  for (int n = 0; n < 40; ++n) {
    write("p/b.yaml", std::to_string(n));
    io_.restart();
    io_.run_for(5ms);
    // A machine with other things to do may hold this thread up for a quiet moment.
    const auto now = std::chrono::steady_clock::now();
    if (now - before >= pace_.quiet) ++quiet;
    before = std::exchange(last, now);
  }
  // 200 ms without a quiet moment: told all the same, every 60.
  EXPECT_GE(changes_ + changes_within(), 2);
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_LE(changes_, quiet + static_cast<int>(took / pace_.longest) + 1);
}

TEST_F(PolicyReload, LoadsOneAtATimeAndOnceMoreForThoseWhoCameLater) {
  std::vector<std::string> settled;
  PolicyLoader loader(io_, clock_, source(), [&](const PolicyAttempt& attempt) {
    EXPECT_NE(attempt.snapshot, nullptr) << attempt.diagnostics.text();
    settled.push_back(attempt.trigger);
  });
  int told = 0;
  EXPECT_TRUE(loader.request("signal", [&](const PolicyAttempt&) { ++told; }));
  for (int n = 0; n < 5; ++n)
    EXPECT_TRUE(loader.request("watch", [&](const PolicyAttempt&) { ++told; }));
  EXPECT_TRUE(loader.request("api", {}));
  const auto end = std::chrono::steady_clock::now() + 10s;
  while ((settled.size() < 2 || told < 6) && std::chrono::steady_clock::now() < end) {
    io_.restart();
    io_.run_for(10ms);
  }
  EXPECT_EQ(settled, (std::vector<std::string>{"signal", "watch, api"}));
  EXPECT_EQ(told, 6);
}

TEST_F(PolicyReload, TooManyAreTurnedAway) {
  PolicyLoader loader(io_, clock_, source(), [](const PolicyAttempt&) {});
  bool turned_away = false;
  for (int n = 0; n < 1000 && !turned_away; ++n)
    turned_away = !loader.request("api", [](const PolicyAttempt&) {});
  EXPECT_TRUE(turned_away);
}

TEST_F(PolicyReload, ABadFolderSaysWhere) {
  write("p/a.yaml", "apiVersion: keyward/v1\nteam: t\ngrantz: []\n");
  const PolicyAttempt attempt = load_policies(source(), "start", clock_);
  EXPECT_EQ(attempt.snapshot, nullptr);
  ASSERT_TRUE(attempt.diagnostics.failed());
  EXPECT_EQ(attempt.diagnostics.all().front().line, 3);
}

}  // namespace
}  // namespace keyward::server
