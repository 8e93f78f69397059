// Counts what the data path of the journal allocates.
#include "support/temp_dir.h"
#include "unit/audit/sample.h"

#include "keyward/audit/journal.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <new>

// The sanitizers bring allocators of their own, which must not be mixed with this one.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {
thread_local std::size_t allocations = 0;
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace keyward::audit {
namespace {

// A command from the request to the record, a refusal, several sessions.
TEST(Allocation, ARecordTakesNoneInSteadyState) {
  const keyward::test::TempDir directory;
  const FakeClock clock;
  auto journal = *Journal::open(test::sample_config(directory.path()), clock);
  const std::string value(100'000, 'v');
  const std::array<std::string_view, 5> args{"SET", "airflow:result:0123456789", value, "EX", "60"};
  const std::array<std::uint32_t, 1> keys{1};
  const test::SampleSet set;
  const test::SampleDenial denial;
  RequestPrinter printer;
  RequestText text;
  std::vector<Subject> subjects(3, test::sample_subject());
  const auto turn = [&] {
    for (int count = 0; count < 20; ++count) {
      for (const Subject& subject : subjects) {
        printer.print({.command = "set", .args = args, .keys = keys, .writes = true}, text);
        Event command = set.event(&subject);
        command.request = &text;
        journal->append(command);
      }
    }
    return journal->flush();
  };
  const auto refusals = [&] {
    for (const Subject& subject : subjects) journal->append(denial.event(&subject));
    return journal->flush();
  };
  turn();
  refusals();
  const std::size_t before = allocations;
  const std::uint64_t records = journal->counters().records;
  for (int count = 0; count < 50; ++count) {
    turn();
    refusals();
  }
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(journal->counters().records, records + 50 * 63);
}

}  // namespace
}  // namespace keyward::audit

#endif
