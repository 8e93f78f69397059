// Time of one request parsed, one reply framed, one request encoded.
#include "keyward/resp/reply_scanner.h"
#include "keyward/resp/request_parser.h"
#include "keyward/resp/writer.h"

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <vector>

namespace keyward::resp {
namespace {

using Words = std::vector<std::string_view>;

std::string encode(const Words& words) {
  std::string out;
  write_request(out, words);
  return out;
}

void parse(benchmark::State& state, const std::string& bytes) {
  RequestParser parser{Limits{}};
  for (auto _ : state) {
    const ParseResult result = parser.next(bytes);
    if (result.status != ParseStatus::request) state.SkipWithError("no request");
    benchmark::DoNotOptimize(parser.args().data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}

void parse_get(benchmark::State& state) {
  parse(state, encode({"GET", "celery-task-meta-0123456789"}));
}
BENCHMARK(parse_get);

void parse_set_ex(benchmark::State& state) {
  parse(state, encode({"SET", "user:1000:session", "0123456789abcdef", "EX", "3600"}));
}
BENCHMARK(parse_set_ex);

void parse_wide(benchmark::State& state) {
  parse(state, encode(Words(static_cast<std::size_t>(state.range(0)), "key:0001")));
}
BENCHMARK(parse_wide)->Arg(10)->Arg(100)->Arg(1000);

void parse_inline_ping(benchmark::State& state) { parse(state, "PING\r\n"); }
BENCHMARK(parse_inline_ping);

// A hundred requests in one read, as a pipelining client sends them; time is of all hundred.
void parse_pipeline(benchmark::State& state) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += encode({"GET", "celery-task-meta-0123456789"});
  RequestParser parser{Limits{}};
  for (auto _ : state) {
    std::string_view rest = bytes;
    while (!rest.empty()) rest.remove_prefix(parser.next(rest).consumed);
  }
  state.SetItemsProcessed(state.iterations() * 100);
}
BENCHMARK(parse_pipeline);

// The request arrives byte by byte: what a dripping client can make us do for each byte.
void parse_dripping(benchmark::State& state) {
  const std::string bytes = encode({"SET", "user:1000:session", "0123456789abcdef", "EX", "3600"});
  RequestParser parser{Limits{}};
  for (auto _ : state) {
    for (std::size_t size = 1; size <= bytes.size(); ++size) {
      benchmark::DoNotOptimize(parser.next(std::string_view(bytes).substr(0, size)));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(parse_dripping);

void scan(benchmark::State& state, const std::string& bytes) {
  ReplyScanner scanner;
  for (auto _ : state) {
    const auto progress = scanner.feed(bytes);
    if (!progress.done) state.SkipWithError("no reply");
    benchmark::DoNotOptimize(progress);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}

void scan_ok(benchmark::State& state) { scan(state, "+OK\r\n"); }
BENCHMARK(scan_ok);
void scan_integer(benchmark::State& state) { scan(state, ":12345\r\n"); }
BENCHMARK(scan_integer);
void scan_nil(benchmark::State& state) { scan(state, "$-1\r\n"); }
BENCHMARK(scan_nil);
void scan_error(benchmark::State& state) {
  scan(state, "-NOPERM this user has no permissions\r\n");
}
BENCHMARK(scan_error);

void scan_bulk(benchmark::State& state) {
  std::string bytes;
  write_bulk(bytes, std::string(static_cast<std::size_t>(state.range(0)), 'x'));
  scan(state, bytes);
}
BENCHMARK(scan_bulk)->Arg(16)->Arg(1024)->Arg(1 << 20);

void scan_array(benchmark::State& state) {
  std::string bytes;
  write_array(bytes, static_cast<std::size_t>(state.range(0)));
  for (std::int64_t i = 0; i < state.range(0); ++i) write_bulk(bytes, "key:0001");
  scan(state, bytes);
}
BENCHMARK(scan_array)->Arg(2)->Arg(100)->Arg(10'000);

void write_get(benchmark::State& state) {
  std::string out;
  const Words words{"GET", "celery-task-meta-0123456789"};
  for (auto _ : state) {
    out.clear();
    write_request(out, words);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(write_get);

}  // namespace
}  // namespace keyward::resp
