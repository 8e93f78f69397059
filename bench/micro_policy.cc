// What a decision costs: 20 entries, the one that fits first, last, or missing; and what compiling
// a login's grants costs.
#include "support/temp_dir.h"

#include "keyward/policy/glob.h"
#include "keyward/policy/snapshot.h"

#include <benchmark/benchmark.h>

#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace keyward;
using Words = std::vector<std::string_view>;

// Twenty grants that all match, one entry each, keys "team<n>:*".
std::shared_ptr<const policy::Snapshot> twenty() {
  const test::TempDir dir;
  std::string text = "apiVersion: keyward/v1\nteam: t\nowners: [t@example.com]\ngrants:\n";
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    text += "  - name: g" + n + "\n    who: [{issuer: x, subject: \"*\"}]\n    allow:\n" +
            "      - {commands: [\"@read\", \"@write\", publish, \"-@dangerous\"], keys: [\"team" +
            n + ":*\"], channels: [\"team" + n + ":*\"]}\n";
  }
  std::ofstream(dir.file("p.yaml")) << text;
  Diagnostics diagnostics;
  auto snapshot = policy::Snapshot::load(dir.path(), command::Catalog::built_in(), {}, diagnostics);
  if (!snapshot) throw std::runtime_error(diagnostics.text());
  return snapshot;
}

identity::Principal someone() {
  identity::Principal principal;
  principal.issuer_alias = "x";
  principal.subject = "s";
  return principal;
}

void decide(benchmark::State& state, const Words& words) {
  const auto snapshot = twenty();
  const auto grants = *snapshot->grants_for(someone());
  command::Command command;
  if (command::analyse(snapshot->catalog(), words, command).verdict != command::Verdict::ok)
    state.SkipWithError("not a command");
  for (auto _ : state) benchmark::DoNotOptimize(grants->decide(command, {}));
}

void glob(benchmark::State& state, std::string_view pattern, std::string_view text) {
  for (auto _ : state) benchmark::DoNotOptimize(policy::glob_match(pattern, text));
}

void login(benchmark::State& state) {
  const auto snapshot = twenty();
  const identity::Principal principal = someone();
  for (auto _ : state) benchmark::DoNotOptimize(snapshot->grants_for(principal));
}

BENCHMARK_CAPTURE(decide, get_first_entry, Words{"GET", "team0:some:key"});
BENCHMARK_CAPTURE(decide, get_last_entry, Words{"GET", "team19:some:key"});
BENCHMARK_CAPTURE(decide, set_last_entry, Words{"SET", "team19:some:key", "value"});
BENCHMARK_CAPTURE(decide, mget_5_last_entry,
                  Words{"MGET", "team19:a", "team19:b", "team19:c", "team19:d", "team19:e"});
BENCHMARK_CAPTURE(decide, publish_last_entry, Words{"PUBLISH", "team19:news", "message"});
BENCHMARK_CAPTURE(decide, ping, Words{"PING"});
BENCHMARK_CAPTURE(decide, refused_key, Words{"GET", "other:key"});
BENCHMARK_CAPTURE(glob, prefix, "team:*", "team:some:key");
BENCHMARK_CAPTURE(glob, two_stars, "*.celery.pidbox*", "worker-1.example.celery.pidbox");
BENCHMARK(login);

}  // namespace
