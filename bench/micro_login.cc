// What a login costs: a token seen for the first time, by algorithm and part by part, and one that
// was seen before.
#include "unit/identity/token_maker.h"

#include "keyward/identity/authenticator.h"

#include <benchmark/benchmark.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace keyward;
using namespace keyward::identity;
using namespace keyward::identity::testing;

constexpr std::size_t kTokens = 2000;

// As many different tokens as a run may use up; making them takes longer than checking them.
std::vector<std::string> tokens(const TestKey& key, std::string_view alg) {
  std::vector<std::string> made;
  for (std::size_t n = 0; n < kTokens; ++n) {
    made.push_back(token_of(claims_with({{"jti", "id-" + std::to_string(n)}}), key, alg, "at+jwt"));
  }
  return made;
}

std::unique_ptr<Authenticator> authenticator(const Clock& clock) {
  auto made = std::make_unique<Authenticator>(std::vector{usual_rules()},
                                              std::vector<std::string>{}, clock);
  made->set_keys("main", usual_keys(), clock.mono());
  return made;
}

void login(Authenticator& door, const std::string& token) {
  Verdict verdict = door.authenticate({.user = "default", .secret = token});
  if (!std::holds_alternative<std::shared_ptr<const Principal>>(verdict)) {
    throw std::runtime_error("the token was refused");
  }
  benchmark::DoNotOptimize(verdict);
}

void fresh(benchmark::State& state, const TestKey& key, const char* alg) {
  const std::vector<std::string> all = tokens(key, alg);
  const FakeClock clock;
  auto door = authenticator(clock);
  std::size_t at = 0;
  for (auto _ : state) {
    if (at == all.size()) {
      state.PauseTiming();
      door = authenticator(clock);
      at = 0;
      state.ResumeTiming();
    }
    login(*door, all[at++]);
  }
}

void seen(benchmark::State& state) {
  const std::string token = token_of(usual_claims(), ec_key(), "ES256", "at+jwt");
  const FakeClock clock;
  const auto door = authenticator(clock);
  for (auto _ : state) login(*door, token);
}

void parse(benchmark::State& state) {
  const std::string token = token_of(usual_claims(), ec_key(), "ES256", "at+jwt");
  for (auto _ : state) benchmark::DoNotOptimize(parse_token(token));
}

void signature(benchmark::State& state, const TestKey& key, const char* alg) {
  const std::string token = token_of(usual_claims(), key, alg, "at+jwt");
  const auto parsed = std::get<ParsedToken>(parse_token(token));
  const KeySet::Chosen chosen = usual_keys()->choose(alg, &key.kid);
  for (auto _ : state) {
    if (!signature_holds(*chosen.key, *parsed.algorithm, parsed.signed_text, parsed.signature)) {
      state.SkipWithError("the signature does not hold");
    }
  }
}

BENCHMARK_CAPTURE(fresh, es256, ec_key(), "ES256");
BENCHMARK_CAPTURE(fresh, rs256, rsa_key(), "RS256");
BENCHMARK(seen);
BENCHMARK(parse);
BENCHMARK_CAPTURE(signature, es256, ec_key(), "ES256");
BENCHMARK_CAPTURE(signature, rs256, rsa_key(), "RS256");

}  // namespace
