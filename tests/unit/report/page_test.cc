// The page, the CSVs and the signed folder: the same bytes for the same facts, and nothing that was
// read becomes more than text.
#include "unit/report/trail_text.h"

#include "keyward/report/compose.h"
#include "keyward/report/folder.h"
#include "keyward/report/visible.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace keyward::report::test {
namespace {

const std::string kHostile =
    "<script>alert(1)</script>\"'&\x1b[31m\xe2\x80\xae"
    "evil\xff\n=HYPERLINK(\"x\")";

std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Document document_of(const TrailText& trail) {
  Input input;
  input.trail = "audit";
  auto read = read_trail(
      {.directory = trail.folder(), .period = {kMorning - kMinute, kMorning + 600 * kMinute}});
  EXPECT_TRUE(read.has_value());
  if (read) input.read = std::move(*read);
  return compose(input);
}

TEST(Visible, ShowsWhatHides) {
  EXPECT_EQ(visible("a\x1b[31m\xe2\x80\xae\xff"), "a\\x1b[31m<U+202E>\\xff");
  EXPECT_EQ(visible("\xc2\x85\xef\xbb\xbf\xe2\x80\xa8"), "\\x85<U+FEFF><U+2028>");
  EXPECT_EQ(visible("Grüße, שלום"), "Grüße, שלום");
  EXPECT_EQ(visible_lines("a\n\tb\r"), "a\n\tb\\x0d");
}

TEST(Page, HostileTextIsText) {
  TrailText trail;
  const Someone mallory{.principal = "okta:" + kHostile,
                        .name = kHostile,
                        .session = "s1",
                        .groups = {kHostile},
                        .grants = {kHostile}};
  trail.login(mallory).session(mallory).command(mallory, "set", "k", kHostile, kHostile);
  trail.denial(mallory, "get", "k", kHostile);
  trail.control(
      "revocation",
      {{"revocation", kHostile}, {"reason", kHostile}, {"by", kHostile}, {"detail", kHostile}});
  trail.control("policy_loaded", {{"reason", kHostile}, {"detail", kHostile}});
  trail.control("drift", {{"reason", kHostile}, {"detail", kHostile}}, 6002);
  const Document document = document_of(trail);
  const std::string page = document_html(document);
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  EXPECT_EQ(page.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_NE(
      page.find("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\x1b[31m&lt;U+202E&gt;"),
      std::string::npos);
  std::size_t scripts = 0;
  for (std::size_t at = page.find("<script"); at != std::string::npos;
       at = page.find("<script", at + 1))
    ++scripts;
  EXPECT_EQ(scripts, 1U);
  for (const Section& section : document.sections) {
    for (const Table& table : section.tables) {
      const std::string csv = table_csv(table);
      EXPECT_EQ(csv.find('\x1b'), std::string::npos) << table.id;
      EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'),
                static_cast<std::ptrdiff_t>(table.rows.size()) + 1)
          << table.id;
    }
  }
}

TEST(Csv, QuotesAndDisarms) {
  Table table{.id = "t", .columns = {{"a", "A"}, {"b", "B"}, {"c", "C"}}};
  table.rows.push_back({text_cell("=1+1"), name_cell("a \"b\", c"), count_cell(7)});
  table.rows.push_back({text_cell("plain"), moment_cell(kMorning), duration_cell(-1)});
  EXPECT_EQ(table_csv(table),
            "a,b,c\r\n\"'=1+1\",\"a \"\"b\"\", c\",7\r\nplain,2026-11-22T08:00:00.000000Z,\r\n");
}

TEST(Page, AnEmptyPeriodSaysSo) {
  TrailText trail;
  trail.at(kMorning + 700 * kMinute).control("policy_loaded", {{"detail", "v1"}});
  const std::string page = document_html(document_of(trail));
  EXPECT_NE(page.find("There is no record in this period"), std::string::npos);
}

// Every criterion says what is asked, what is shown and what it does not prove.
TEST(Page, EverySectionSaysWhatCannotBeConcluded) {
  const Document document = document_of(TrailText().control("policy_loaded", {{"detail", "v1"}}));
  std::string criteria;
  for (const Section& section : document.sections) {
    criteria += section.criterion + ";";
    EXPECT_FALSE(section.asks.empty() || section.evidence.empty() || section.limits.empty())
        << section.id;
  }
  EXPECT_EQ(criteria,
            "CC6.1;CC6.2;CC6.3;CC6.6;CC6.7;CC6.8;CC7.1;CC7.2;CC7.3, CC7.4;CC8.1;A1, PI1;C1;");
}

// The whole page of a small trail, as it was looked at. KEYWARD_UPDATE_GOLDEN=1 writes it.
TEST(Page, IsTheOneThatWasLookedAt) {
  TrailText trail;
  const Someone alice;
  const Someone bob{.principal = "okta:bob", .name = "bob", .session = "s2", .groups = {"ops"}};
  trail.control("policy_loaded", {{"reason", "start"}, {"detail", "v1"}});
  trail.login(alice).session(alice).login(bob).session(bob);
  for (int i = 0; i < 5; ++i) trail.after(20 * kMinute).command(alice, "set", "app:1");
  trail.command(bob, "get", "app:1").denial(bob, "get", "other", "key");
  trail.after(kMinute).control("revocation", {{"revocation", "r-1"},
                                              {"reason", "left"},
                                              {"by", "api"},
                                              {"detail", "principal okta:bob until 2026-12-22"}});
  std::string page = document_html(document_of(trail));
  const std::string version = "Keyward " KEYWARD_VERSION;
  page.replace(page.find(version), version.size(), "Keyward @VERSION@");
  const std::string path = KEYWARD_SOURCE_DIR "/tests/golden/report/small.html";
  if (std::getenv("KEYWARD_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(KEYWARD_SOURCE_DIR "/tests/golden/report");
    std::ofstream(path, std::ios::binary) << page;
  }
  EXPECT_TRUE(page == read_file(path)) << "differs from " << path;
}

class Folders : public testing::Test {
 protected:
  Folders() {
    const Someone alice;
    trail_.login(alice).session(alice).command(alice, "set", "k");
    path_ = dir_.file("report");
  }
  std::vector<std::string> write(const std::string& path, bool replace = false) {
    auto files = write_folder({path, replace}, document_of(trail_), &key_);
    EXPECT_TRUE(files.has_value());
    return files ? *files : std::vector<std::string>{};
  }
  std::vector<std::string> problems(const std::optional<PublicKey>& trusted = std::nullopt) {
    const auto checked = check_folder(path_, trusted);
    EXPECT_TRUE(checked.has_value());
    return checked ? checked->problems : std::vector<std::string>{"?"};
  }

  keyward::test::TempDir dir_;
  TrailText trail_;
  PrivateKey key_ = PrivateKey::make();
  std::string path_;
};

TEST_F(Folders, TheSameFactsGiveTheSameBytes) {
  const auto files = write(path_);
  write(dir_.file("again"));
  ASSERT_GT(files.size(), 10U);
  for (const std::string& name : files)
    EXPECT_EQ(read_file(path_ + "/" + name), read_file(dir_.file("again/" + name))) << name;
  EXPECT_TRUE(problems(key_.public_key()).empty());
}

TEST_F(Folders, WhatWasAlteredIsNamed) {
  write(path_);
  std::ofstream(path_ + "/principals.csv", std::ios::app) << "x";
  std::filesystem::remove(path_ + "/tls.csv");
  std::ofstream(path_ + "/more.txt") << "x";
  EXPECT_EQ(problems(), (Words{"more.txt: not part of the report", "principals.csv: altered",
                               "tls.csv: missing"}));
}

TEST_F(Folders, AListThatWasAlteredDoesNotHold) {
  write(path_);
  std::string text = read_file(path_ + "/report.json");
  text.replace(text.find("\"report\": 1"), 11, "\"report\": 2");
  std::ofstream(path_ + "/report.json") << text;
  EXPECT_EQ(problems(), Words{"report.json: altered, or signed by another key"});
}

TEST_F(Folders, AnotherKeyIsNotTheTrustedOne) {
  write(path_);
  EXPECT_EQ(problems(PrivateKey::make().public_key()).size(), 1U);
}

TEST_F(Folders, NothingIsOverwrittenUnasked) {
  write(path_);
  const Document document = document_of(trail_);
  EXPECT_FALSE(write_folder({path_, false}, document, &key_).has_value());
  EXPECT_TRUE(write_folder({path_, true}, document, &key_).has_value());
  std::filesystem::create_directory(dir_.file("other"));
  std::ofstream(dir_.file("other/notes.txt")) << "mine";
  EXPECT_FALSE(write_folder({dir_.file("other"), true}, document, &key_).has_value());
}

TEST_F(Folders, UnsignedSaysSo) {
  ASSERT_TRUE(write_folder({path_, false}, document_of(trail_), nullptr).has_value());
  EXPECT_EQ(problems(), Words{"report.json: not signed"});
}

}  // namespace
}  // namespace keyward::report::test
