// What policy costs: a decision by how many grants match and how many patterns stand before the one
// that fits, names under a namespace, loading a folder, and finding or making a login's grants.
#include "support/temp_dir.h"

#include "keyward/policy/glob.h"
#include "keyward/policy/name_space.h"
#include "keyward/policy/snapshot.h"
#include "keyward/view/request.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace keyward;
using Words = std::vector<std::string_view>;

constexpr int kInAFile = 100;
constexpr int kMatchTogether = 20;
constexpr const char* kCommands = R"("@read", "@write", publish, psubscribe, eval, "-@dangerous")";

// Teams of 100 grants; "group7" has grant 7, "some" the first twenty, all of them one entry with
// `patterns` key patterns "team<grant>:<pattern>:*". Every tenth has an expect case.
class Folder {
 public:
  Folder(int grants, int patterns, const std::string& more = {}, const std::string& lines = {}) {
    for (int first = 0; first < grants; first += kInAFile) {
      const std::string team = "t" + std::to_string(first / kInAFile);
      std::string text = "apiVersion: keyward/v1\nteam: " + team + "\nowners: [" + team +
                         "@example.com]\ngrants:\n";
      std::string cases;
      for (int i = first; i < std::min(grants, first + kInAFile); ++i) {
        text += grant(i, patterns, more, lines);
        if (i % 10 == 0 && lines.empty()) cases += expectation(i);
      }
      std::ofstream(dir_.file(team + ".yaml"))
          << text << (cases.empty() ? "" : "expect:\n" + cases);
    }
  }

  [[nodiscard]] std::shared_ptr<const policy::Snapshot> load() const {
    Diagnostics diagnostics;
    auto snapshot =
        policy::Snapshot::load(dir_.path(), command::Catalog::built_in(), {}, diagnostics);
    if (!snapshot) throw std::runtime_error(diagnostics.text());
    return snapshot;
  }

 private:
  static std::string grant(int number, int patterns, const std::string& more,
                           const std::string& lines) {
    const std::string n = std::to_string(number);
    std::string keys;
    for (int i = 0; i < patterns; ++i)
      keys += (keys.empty() ? "\"team" : ", \"team") + n + ":" + std::to_string(i) + ":*\"";
    return "  - name: g" + n + "\n    who: [{issuer: x, groups: [group" + n +
           (number < kMatchTogether ? ", some" : "") + "]}]\n" + lines +
           "    allow:\n      - {commands: [" + kCommands + "], keys: [" + keys + more +
           "], channels: [\"team" + n + ":*\"]}\n";
  }
  static std::string expectation(int number) {
    const std::string n = std::to_string(number);
    return "  - as: {issuer: x, subject: s, groups: [group" + n + "]}\n    allow: [\"GET team" + n +
           ":0:k\"]\n    deny: [\"GET other:k\"]\n";
  }
  test::TempDir dir_;
};

identity::Principal member(const std::string& group) {
  identity::Principal principal;
  principal.issuer_alias = "x";
  principal.subject = "s";
  principal.groups = {"everyone", "staff", group};
  return principal;
}

// Made once for all runs of a benchmark: a folder of 5,000 grants takes a while.
std::shared_ptr<const policy::Snapshot> kept(int grants, int patterns) {
  static std::map<std::pair<int, int>, std::shared_ptr<const policy::Snapshot>> made;
  auto& snapshot = made[{grants, patterns}];
  if (!snapshot) snapshot = Folder(grants, patterns).load();
  return snapshot;
}

void judge(benchmark::State& state, const policy::Snapshot& snapshot, const std::string& group,
           const Words& words) {
  const auto grants = *snapshot.grants_for(member(group));
  command::Command command;
  if (command::analyse(snapshot.catalog(), words, command).verdict != command::Verdict::ok)
    state.SkipWithError("not a command");
  for (auto _ : state) benchmark::DoNotOptimize(grants->decide(command, {}));
  state.SetItemsProcessed(state.iterations());
}

// One grant of the folder matches.
void decide_of_folder(benchmark::State& state) {
  judge(state, *kept(static_cast<int>(state.range(0)), 1), "group0", {"GET", "team0:0:key"});
}

// Twenty grants match, and the last of them has the key.
void decide(benchmark::State& state, const Words& words) {
  judge(state, *kept(100, 1), "some", words);
}

// The last pattern of the entry has the key.
void decide_of_patterns(benchmark::State& state) {
  const std::string key = "team0:" + std::to_string(state.range(0) - 1) + ":key";
  judge(state, *kept(1, static_cast<int>(state.range(0))), "group0", {"GET", key});
}

// Fifty patterns, fifty keys, all of them at the last; and refused.
void decide_mget_50_patterns_50(benchmark::State& state) {
  Words words(51, "team0:49:some:key");
  words[0] = "MGET";
  judge(state, *kept(1, 50), "group0", words);
}

void decide_of_one(benchmark::State& state, const Words& words) {
  judge(state, *kept(1, 1), "group0", words);
}

void decide_of_globs(benchmark::State& state) {
  static const auto snapshot =
      Folder(1, 1, R"(, "a[bc]:*:x", "*:queue:*", "team?:*:*:*", "*.celery.pidbox*")").load();
  judge(state, *snapshot, "group0", {"GET", "worker-1.example.celery.pidbox"});
}

