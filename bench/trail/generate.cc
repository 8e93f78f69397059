// Writes a trail as production does: real journals of several streams, a keeper that signs,
// compresses and indexes what is closed. 50 identities, keys by Zipf's law, a mix of commands, 30
// days.
//   kwtrail FOLDER RECORDS [plain]
#include "keyward/audit/journal.h"
#include "keyward/audit/keeper.h"
#include "keyward/base/clock.h"
#include "keyward/trail/search.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace keyward;

constexpr std::size_t kKeys = 200'000, kPeople = 50, kStreams = 4;
constexpr std::uint64_t kDays = 30;

// Rank 1 comes twice as often as rank 2 and three times as often as rank 3.
class Zipf {
 public:
  explicit Zipf(std::size_t count) {
    double sum = 0;
    for (std::size_t rank = 1; rank <= count; ++rank)
      limits_.push_back(sum += 1.0 / static_cast<double>(rank));
    for (double& limit : limits_) limit /= sum;
  }
  [[nodiscard]] std::size_t operator()(std::mt19937_64& random) const {
    const double at = std::uniform_real_distribution<double>()(random);
    const auto found = std::lower_bound(limits_.begin(), limits_.end(), at);
    return std::min(static_cast<std::size_t>(found - limits_.begin()), limits_.size() - 1);
  }

 private:
  std::vector<double> limits_;
};

