// Counts what the data path of the journal allocates.
#include "support/temp_dir.h"
#include "unit/audit/sample.h"

#include "keyward/audit/journal.h"

#include <gtest/gtest.h>

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

TEST(Allocation, ARecordTakesNoneInSteadyState) {
  const keyward::test::TempDir directory;
  const FakeClock clock;
  auto journal = *Journal::open(test::sample_config(directory.path()), clock);
  const test::SampleSet set;
  for (const bool prepared : {false, true}) {
    Subject subject = test::sample_subject();
    if (prepared) prepare(subject);
    const auto turn = [&] {
      for (int count = 0; count < 20; ++count) journal->append(set.event(&subject));
      return journal->flush();
    };
    turn();
    const std::size_t before = allocations;
    for (int count = 0; count < 50; ++count) turn();
    EXPECT_EQ(allocations, before) << prepared;
  }
}

}  // namespace
}  // namespace keyward::audit

#endif
