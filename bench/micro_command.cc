// What judging a request costs: lookup and analysis of common commands.
#include "keyward/command/catalog.h"
#include "keyward/command/command.h"

#include <benchmark/benchmark.h>

#include <string_view>
#include <vector>

namespace {

using keyward::command::Catalog;
using keyward::command::Command;

using Words = std::vector<std::string_view>;

void find(benchmark::State& state, const Words& words) {
  const auto catalog = Catalog::built_in();
  for (auto _ : state) benchmark::DoNotOptimize(catalog->find(words));
}

void analyse(benchmark::State& state, const Words& words) {
  const auto catalog = Catalog::built_in();
  Command command;
  for (auto _ : state) {
    benchmark::DoNotOptimize(keyward::command::analyse(*catalog, words, command));
    benchmark::ClobberMemory();
  }
}

BENCHMARK_CAPTURE(find, get, Words{"GET", "k"});
BENCHMARK_CAPTURE(find, config_get, Words{"CONFIG", "GET", "*"});
BENCHMARK_CAPTURE(find, longest, Words{"georadiusbymember_ro", "k"});
BENCHMARK_CAPTURE(find, unknown, Words{"nosuchcommand"});
BENCHMARK_CAPTURE(analyse, get, Words{"GET", "key:1"});
BENCHMARK_CAPTURE(analyse, set, Words{"SET", "key:1", "value"});
BENCHMARK_CAPTURE(analyse, set_ex_nx, Words{"SET", "key:1", "value", "EX", "10", "NX"});
BENCHMARK_CAPTURE(analyse, mget_10,
                  Words{"MGET", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"});
BENCHMARK_CAPTURE(analyse, evalsha, Words{"EVALSHA", "sha", "2", "a", "b", "x", "y"});
BENCHMARK_CAPTURE(analyse, xreadgroup,
                  Words{"XREADGROUP", "GROUP", "g", "c", "COUNT", "10", "BLOCK", "1000", "STREAMS",
                        "s", ">"});
BENCHMARK_CAPTURE(analyse, xadd, Words{"XADD", "s", "MAXLEN", "~", "1000", "*", "f", "v"});
BENCHMARK_CAPTURE(analyse, publish, Words{"PUBLISH", "c", "message"});

}  // namespace
