// What the audit trail costs on the data path: a request shown, its record encoded, hashed and
// handed over in batches; and the reading of a trail.
#include "audit/chain.h"
#include "audit/data_record.h"
#include "unit/audit/sample.h"

#include "keyward/audit/journal.h"
#include "keyward/audit/json_text.h"
#include "keyward/audit/line_head.h"
#include "keyward/audit/verify.h"

#include <benchmark/benchmark.h>

#include <array>
#include <filesystem>
#include <stdlib.h>
#include <string>

namespace keyward::audit {
namespace {

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

constexpr std::array<std::string_view, 3> kArgs{"SET", "airflow:result:0123456789", "value"};
constexpr std::array<std::uint32_t, 1> kKeys{1};
const RequestView kSet{.command = "set", .args = kArgs, .keys = kKeys, .writes = true};

void per_record(benchmark::State& state, std::int64_t batch) {
  state.SetItemsProcessed(state.iterations() * batch);
  state.counters["per_record"] =
      benchmark::Counter(static_cast<double>(state.iterations() * batch),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// When the command is forwarded.
void ShowRequest(benchmark::State& state) {
  RequestPrinter printer;
  RequestText text;
  for (auto _ : state) {
    printer.print(kSet, text);
    benchmark::DoNotOptimize(text.text.data());
  }
}
BENCHMARK(ShowRequest);

void Encode(benchmark::State& state) {
  const Subject subject = test::sample_subject();
  const DataRecords data("kw-1", "shard-0", "sessions");
  const Opening opening = data.open(subject, 0, 1);
  const test::SampleSet set;
  const Event event = set.event(&subject);
  const RecordPlace place{Digits(1234567), view(kNoHash), Digits(1'800'000'000'000'000),
                          Digits(1'800'000'000'000'000)};
  const auto line = std::make_unique_for_overwrite<char[]>(kLineLimit);
  const char* end = nullptr;
  for (auto _ : state) {
    end = data.write(line.get(), event, place, opening);
    benchmark::DoNotOptimize(end);
  }
  state.counters["bytes"] = static_cast<double>(end - line.get());
}
BENCHMARK(Encode);

// A line of so many bytes, of which the second number is the opening.
void Hash(benchmark::State& state) {
  const std::string line(static_cast<std::size_t>(state.range(0)), 'x');
  Opening opening;
  opening.hashed = static_cast<std::size_t>(state.range(1)) / Sha256::kBlock * Sha256::kBlock;
  Chain chain;
  for (auto _ : state) {
    chain.add(line, opening);
    benchmark::DoNotOptimize(chain.last());
  }
}
BENCHMARK(Hash)->Args({700, 0})->Args({700, 330})->Args({1400, 0});

struct Trail {
  Directory directory;
  SystemClock clock;
  std::unique_ptr<Journal> journal =
      *Journal::open({directory.path(), "kw-1", "shard-0", "sessions"}, clock);
};

// One iteration is a loop turn with `batch` records; the time per record is what counts.
void RecordSet(benchmark::State& state) {
  Trail trail;
  const Subject subject = test::sample_subject();
  const test::SampleSet set;
  RequestPrinter printer;
  RequestText text;
  for (auto _ : state) {
    for (std::int64_t count = 0; count < state.range(0); ++count) {
      printer.print(kSet, text);
      Event event = set.event(&subject);
      event.request = &text;
      trail.journal->append(event);
    }
    benchmark::DoNotOptimize(trail.journal->flush());
  }
  per_record(state, state.range(0));
}
BENCHMARK(RecordSet)->ArgName("batch")->Arg(1)->Arg(8)->Arg(16)->Arg(64)->Iterations(20000);

void RecordDenial(benchmark::State& state) {
  Trail trail;
  const Subject subject = test::sample_subject();
  const test::SampleDenial denial;
  const Event event = denial.event(&subject);
  for (auto _ : state) {
    for (std::int64_t count = 0; count < state.range(0); ++count) trail.journal->append(event);
    benchmark::DoNotOptimize(trail.journal->flush());
  }
  per_record(state, state.range(0));
}
BENCHMARK(RecordDenial)->ArgName("batch")->Arg(1)->Arg(16)->Iterations(20000);

// The login, the first command (which is introduced) and the end of a session.
void RecordSession(benchmark::State& state) {
  Trail trail;
  Subject subject = test::sample_subject();
  const test::SampleSet set;
  const Event first = set.event(&subject);
  Event login, ended;
  login.kind = Kind::login;
  ended.kind = Kind::session_end;
  login.subject = ended.subject = &subject;
  for (auto _ : state) {
    subject.changed();
    trail.journal->append(login);
    trail.journal->append(first);
    trail.journal->append(ended);
    benchmark::DoNotOptimize(trail.journal->flush());
  }
}
BENCHMARK(RecordSession)->Iterations(20000);

void Verify(benchmark::State& state) {
  Trail trail;
  const Subject subject = test::sample_subject();
  const test::SampleSet set;
  for (int count = 0; count < 200'000; ++count) {
    trail.journal->append(set.event(&subject));
    if (count % 64 == 0) trail.journal->flush();
  }
  trail.journal->close("bench");
  for (auto _ : state) {
    if (!verify(trail.directory.path())->whole()) state.SkipWithError("the trail is not whole");
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(trail.journal->counters().bytes));
}
BENCHMARK(Verify)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace keyward::audit
