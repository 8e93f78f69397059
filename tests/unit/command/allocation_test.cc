// The way of every request: once a Command's vectors have grown, judging takes no memory.
#include "keyward/command/command.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string_view>
#include <vector>

namespace {

thread_local std::size_t g_allocations = 0;

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++g_allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

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
    const std::size_t before = g_allocations;
    for (const auto& request : requests) {
      ASSERT_EQ(analyse(*catalog, request, command).verdict, Verdict::ok);
    }
    if (round > 0) {
      EXPECT_EQ(g_allocations, before);
    }
  }
}

}  // namespace
}  // namespace keyward::command