// The whole of "what is it, may they": lookup, analysis, decision.
void judge_request(benchmark::State& state, const Words& words) {
  const auto snapshot = kept(1, 1);
  const auto grants = *snapshot->grants_for(member("group0"));
  command::Command command;
  for (auto _ : state) {
    benchmark::DoNotOptimize(command::analyse(snapshot->catalog(), words, command));
    benchmark::DoNotOptimize(grants->decide(command, {}));
  }
  state.SetItemsProcessed(state.iterations());
}

void glob(benchmark::State& state, std::string_view pattern, std::string_view text) {
  for (auto _ : state) benchmark::DoNotOptimize(policy::glob_match(pattern, text));
}

// Rewriting a request's names, which precedes the decision under a namespace.
void qualify(benchmark::State& state, const Words& words) {
  static const auto snapshot = Folder(1, 1, "", "    namespace: \"airflow:\"\n").load();
  const auto grants = *snapshot->grants_for(member("group0"));
  command::Command command;
  view::RequestNames names;
  (void)command::analyse(snapshot->catalog(), words, command);
  const command::Command analysed = command;
  for (auto _ : state) {
    command.args = analysed.args;
    command.keys = analysed.keys;
    command.channels = analysed.channels;
    benchmark::DoNotOptimize(names.qualify(command, *grants));
  }
}

void qualify_channel(benchmark::State& state, std::string_view channel) {
  for (auto _ : state) benchmark::DoNotOptimize(policy::qualified_channel("airflow:", channel));
}

void load(benchmark::State& state) {
  const Folder folder(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(folder.load());
}

// The grants of this login were made before.
void login_known(benchmark::State& state) {
  const auto snapshot = kept(static_cast<int>(state.range(0)), 1);
  const identity::Principal principal = member("group0");
  benchmark::DoNotOptimize(snapshot->grants_for(principal));
  for (auto _ : state) benchmark::DoNotOptimize(snapshot->grants_for(principal));
}

// Its templates are filled with values that nobody had before: everything is made.
void login_fills_templates(benchmark::State& state) {
  std::string more;
  for (int i = 1; i < state.range(0); ++i)
    more += ", \"home:{subject}:" + std::to_string(i) + ":*\"";
  const auto snapshot = Folder(1, 1, more + ", \"home:{subject}:*\"").load();
  identity::Principal principal = member("group0");
  std::uint64_t number = 0;
  for (auto _ : state) {
    principal.subject = "user" + std::to_string(++number);
    benchmark::DoNotOptimize(snapshot->grants_for(principal));
  }
}

BENCHMARK(decide_of_folder)->Arg(1)->Arg(100)->Arg(5000);
BENCHMARK_CAPTURE(decide, get_first_entry, Words{"GET", "team0:0:key"});
BENCHMARK_CAPTURE(decide, get_last_entry, Words{"GET", "team19:0:key"});
BENCHMARK_CAPTURE(decide, set_last_entry, Words{"SET", "team19:0:key", "value"});
BENCHMARK(decide_of_patterns)->Arg(1)->Arg(5)->Arg(10)->Arg(50);
BENCHMARK(decide_mget_50_patterns_50);
BENCHMARK(decide_of_globs);
BENCHMARK_CAPTURE(decide_of_one, set, Words{"SET", "team0:0:key", "value"});
BENCHMARK_CAPTURE(decide_of_one, mget_5,
                  Words{"MGET", "team0:0:a", "team0:0:b", "team0:0:c", "team0:0:d", "team0:0:e"});
BENCHMARK_CAPTURE(decide_of_one, eval,
                  Words{"EVAL", "return 1", "3", "team0:0:a", "team0:0:b", "team0:0:c"});
BENCHMARK_CAPTURE(decide_of_one, publish, Words{"PUBLISH", "team0:news", "message"});
BENCHMARK_CAPTURE(decide_of_one, psubscribe, Words{"PSUBSCRIBE", "team0:news.*"});
BENCHMARK_CAPTURE(decide_of_one, ping, Words{"PING"});
BENCHMARK_CAPTURE(decide_of_one, refused_key, Words{"GET", "other:key"});
BENCHMARK_CAPTURE(decide_of_one, refused_command, Words{"KEYS", "*"});
BENCHMARK_CAPTURE(judge_request, get, Words{"GET", "team0:0:key"});
BENCHMARK_CAPTURE(judge_request, set_ex, Words{"SET", "team0:0:key", "value", "EX", "10"});
BENCHMARK_CAPTURE(judge_request, brpop, Words{"BRPOP", "team0:0:queue", "1"});
BENCHMARK_CAPTURE(glob, prefix, "team:*", "team:some:key");
BENCHMARK_CAPTURE(glob, two_stars, "*.celery.pidbox*", "worker-1.example.celery.pidbox");
BENCHMARK_CAPTURE(qualify, get, Words{"GET", "celery-task-meta-0e9f7c2a"});
BENCHMARK_CAPTURE(qualify, mget_5, Words{"MGET", "a:1", "b:2", "c:3", "d:4", "e:5"});
BENCHMARK_CAPTURE(qualify_channel, own, "task.news");
BENCHMARK_CAPTURE(qualify_channel, keyspace, "__keyspace@0__:celery");
BENCHMARK(load)->Args({100, 1})->Args({5000, 1})->Args({5000, 10})->Unit(benchmark::kMillisecond);
BENCHMARK(login_known)->Arg(1)->Arg(100)->Arg(5000);
BENCHMARK(login_fills_templates)->Arg(1)->Arg(10);

}  // namespace
