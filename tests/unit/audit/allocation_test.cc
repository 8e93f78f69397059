// Counts what the data path of the journal allocates.
#include "support/allocations.h"
#include "support/temp_dir.h"
#include "unit/audit/sample.h"

#include "keyward/audit/journal.h"

#include <gtest/gtest.h>

#include <array>

namespace keyward::audit {
namespace {

// A command from the request to the record, a refusal, several sessions.
TEST(Allocation, E810ARecordTakesNoneInSteadyState) {
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
  const std::size_t before = keyward::test::g_allocated.count;
  const std::uint64_t records = journal->counters().records;
  for (int count = 0; count < 50; ++count) {
    turn();
    refusals();
  }
  EXPECT_EQ(keyward::test::g_allocated.count, before);
  EXPECT_EQ(journal->counters().records, records + 50 * 63);
}

}  // namespace
}  // namespace keyward::audit
