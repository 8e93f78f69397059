// What one audit record costs on the data path: encoding, hashing, handing over in batches.
#include "audit/chain.h"
#include "audit/ocsf.h"

#include "keyward/audit/journal.h"
#include "keyward/audit/verify.h"

#include <benchmark/benchmark.h>

#include <array>
#include <filesystem>
#include <stdlib.h>
#include <string>

namespace keyward::audit {
namespace {

Subject worker() {
  Subject subject;
  subject.principal = "okta:9f2c1a7be0d34c55";
  subject.issuer_alias = "okta";
  subject.issuer = "https://example.okta.com/oauth2/default";
  subject.subject = "airflow-worker@example.com";
  subject.label = "airflow-worker";
  subject.groups = {"airflow-workers", "data-platform"};
  subject.token_digest = "0f1e2d3c4b5a6978";
  subject.token_id = "jti-77";
  subject.auth_protocol = "OAUTH 2.0";
  subject.source_ip = "10.1.2.3";
  subject.source_port = 51123;
  subject.tls_version = "TLSv1.3";
  subject.tls_cipher = "TLS_AES_256_GCM_SHA384";
  subject.client_name = "worker-1";
  subject.client_library = "redis-py 8.1.0";
  subject.listener = "main";
  subject.connection_id = 42;
  subject.session_id = "s-0-42";
  subject.session_started = WallTime(std::chrono::seconds(1'799'999'000));
  subject.session_expires = WallTime(std::chrono::seconds(1'800'003'600));
  subject.lease_user = "kw_4be1";
  subject.policy_version = "sha256:11aa22bb";
  return subject;
}

struct Set {
  std::array<std::string_view, 3> args{"SET", "airflow:result:0123456789", "value"};
  Event event(const Subject* subject) const {
    Event set;
    set.subject = subject;
    set.command = "set";
    set.args = args;
    set.keys = std::span(args).subspan(1, 1);
    set.writes = true;
    set.command_number = 7;
    set.latency_us = 131;
    set.node = "127.0.0.1:6379";
    set.grant = "airflow-worker";
    set.rule = "policies/airflow.yaml:12";
    return set;
  }
};

class Directory {
 public:
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kw-bench-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void Encode(benchmark::State& state) {
  Subject subject = worker();
  if (state.range(0) != 0) prepare(subject);
  const OcsfWriter writer("kw-1", "shard-0", "sessions");
  const Set set;
  const Event event = set.event(&subject);
  std::string line;
  for (auto _ : state) {
    line.clear();
    writer.append(line, event, Place{123456, view(kNoHash), WallTime{}, WallTime{}});
    benchmark::DoNotOptimize(line.data());
  }
  state.counters["bytes"] = static_cast<double>(line.size());
}
BENCHMARK(Encode)->ArgName("prepared")->Arg(0)->Arg(1);

void Hash(benchmark::State& state) {
  const std::string line(static_cast<std::size_t>(state.range(0)), 'x');
  Hasher hasher;
  for (auto _ : state) benchmark::DoNotOptimize(hasher(line));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Hash)->Arg(512)->Arg(1024)->Arg(1536)->Arg(2048);

// One iteration is a loop turn with `batch` records; items per second is what counts.
void Record(benchmark::State& state) {
  const Directory directory;
  const SystemClock clock;
  auto journal = *Journal::open({directory.path(), "kw-1", "shard-0", "sessions"}, clock);
  Subject subject = worker();
  prepare(subject);
  const Set set;
  const Event event = set.event(&subject);
  for (auto _ : state) {
    for (std::int64_t count = 0; count < state.range(0); ++count) journal->append(event);
    benchmark::DoNotOptimize(journal->flush());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["per_record"] =
      benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(Record)->ArgName("batch")->Arg(1)->Arg(8)->Arg(64)->Iterations(4000);

void Verify(benchmark::State& state) {
  const Directory directory;
  const SystemClock clock;
  std::uint64_t bytes = 0;
  {
    auto journal = *Journal::open({directory.path(), "kw-1", "shard-0", "sessions"}, clock);
    const Subject subject = worker();
    const Set set;
    for (int count = 0; count < 200'000; ++count) {
      journal->append(set.event(&subject));
      if (count % 64 == 0) journal->flush();
    }
    journal->close("bench");
    bytes = journal->counters().bytes;
  }
  for (auto _ : state) {
    if (!verify(directory.path())->whole()) state.SkipWithError("the trail is not whole");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
BENCHMARK(Verify)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace keyward::audit