// 30 days in a few seconds; the keeper's thread reads it as well.
class FastClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override {
    return WallTime(std::chrono::seconds(1'800'000'000)) + passed();
  }
  [[nodiscard]] MonoTime mono() const override {
    return MonoTime(std::chrono::hours(1)) + passed();
  }
  void advance(std::chrono::microseconds step) {
    passed_.fetch_add(step.count(), std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] std::chrono::microseconds passed() const {
    return std::chrono::microseconds(passed_.load(std::memory_order_relaxed));
  }
  std::atomic<std::int64_t> passed_{0};
};

struct Person {
  std::string principal, name, grant;
  std::vector<std::string> groups, grants;
  audit::Subject subject;
};

std::unique_ptr<Person> make_person(std::size_t number) {
  auto person = std::make_unique<Person>();
  person->name = "service-" + std::to_string(number) + "@example.com";
  person->principal = "okta:00u" + std::to_string(100'000 + number);
  person->grant = "team-" + std::to_string(number % 10);
  person->groups = {person->grant, "everybody"};
  person->grants = {person->grant};
  audit::Subject& subject = person->subject;
  subject.principal = person->principal;
  subject.issuer_alias = "okta";
  subject.issuer = "https://example.okta.com/oauth2/default";
  subject.subject = person->name;
  subject.groups = person->groups;
  subject.grants = person->grants;
  subject.policy_version = "sha256:2c26b46b68ffc68ff99b453c1d304134";
  subject.source_ip = "10.1." + std::to_string(number / 250) + "." + std::to_string(number % 250);
  subject.source_port = static_cast<std::uint16_t>(20'000 + number);
  subject.listener = "default";
  subject.tls_version = "TLSv1.3";
  subject.tls_cipher = "TLS_AES_256_GCM_SHA384";
  subject.client_library = "redis-py 5.0.1";
  subject.session_id = "5e0b7c19d2" + std::to_string(10 + number);
  subject.lease_user = "kw_" + std::to_string(number);
  return person;
}

struct Commands {
  std::string_view name, word;
  bool writes, value;
};
constexpr std::array<Commands, 6> kCommands{{{"set", "SET", true, true},
                                             {"get", "GET", false, false},
                                             {"hset", "HSET", true, true},
                                             {"incr", "INCR", true, false},
                                             {"lpush", "LPUSH", true, true},
                                             {"del", "DEL", true, false}}};

class Generator {
 public:
  Generator(const std::string& folder, std::uint64_t records, bool compress)
      : records_(records), step_(kDays * 86'400'000'000 / std::max<std::uint64_t>(records, 1)) {
    auto opened = audit::Keeper::open(
        {.directory = folder,
         .instance = "bench",
         .rotate = {.every = {}},
         .compress = compress,
         .on_closed = [](const std::string& path) { (void)trail::write_index(path); }},
        clock_);
    keeper_ = *std::move(opened);
    for (std::size_t stream = 0; stream < kStreams; ++stream) {
      const std::string name = "shard-" + std::to_string(stream);
      audit::JournalConfig config{folder, "bench", name, "127.0.0.1:6379"};
      config.rotate.every = {};
      config.signed_by = keeper_->key_id();
      journals_.push_back(*audit::Journal::open(config, clock_));
      keeper_->watch(name, journals_.back()->head());
    }
    for (std::size_t number = 0; number < kPeople; ++number) people_.push_back(make_person(number));
    keeper_->start();
  }

  void run() {
    for (std::uint64_t at = 0; at < records_; ++at) {
      clock_.advance(std::chrono::microseconds(step_));
      // A session stays on its shard.
      const std::size_t person = random_() % kPeople;
      one(*people_[person], *journals_[person % kStreams], at);
      if (at % 16 == 0) flush();
      if (at % (records_ / 100 + 1) == 0) draw(at);
    }
    flush();
    draw(records_);
    for (auto& journal : journals_) journal->close("done");
  }
  // Until every closed segment is compressed.
  void settle(std::uint64_t closed) {
    while (keeper_->counters().compressed < closed) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      clock_.advance(std::chrono::seconds(1));  // the keeper's pauses are by this clock
    }
    keeper_->finish();
  }
  [[nodiscard]] std::uint64_t rotations() const {
    std::uint64_t all = 0;
    for (const auto& journal : journals_) all += journal->counters().rotations;
    return all;
  }

 private:
  void one(const Person& person, audit::Journal& journal, std::uint64_t at) {
    const Commands& command = kCommands[random_() % kCommands.size()];
    const std::string key = at == records_ / 3
                                ? "app:rare:needle"
                                : "app:user:" + std::to_string(zipf_(random_)) + ":profile";
    const std::array<std::string_view, 3> args{command.word, key, "a value of some length"};
    const std::array<std::uint32_t, 1> keys{1};
    printer_.print({.command = command.name,
                    .args = std::span(args).first(command.value ? 3 : 2),
                    .keys = keys,
                    .reads = !command.writes,
                    .writes = command.writes},
                   text_);
    audit::Event event;
    event.subject = &person.subject;
    event.request = &text_;
    event.command_number = at;
    event.latency_us = static_cast<std::int64_t>(random_() % 900);
    event.grant = person.grant;
    event.rule = "teams.yaml";
    event.rule_line = 12;
    event.node = "127.0.0.1:6379";
    if (at % 1000 == 7) {
      event.kind = audit::Kind::denial;
      event.outcome = audit::Outcome::denied;
      event.error_class = "NOPERM";
      event.reason = "key";
    } else if (at % 500 == 9) {
      event.outcome = audit::Outcome::error;
      event.error_class = "WRONGTYPE";
    }
    (void)journal.append(event);
  }
  void flush() {
    for (auto& journal : journals_) (void)journal->flush();
  }
  void draw(std::uint64_t at) const {
    std::fprintf(stderr, "\rwriting %3llu %%",
                 static_cast<unsigned long long>(at * 100 / std::max<std::uint64_t>(records_, 1)));
    if (at == records_) std::fprintf(stderr, "\n");
  }

  std::uint64_t records_, step_;
  FastClock clock_;
  std::unique_ptr<audit::Keeper> keeper_;
  std::vector<std::unique_ptr<audit::Journal>> journals_;
  std::vector<std::unique_ptr<Person>> people_;
  std::mt19937_64 random_{7};
  Zipf zipf_{kKeys};
  audit::RequestPrinter printer_;
  audit::RequestText text_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "kwtrail FOLDER RECORDS [plain]\n");
    return 2;
  }
  const bool compress = argc < 4;
  Generator generator(argv[1], std::strtoull(argv[2], nullptr, 10), compress);
  generator.run();
  generator.settle(compress ? generator.rotations() : 0);
  return 0;
}
