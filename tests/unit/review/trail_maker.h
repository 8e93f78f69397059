// A trail as a journal writes it, of commands given as words.
#pragma once

#include "support/temp_dir.h"

#include "keyward/audit/journal.h"
#include "keyward/command/command.h"
#include "keyward/policy/snapshot.h"
#include "keyward/review/trail.h"

#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace keyward::review::test {

using Words = std::vector<std::string>;

class TrailMaker {
 public:
  explicit TrailMaker(const std::string& stream = "shard-0") {
    auto opened = audit::Journal::open(
        {.directory = dir_.path(), .instance = "t", .stream = stream, .redis_label = "r"}, clock_);
    EXPECT_TRUE(opened.has_value());
    journal_ = std::move(*opened);
  }

  // Who runs what follows.
  TrailMaker& as(const std::string& issuer, const std::string& subject, Words groups = {},
                 Words grants = {"old"}) {
    Person& person = people_.emplace_back();
    person.issuer = issuer;
    person.id = issuer + ":" + subject;
    person.subject = subject;
    person.groups = std::move(groups);
    person.grants = std::move(grants);
    person.what.principal = person.id;
    person.what.issuer_alias = person.issuer;
    person.what.subject = person.subject;
    person.what.groups = person.groups;
    person.what.grants = person.grants;
    person.what.policy_version = "0123456789abcdef";
    person.what.session_id = "s" + std::to_string(people_.size());
    person.what.source_ip = "10.0.0.1";
    return *this;
  }
  TrailMaker& run(const Words& words, std::uint32_t db = 0, int times = 1) {
    for (int i = 0; i < times; ++i) record(words, db, audit::Kind::command, "");
    return *this;
  }
  TrailMaker& refused(const Words& words, const std::string& reason = "key") {
    record(words, 0, audit::Kind::denial, reason);
    return *this;
  }
  // A line that is no record, or whatever somebody put there.
  TrailMaker& raw(const std::string& line) {
    journal_->flush();
    std::ofstream(journal_->path(), std::ios::app) << line << "\n";
    return *this;
  }
  FakeClock& clock() { return clock_; }
  const std::string& folder() {
    journal_->flush();
    return dir_.path();
  }
  std::string file() {
    journal_->flush();
    return journal_->path();
  }
  TrailReader reader() {
    auto lines = audit::TrailLines::open({folder()});
    EXPECT_TRUE(lines.has_value());
    return TrailReader(std::move(*lines));
  }
  template <class Function>
  TrailCounts each(Function&& function) {
    TrailReader from = reader();
    Record record;
    while (from.next(record)) function(record);
    return from.counts();
  }

 private:
  struct Person {
    std::string id, issuer, subject;
    Words groups, grants;
    audit::Subject what;
  };

  void record(const Words& words, std::uint32_t db, audit::Kind kind, const std::string& reason) {
    const std::vector<std::string_view> args(words.begin(), words.end());
    command::Command command;
    const auto analysis = command::analyse(*catalog_, args, command);
    EXPECT_EQ(analysis.verdict, command::Verdict::ok) << words[0] << ": " << analysis.text;
    if (analysis.verdict != command::Verdict::ok) return;
    std::vector<std::uint32_t> keys, channels;
    std::uint8_t access = 0;
    for (const auto& use : command.keys) {
      keys.push_back(use.arg);
      access |= use.access;
    }
    for (const auto& use : command.channels) channels.push_back(use.arg);
    audit::RequestText text;
    printer_.print({.command = command.info->name,
                    .args = command.args,
                    .keys = keys,
                    .channels = channels,
                    .reads = (access & command::kRead) != 0,
                    .writes = command.mutates || (access & command::kModify) != 0},
                   text);
    clock_.advance(std::chrono::milliseconds(1));
    audit::Event event;
    event.kind = kind;
    event.outcome = kind == audit::Kind::denial ? audit::Outcome::denied : audit::Outcome::ok;
    event.subject = &people_.back().what;
    event.request = &text;
    event.db = db;
    event.reason = reason;
    event.grant = "old";
    event.rule = "old.yaml";
    event.rule_line = 7;
    journal_->append(event);
    journal_->flush();
  }

  keyward::test::TempDir dir_;
  FakeClock clock_;
  std::shared_ptr<const command::Catalog> catalog_ = command::Catalog::built_in();
  audit::RequestPrinter printer_;
  std::deque<Person> people_;
  std::unique_ptr<audit::Journal> journal_;
};

// A folder of policy files; null and a failed test when it does not load.
inline std::shared_ptr<const policy::Snapshot> load(const std::string& yaml) {
  const keyward::test::TempDir dir;
  std::ofstream(dir.file("p.yaml"), std::ios::binary) << yaml;
  Diagnostics diagnostics;
  auto out = policy::Snapshot::load(dir.path(), command::Catalog::built_in(), {}, diagnostics);
  EXPECT_TRUE(out != nullptr) << diagnostics.text() << "\n" << yaml;
  return out;
}

// A file with one grant "g" for everyone of issuer okta, and these lines of it.
inline std::string one_grant(const std::string& lines) {
  return "apiVersion: keyward/v1\nteam: t\ngrants:\n  - name: g\n"
         "    who: [{issuer: okta, subject: \"*\"}]\n" +
         lines;
}

}  // namespace keyward::review::test
