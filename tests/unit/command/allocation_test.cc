// The way of every request: once a Command's vectors have grown, judging takes no memory.
#include "support/allocations.h"

#include "keyward/command/command.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace keyward::command {
namespace {

TEST(Analyse, TakesNoMemoryInSteadyState) {
  const auto catalog = Catalog::built_in();
  const std::vector<std::vector<std::string_view>> requests = {
      {"GET", "k"},
      {"SET", "k", "v", "EX", "10", "GET"},
      {"MGET", "a", "b", "c"},
      {"EVALSHA", "s", "2", "a", "b", "x"},
      {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "5", "STREAMS", "s", ">"},
      {"SUBSCRIBE", "a", "b"},
      {"CLIENT", "SETINFO", "LIB-NAME", "x"},
      {"SCAN", "0", "MATCH", "a*"},
  };
  Command command;
  for (int round = 0; round < 3; ++round) {
    const auto taken = test::allocations_of([&] {
      for (const auto& request : requests) {
        ASSERT_EQ(analyse(*catalog, request, command).verdict, Verdict::ok);
      }
    });
    if (round > 0) {
      EXPECT_EQ(taken.count, 0U);
    }
  }
}

}  // namespace
}  // namespace keyward::command
