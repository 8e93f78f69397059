// The way of every request and answer: once the buffers have grown, names are rewritten and shown
// without taking memory.
#include "support/allocations.h"
#include "unit/view/eyes.h"

#include <gtest/gtest.h>

namespace keyward::view::test {
namespace {

TEST(RequestNames, TakeNoMemoryInSteadyState) {
  Eyes eyes(kTeam);
  const std::vector<std::vector<std::string_view>> requests = {
      {"GET", "k"},
      {"MSET", "a", "1", "b", "2", "a rather long name of a key", "3"},
      {"BRPOP", "a", "b", "c", "1"},
      {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "5", "STREAMS", "s", ">"},
      {"PSUBSCRIBE", "a*", "__keyspace@0__:b*"},
      {"PUBLISH", "c", "m"},
      {"SCAN", "0", "COUNT", "10"},
  };
  for (int round = 0; round < 3; ++round) {
    const std::size_t before = keyward::test::g_allocated.count;
    for (const auto& request : requests) {
      ASSERT_EQ(command::analyse(eyes.catalog(), request, eyes.command()).verdict,
                command::Verdict::ok);
      ASSERT_TRUE(eyes.names().qualify(eyes.command(), eyes.grants()).empty());
    }
    if (round > 0) {
      EXPECT_EQ(keyward::test::g_allocated.count, before);
    }
  }
}

TEST(Show, TakesNoMemoryInSteadyState) {
  const Eyes eyes(kTeam);
  const std::string popped = bulks({"team:a rather long name of a list", "value"});
  const std::string keys = bulks({"team:a", "team:b", "other:c"});
  const std::string message = push({bulk("message"), bulk("team:c"), bulk("payload")});
  const std::string event = push({bulk("pmessage"), bulk("__keyspace@0__:team:*"),
                                  bulk("__keyspace@0__:team:a key"), bulk("set")});
  std::string out;
  for (int round = 0; round < 3; ++round) {
    const std::size_t before = keyward::test::g_allocated.count;
    out.clear();
    ASSERT_TRUE(show(Shape::first_key, eyes.lens("blpop"), popped, out));
    ASSERT_TRUE(show(Shape::keys, eyes.lens("keys"), keys, out));
    ASSERT_TRUE(show_frame(eyes.lens("get", resp::Protocol::resp3), message, out));
    ASSERT_TRUE(show_frame(eyes.lens("get", resp::Protocol::resp3), event, out));
    if (round > 0) {
      EXPECT_EQ(keyward::test::g_allocated.count, before);
    }
  }
}

}  // namespace
}  // namespace keyward::view::test
