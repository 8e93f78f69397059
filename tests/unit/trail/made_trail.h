// A trail as the real journal writes it, with everything that makes searching hard: several streams
// and sessions, rotation, names of every sort, and a segment that is still open.
#pragma once

#include "keyward/audit/journal.h"
#include "keyward/audit/seekable.h"
#include "keyward/audit/segment.h"
#include "keyward/audit/trail_files.h"
#include "keyward/base/clock.h"

#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace keyward::trail::test {

struct Person {
  std::vector<std::string> groups, grants;
  std::string principal, subject_text, label, policy;
  audit::Subject subject;
};

class MadeTrail {
 public:
  MadeTrail(std::string folder, unsigned seed, std::uint64_t rotate)
      : folder_(std::move(folder)), random_(seed) {
    clock_.set_wall(WallTime(std::chrono::seconds(1'800'000'000)));
    for (const char* stream : {"shard-0", "shard-1", "control"}) {
      audit::JournalConfig config{folder_, "kw-1.example", stream, "sessions"};
      config.rotate.size = rotate;
      journals_.push_back(*audit::Journal::open(config, clock_));
    }
    for (int number = 0; number < 12; ++number) people_.push_back(make_person(number));
    make_names();
  }

  void add(std::size_t count) {
    for (std::size_t at = 0; at < count; ++at) {
      clock_.advance(std::chrono::microseconds(below(4) == 0 ? 0 : below(50'000)));
      one(*journals_[below(8) == 0 ? 2 : below(2)]);
      if (below(5) == 0) {
        for (auto& journal : journals_) (void)journal->flush();
      }
      if (below(200) == 0) change(*people_[below(people_.size())]);
    }
    for (auto& journal : journals_) (void)journal->flush();
  }
  void close() { journals_.clear(); }

  // Every second closed segment, as the keeper does it.
  void compress_some() {
    const auto files = *audit::list_trail(folder_);
    for (std::size_t at = 0; at + 1 < files.size(); ++at) {
      if (files[at].compressed || files[at + 1].stream != files[at].stream || below(2) == 0)
        continue;
      const auto plain = audit::Segment::open(files[at].path);
      {
        const Descriptor out(
            ::open((files[at].path + ".zst").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
        (void)audit::compress(plain->descriptor(), plain->size(), out.number(), {});
      }
      std::filesystem::remove(files[at].path);
    }
  }

  [[nodiscard]] std::size_t below(std::size_t limit) { return random_() % limit; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Person>>& people() const { return people_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  std::unique_ptr<Person> make_person(int number) {
    auto person = std::make_unique<Person>();
    person->principal = "okta:" + std::to_string(number) + (number == 3 ? "\xff\n\"" : "");
    person->subject_text = "user" + std::to_string(number) + "@example.com";
    if (number % 2 == 0)
      person->label = number == 4 ? "a \"b\"\\ \xc3\xa9" : "label" + std::to_string(number);
    person->groups = {"g" + std::to_string(number % 3), "all"};
    person->grants = {"grant-" + std::to_string(number % 4)};
    person->policy = "sha256:1";
    audit::Subject& subject = person->subject;
    subject.principal = person->principal;
    subject.issuer_alias = "okta";
    subject.issuer = "https://example.okta.com";
    subject.subject = person->subject_text;
    subject.label = person->label;
    subject.groups = person->groups;
    subject.grants = person->grants;
    subject.policy_version = person->policy;
    subject.source_ip = number == 5 ? "2001:db8::5" : "10.0.0." + std::to_string(number % 5);
    subject.source_port = static_cast<std::uint16_t>(1000 + number);
    subject.listener = "main";
    subject.tls_version = "TLSv1.3";
    subject.client_library = "redis-py 8.1.0";
    subject.session_id = "s-" + std::to_string(number);
    subject.lease_user = "kw_" + std::to_string(number);
    return person;
  }

  void make_names() {
    names_ = {"",
              "a",
              "app:",
              "app:k",
              "app:k*",
              "app:\n",
              "app:\\x",
              "caf\xc3\xa9",
              "\xff\xfe raw",
              "\xe2\x80\xa8sep",
              "{tag}:1",
              "with space",
              "quote\"",
              std::string(255, 'x'),
              std::string(256, 'x'),
              std::string(257, 'x'),
              std::string(300, 'y'),
              std::string(300, 'y') + "z",
              std::string(255, 'z') + "\xc3\xa9",
              std::string(400, '\xff')};
    for (int number = 0; number < 400; ++number)
      names_.push_back("app:user:" + std::to_string(number % 50) + ":" + std::to_string(number));
  }

  // Another policy, Redis user or session from here on.
  void change(Person& person) {
    switch (below(3)) {
      case 0:
        person.policy = "sha256:" + std::to_string(below(100));
        person.subject.policy_version = person.policy;
        break;
      case 1:
        person.subject.lease_user += "x";
        break;
      default:
        person.subject.session_id =
            "s-" + std::to_string(below(1000)) + "-" + std::to_string(below(1000));
    }
    person.subject.changed();
  }

  void one(audit::Journal& journal) {
    static constexpr const char* kCommands[] = {"set",        "get",        "del", "lpush",
                                                "config|set", "config|get", "eval"};
    const Person& person = *people_[below(people_.size())];
    const std::string command = kCommands[below(std::size(kCommands))];
    std::vector<std::string> held{command};
    std::vector<std::uint32_t> keys, channels;
    for (std::size_t key = below(20) == 0 ? 20 : below(3); key > 0; --key) {
      keys.push_back(static_cast<std::uint32_t>(held.size()));
      // A few names are everywhere, most hardly anywhere.
      held.push_back(
          names_[below(3) == 0 ? below(names_.size()) : below(1 + below(names_.size()))]);
    }
    if (below(10) == 0) {
      channels.push_back(static_cast<std::uint32_t>(held.size()));
      held.push_back("ch:" + std::to_string(below(9)));
    }
    held.emplace_back("value");
    const std::vector<std::string_view> args(held.begin(), held.end());
    audit::RequestText text;
    printer_.print({.command = command,
                    .args = args,
                    .keys = keys,
                    .channels = channels,
                    .reads = true,
                    .writes = true},
                   text);
    audit::Event event;
    event.subject = &person.subject;
    event.request = &text;
    event.db = static_cast<std::uint32_t>(below(3));
    event.command_number = 1 + below(1000);
    event.grant = person.grants.front();
    event.rule = "p.yaml";
    event.rule_line = 3;
    switch (below(30)) {
      case 0:
        event.kind = audit::Kind::denial;
        event.outcome = audit::Outcome::denied;
        event.reason = "no grant covers the key";
        break;
      case 1:
        event.outcome = audit::Outcome::error;
        event.error_class = "WRONGTYPE";
        break;
      case 2:
        event.outcome = audit::Outcome::unknown;
        break;
      case 3:
        event.kind = audit::Kind::intent;
        break;
      case 4:
        event = {};
        event.kind = audit::Kind::login;
        event.subject = &person.subject;
        break;
      case 5:
        event = {};
        event.kind = audit::Kind::policy_loaded;
        event.reason = "reload";
        event.detail = "sha256:11";
        break;
      case 6:
        event = {};
        event.kind = audit::Kind::denial;
        event.outcome = audit::Outcome::denied;
        event.request = &text;
        break;
      default:
        event.latency_us = 100;
        if (below(3) == 0) event.has_affected = true, event.affected = -3;
    }
    (void)journal.append(event);
  }

  std::string folder_;
  std::mt19937 random_;
  FakeClock clock_;
  std::vector<std::unique_ptr<audit::Journal>> journals_;
  std::vector<std::unique_ptr<Person>> people_;
  std::vector<std::string> names_;
  audit::RequestPrinter printer_;
};

}  // namespace keyward::trail::test
