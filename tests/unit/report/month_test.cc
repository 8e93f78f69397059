// A month of a small fleet, written by the journal and signed by the keeper as a server would, and
// the report on it. KEYWARD_MONTH=FOLDER keeps the trail: the picture in docs/report.png is made of
// it.
#include "support/temp_dir.h"

#include "keyward/audit/journal.h"
#include "keyward/audit/keeper.h"
#include "keyward/command/command.h"
#include "keyward/report/compose.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

namespace keyward::report {
namespace {

using audit::Kind;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct Worker {
  std::string principal, label;
  std::vector<std::string> groups, grants;
  int per_hour = 0;
  bool only_days = false;  // at work from 8 to 18 on weekdays
};

std::vector<Worker> fleet() {
  return {{"okta:airflow-scheduler",
           "airflow-scheduler",
           {"airflow-workers"},
           {"airflow-worker"},
           14,
           false},
          {"okta:airflow-worker-1",
           "airflow-worker-1",
           {"airflow-workers"},
           {"airflow-worker"},
           11,
           false},
          {"okta:airflow-worker-2",
           "airflow-worker-2",
           {"airflow-workers"},
           {"airflow-worker"},
           9,
           false},
          {"okta:ann.berg",
           "ann.berg@example.com",
           {"oncall", "airflow-observers"},
           {"airflow-observer"},
           4,
           true},
          {"okta:kofi.mensah",
           "kofi.mensah@example.com",
           {"oncall", "airflow-observers"},
           {"airflow-observer"},
           3,
           true},
          {"okta:lea.novak",
           "lea.novak@example.com",
           {"airflow-observers"},
           {"airflow-observer"},
           2,
           true},
          {"eks:system:serviceaccount:billing:export",
           "billing-export",
           {},
           {"billing-export"},
           2,
           false}};
}

class Month {
 public:
  explicit Month(std::string folder) : folder_(std::move(folder)) {
    clock_.set_wall(WallTime(seconds(1'790'812'800)));  // 2026-10-01
    auto keeper = audit::Keeper::open({.directory = folder_, .instance = "kw-1"}, clock_);
    EXPECT_TRUE(keeper.has_value());
    keeper_ = std::move(*keeper);
    open();
  }

  void run(int days) {
    const char* versions = std::getenv("KEYWARD_MONTH_VERSIONS");
    const std::string named = versions == nullptr ? "aaaa000011112222,bbbb000011112222" : versions;
    policy("start", named.substr(0, named.find(',')));
    workers_ = fleet();
    for (const Worker& one : workers_) subjects_.push_back(subject(one));
    for (std::size_t i = 0; i < workers_.size(); ++i) begin(i);
    for (int day = 0; day < days; ++day) {
      for (int hour = 0; hour < 24; ++hour) pass(day, hour);
      if (day == 11) policy("reload by SIGHUP", named.substr(named.find(',') + 1));
      if (day == 17) emergency();
      if (day == 21) leave(5);
      if (day == 24) crash();
      keeper_->step();
    }
    shard_.reset();
    control_.reset();
    keeper_->finish();
  }
  std::map<std::string, std::uint64_t> accepted, refused;
  [[nodiscard]] std::uint64_t now_us() const {
    return static_cast<std::uint64_t>(clock_.wall().time_since_epoch().count());
  }

 private:
  void open() {
    const auto journal = [&](const char* stream) {
      return *audit::Journal::open({.directory = folder_,
                                    .instance = "kw-1",
                                    .stream = stream,
                                    .redis_label = "redis-1.internal:6379",
                                    .rotate = {},
                                    .signed_by = keeper_->key_id()},
                                   clock_);
    };
    shard_ = journal("shard-0");
    control_ = journal("control");
    keeper_->watch("shard-0", shard_->head());
    keeper_->watch("control", control_->head());
  }
  audit::Subject subject(const Worker& one) {
    audit::Subject out;
    out.principal = one.principal;
    out.issuer_alias = std::string_view(one.principal).substr(0, one.principal.find(':'));
    out.subject = std::string_view(one.principal).substr(one.principal.find(':') + 1);
    out.label = one.label;
    out.groups = one.groups;
    out.grants = one.grants;
    out.token_digest = "0f1e2d3c4b5a6978";
    out.policy_version = "aaaa000011112222";
    out.lease_user = "kw_" + std::to_string(100 + subjects_.size());
    out.source_ip = "10.20.0." + std::to_string(11 + subjects_.size());
    out.source_port = 51'000;
    out.tls_version = "TLSv1.3";
    out.tls_cipher = "TLS_AES_256_GCM_SHA384";
    out.listener = "default";
    out.client_library = one.only_days ? "redis-cli" : "redis-py 5.2.0";
    out.session_id = "s-" + std::to_string(subjects_.size());
    return out;
  }
  void put(const audit::Event& event, audit::Journal& journal) {
    journal.append(event);
    static_cast<void>(journal.flush());
  }
  void begin(std::size_t who) {
    audit::Event event;
    event.subject = &subjects_[who];
    for (const Kind kind : {Kind::login, Kind::lease_create}) {
      event.kind = kind;
      event.reason = kind == Kind::login ? "" : "login";
      put(event, *shard_);
    }
  }
  void policy(const std::string& reason, const std::string& version) {
    audit::Event event;
    event.kind = Kind::policy_loaded;
    event.reason = reason;
    event.detail = version;
    put(event, *control_);
  }
  void command(std::size_t who, const std::vector<std::string>& words, Kind kind,
               const std::string& reason) {
    const std::vector<std::string_view> args(words.begin(), words.end());
    command::Command command;
    static_cast<void>(command::analyse(*catalog_, args, command));
    std::vector<std::uint32_t> keys;
    for (const auto& use : command.keys) keys.push_back(use.arg);
    audit::RequestText text;
    printer_.print({.command = command.info->name,
                    .args = command.args,
                    .keys = keys,
                    .channels = {},
                    .reads = !command.mutates,
                    .writes = command.mutates},
                   text);
    audit::Event event;
    event.kind = kind;
    event.outcome = kind == Kind::denial ? audit::Outcome::denied : audit::Outcome::ok;
    event.subject = &subjects_[who];
    event.request = &text;
    event.reason = reason;
    event.grant = workers_[who].grants.front();
    event.rule = "airflow.yaml";
    event.rule_line = workers_[who].only_days ? 79 : who == 6 ? 90 : 20;
    put(event, *shard_);
    ++(kind == Kind::denial ? refused : accepted)[workers_[who].principal];
  }
  void pass(int day, int hour) {
    const bool office = (day + 3) % 7 < 5 && hour >= 8 && hour < 18;  // the first is a Thursday
    for (std::size_t who = 0; who < workers_.size(); ++who) {
      const Worker& one = workers_[who];
      if ((one.only_days && !office) || gone_ == static_cast<int>(who)) continue;
      if (one.only_days && hour == 8) begin(who);
      const int many = one.per_hour + static_cast<int>(random_() % 4U) + (office ? 3 : 0);
      for (int i = 0; i < many; ++i) {
        clock_.advance(seconds(7));
        command(who,
                one.only_days ? std::vector<std::string>{"llen", "airflow:celery"}
                              : std::vector<std::string>{"lpush", "airflow:celery", "x"},
                Kind::command, "");
      }
      if (random_() % (one.only_days ? 6U : 90U) == 0)
        command(who, {"get", "payroll:salaries"}, Kind::denial, "key");
      if (one.only_days && random_() % 25U == 0)
        command(who, {"keys", "*"}, Kind::denial, "keyspace_scan");
      if (day == 13 && hour == 14 && who == 6) {
        for (int i = 0; i < 60; ++i) command(who, {"flushall"}, Kind::denial, "command");
      }
    }
    if (random_() % 9U == 0) refuse_login();
    clock_.set_wall(
        std::max(clock_.wall(), WallTime(seconds(1'790'812'800) + hours(24 * day + hour + 1))));
  }
  void refuse_login() {
    audit::Subject stranger;
    stranger.source_ip = "192.0.2.44";
    stranger.listener = "default";
    audit::Event event;
    event.kind = Kind::login_refused;
    event.outcome = audit::Outcome::denied;
    event.subject = &stranger;
    event.reason = random_() % 3U == 0 ? "signature" : "expired";
    put(event, *shard_);
  }
  void emergency() {
    audit::Event event;
    event.kind = Kind::break_glass;
    event.subject = &subjects_[3];
    event.grant = "airflow-emergency";
    event.reason = "INC-4711: the queue is stuck, workers do not drain it";
    event.detail = "for 3600 seconds at most";
    put(event, *shard_);
    clock_.advance(minutes(12));
    event.kind = Kind::break_glass_end;
    event.reason = "the session ended";
    event.detail = {};
    put(event, *shard_);
  }
  void leave(std::size_t who) {
    audit::Event event;
    event.kind = Kind::revocation;
    event.revocation = "r-6f0c2a91d4e85b37";
    event.reason = "left the company";
    event.by = "api 10.20.0.5 (kofi.mensah)";
    const std::string detail =
        "principal " + workers_[who].principal + " until 2026-11-22T10:00:00Z";
    event.detail = detail;
    put(event, *control_);
    gone_ = static_cast<int>(who);
  }
  // The newest records are there and no stop record is.
  void crash() {
    std::map<std::string, std::string> kept;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      std::ifstream stream(entry.path(), std::ios::binary);
      kept[entry.path()] = {std::istreambuf_iterator<char>(stream), {}};
    }
    shard_.reset();
    for (const auto& [path, content] : kept) {
      if (path.find(".shard-0.") == std::string::npos || path.ends_with(".lock")) continue;
      std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    }
    shard_ = *audit::Journal::open({.directory = folder_,
                                    .instance = "kw-1",
                                    .stream = "shard-0",
                                    .redis_label = "redis-1.internal:6379",
                                    .rotate = {},
                                    .signed_by = keeper_->key_id()},
                                   clock_);
    keeper_->watch("shard-0", shard_->head());
    for (audit::Subject& one : subjects_) one.changed();
  }

  std::string folder_;
  FakeClock clock_;
  std::unique_ptr<audit::Keeper> keeper_;
  std::unique_ptr<audit::Journal> shard_, control_;
  std::vector<Worker> workers_;
  std::deque<audit::Subject> subjects_;
  std::shared_ptr<const command::Catalog> catalog_ = command::Catalog::built_in();
  audit::RequestPrinter printer_;
  std::mt19937 random_{7};
  int gone_ = -1;
};

TEST(Month, IsCountedToTheRecord) {
  const keyward::test::TempDir dir;
  const char* kept = std::getenv("KEYWARD_MONTH");
  const std::string folder = kept == nullptr ? dir.file("audit") : kept;
  Month month(folder);
  month.run(31);
  auto read = read_trail({.directory = folder, .period = {0, month.now_us() + 1}});
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->counts.unreadable, 0U);
  for (const auto& [principal, count] : month.accepted)
    EXPECT_EQ(read->facts.people.at(principal).accepted.count, count) << principal;
  for (const auto& [principal, count] : month.refused)
    EXPECT_EQ(read->facts.refused_people.find(principal)->count, count) << principal;
  Input input;
  const auto verified = audit::verify(folder);
  ASSERT_TRUE(verified.has_value());
  for (const auto& one : verified->streams) EXPECT_TRUE(one.whole) << one.stream << one.problem;
  input.read = std::move(*read);
  input.verified = *verified;
  const Document document = compose(input);
  EXPECT_GE(document.findings.size(), 2U);
}

}  // namespace
}  // namespace keyward::report
