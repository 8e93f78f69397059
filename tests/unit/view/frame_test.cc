#include "unit/view/eyes.h"

#include <gtest/gtest.h>

namespace keyward::view::test {
namespace {

constexpr auto kResp2 = resp::Protocol::resp2;
const std::string kNull3 = "_\r\n";

std::string frame(const std::vector<std::string>& texts) {
  std::vector<std::string> elements;
  for (const std::string& text : texts) elements.push_back(bulk(text));
  return push(elements);
}

TEST(ShowFrame, MessagesOfTheNamespace) {
  const Eyes team(kTeam);
  EXPECT_EQ(team.hears(frame({"message", "team:c", "team:payload"})),
            frame({"message", "c", "team:payload"}));
  EXPECT_EQ(team.hears(frame({"smessage", "team:c", ""})), frame({"smessage", "c", ""}));
  EXPECT_EQ(team.hears(frame({"pmessage", "team:c*", "team:cd", "x"})),
            frame({"pmessage", "c*", "cd", "x"}));
  EXPECT_EQ(team.hears(bulks({"message", "team:c", "p"}), kResp2), bulks({"message", "c", "p"}));
  EXPECT_EQ(team.hears(frame({"message", "other:c", "p"})), "");
}

TEST(ShowFrame, KeyspaceEventsOfOnesOwnKeys) {
  const Eyes team(kTeam);
  EXPECT_EQ(team.hears(frame({"message", "__keyspace@0__:team:k", "set"})),
            frame({"message", "__keyspace@0__:k", "set"}));
  EXPECT_EQ(
      team.hears(frame({"pmessage", "__keyspace@*__:team:*", "__keyspace@0__:team:k", "set"})),
      frame({"pmessage", "__keyspace@*__:*", "__keyspace@0__:k", "set"}));
  EXPECT_EQ(team.hears(frame({"message", "__keyspace@0__:other:k", "set"})), "");
  // A foreign key that holds the tail of a pattern.
  EXPECT_EQ(team.hears(frame(
                {"pmessage", "__keyspace@*__:team:*", "__keyspace@0__:other__:team:k", "set"})),
            "");
  // A database that is not granted.
  EXPECT_EQ(team.hears(frame({"message", "__keyspace@1__:team:k", "set"})), "");
  EXPECT_EQ(team.hears(frame({"message", "__keyevent@0__:expired", "team:k"})),
            frame({"message", "__keyevent@0__:expired", "k"}));
  EXPECT_EQ(team.hears(frame({"message", "__keyevent@3__:expired", "team:"})),
            frame({"message", "__keyevent@3__:expired", ""}));
  EXPECT_EQ(team.hears(frame({"message", "__keyevent@1__:expired", "team:k"})), "");
  EXPECT_EQ(team.hears(frame({"pmessage", "__keyevent@*__:*", "__keyevent@0__:del", "other:k"})),
            "");
  EXPECT_EQ(team.hears(frame({"message", "__keyevent@x__:del", "team:k"})), "");
}

TEST(ShowFrame, KeyspaceEventsWithoutANamespace) {
  const Eyes full(kFull);
  const auto same = [&](const std::vector<std::string>& texts) {
    EXPECT_EQ(full.hears(frame(texts)), frame(texts));
  };
  const auto nothing = [&](const std::vector<std::string>& texts) {
    EXPECT_EQ(full.hears(frame(texts)), "");
  };
  same({"message", "c:1", "anything"});
  same({"message", "__keyevent@0__:del", "a:1"});
  same({"message", "__keyevent@0__:del", "g:1"});
  nothing({"message", "__keyevent@0__:del", "w:1"});
  nothing({"message", "__keyevent@0__:del", "other"});
  nothing({"message", "__keyevent@1__:del", "a:1"});
  same({"pmessage", "__key*", "__keyspace@3__:a:1", "del"});
  nothing({"pmessage", "__key*", "__keyspace@0__:other", "del"});
  nothing({"pmessage", "__key*", "__keyspace@0__:w:1", "del"});
  same({"message", "__keyevent@mine__:del", "other"});
}

// Redis 8.8: the fields of a hash that changed.
TEST(ShowFrame, SubkeyEventsOfKeysThatMayBeKnown) {
  const Eyes full(kSubkeys);
  const auto heard = [&](const std::string& channel, const std::string& payload) {
    const std::string whole = frame({"message", channel, payload});
    const std::string out = full.hears(whole);
    EXPECT_TRUE(out.empty() || out == whole);
    return !out.empty();
  };
  EXPECT_TRUE(heard("__subkeyspace@0__:a:1", "hset|1:f"));
  EXPECT_FALSE(heard("__subkeyspace@0__:b:1", "hset|1:f"));
  EXPECT_FALSE(heard("__subkeyspace@1__:a:1", "hset|1:f"));
  EXPECT_TRUE(heard("__subkeyevent@0__:hset", "3:a:1|1:f"));
  EXPECT_FALSE(heard("__subkeyevent@0__:hset", "3:b:1|1:f"));
  EXPECT_FALSE(heard("__subkeyevent@0__:hset", "9:a:1|1:f"));
  EXPECT_FALSE(heard("__subkeyevent@0__:hset", "a:1"));
  EXPECT_TRUE(heard("__subkeyspaceitem@0__:a:1\nf", "hset"));
  EXPECT_FALSE(heard("__subkeyspaceitem@0__:b:1\na:f", "hset"));
  EXPECT_TRUE(heard("__subkeyspaceevent@0__:hset|a:1", "1:f"));
  EXPECT_FALSE(heard("__subkeyspaceevent@0__:hset|b:1", "1:f"));
  EXPECT_FALSE(heard("__subkeyspaceevent@0__:hset", "1:f"));
  EXPECT_TRUE(heard("__subkeyspace@mine__:b:1", "anything"));
  EXPECT_EQ(Eyes(kTeam).hears(frame({"message", "__subkeyspace@0__:team:k", "hset|1:f"})), "");
}

TEST(ShowFrame, Confirmations) {
  const Eyes team(kTeam);
  for (const char* kind :
       {"subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe"}) {
    EXPECT_EQ(team.hears(push({bulk(kind), bulk("team:c"), ":3\r\n"})),
              push({bulk(kind), bulk("c"), ":3\r\n"}));
    EXPECT_EQ(team.hears(push({bulk(kind), kNull3, ":0\r\n"})),
              push({bulk(kind), kNull3, ":0\r\n"}));
    EXPECT_EQ(team.hears(array({bulk(kind), "$-1\r\n", ":0\r\n"}), kResp2),
              array({bulk(kind), "$-1\r\n", ":0\r\n"}));
    EXPECT_EQ(team.hears(push({bulk(kind), bulk("other:c"), ":3\r\n"})), "refused");
  }
  EXPECT_EQ(team.hears(push({bulk("psubscribe"), bulk("__keyspace@*__:team:a*"), ":1\r\n"})),
            push({bulk("psubscribe"), bulk("__keyspace@*__:a*"), ":1\r\n"}));
  EXPECT_EQ(team.hears(push({bulk("subscribe"), bulk("__keyevent@0__:del"), ":1\r\n"})),
            push({bulk("subscribe"), bulk("__keyevent@0__:del"), ":1\r\n"}));
}

TEST(ShowFrame, Invalidations) {
  const Eyes team(kTeam);
  EXPECT_EQ(team.hears(push({bulk("invalidate"), bulks({"team:a", "other:b", "team:c"})})),
            push({bulk("invalidate"), bulks({"a", "c"})}));
  EXPECT_EQ(team.hears(push({bulk("invalidate"), bulks({"other:b"})})), "");
  EXPECT_EQ(team.hears(push({bulk("invalidate"), kNull3})), push({bulk("invalidate"), kNull3}));
  const Eyes full(kFull);
  EXPECT_EQ(full.hears(push({bulk("invalidate"), bulks({"a:1", "other"})})),
            push({bulk("invalidate"), bulks({"a:1"})}));
  EXPECT_EQ(full.hears(array({bulk("message"), bulk("__redis__:invalidate"), bulks({"a:1", "x"})}),
                       kResp2),
            array({bulk("message"), bulk("__redis__:invalidate"), bulks({"a:1"})}));
  EXPECT_EQ(full.hears(array({bulk("message"), bulk("__redis__:invalidate"), "$-1\r\n"}), kResp2),
            array({bulk("message"), bulk("__redis__:invalidate"), "$-1\r\n"}));
  EXPECT_EQ(
      team.hears(array({bulk("message"), bulk("__redis__:invalidate"), bulks({"team:a"})}), kResp2),
      "");
}

TEST(ShowFrame, OnlyFramesThatRedisDocuments) {
  const Eyes team(kTeam);
  EXPECT_EQ(team.hears(frame({"message", "team:c"})), "refused");
  EXPECT_EQ(team.hears(frame({"message", "team:c", "p", "q"})), "refused");
  EXPECT_EQ(team.hears(frame({"pmessage", "team:c", "p"})), "refused");
  EXPECT_EQ(team.hears(frame({"moving", "team:c", "p"})), "refused");
  EXPECT_EQ(team.hears(bulks({"message", "team:c", "p"})), "refused");
  EXPECT_EQ(team.hears(frame({"message", "team:c", "p"}), kResp2), "refused");
  EXPECT_EQ(team.hears(frame({"message", "team:c", "p"}) + "+OK\r\n"), "refused");
  EXPECT_EQ(team.hears(bulks({"pong", ""}), kResp2), "refused");
  EXPECT_EQ(team.hears(push({bulk("message"), bulk("team:c"), bulks({"p"})})), "refused");
  EXPECT_EQ(team.hears(""), "refused");
}

TEST(ShowFrame, ALargePayloadIsCopiedOnce) {
  const Eyes team(kTeam);
  const std::string payload(8UL << 20U, 'x');
  const std::string whole = frame({"message", "team:c", payload});
  std::string out;
  ASSERT_TRUE(show_frame(team.lens("get", resp::Protocol::resp3), whole, out));
  EXPECT_EQ(out, frame({"message", "c", payload}));
  EXPECT_LE(out.capacity(), whole.size() + 64);
}

}  // namespace
}  // namespace keyward::view::test
