#include "keyward/review/rebuild.h"

#include "unit/review/trail_maker.h"

#include <algorithm>

namespace keyward::review {
namespace {

using test::TrailMaker;
using test::Words;

std::string told(const command::Command& command) {
  std::string out = command.info->name;
  for (const auto& use : command.keys)
    out += " " + std::string(command.args[use.arg]) + "=" + std::to_string(use.access);
  for (const auto& use : command.channels)
    out += " #" + std::string(command.args[use.arg]) + (use.pattern ? "*" : "");
  return out;
}

// What a record of this command gives, and what the command itself is.
std::pair<std::string, std::string> both(const Words& words) {
  const auto catalog = command::Catalog::built_in();
  const std::vector<std::string_view> args(words.begin(), words.end());
  command::Command original;
  EXPECT_EQ(command::analyse(*catalog, args, original).verdict, command::Verdict::ok);
  TrailMaker trail;
  trail.as("okta", "w1").run(words);
  std::string again = "nothing";
  Rebuilder rebuilder(*catalog);
  trail.each([&](const Record& record) {
    const command::Command* command = rebuilder.rebuild(record);
    again = command == nullptr ? std::string(rebuilder.problem()) : told(*command);
  });
  return {again, told(original)};
}

TEST(RebuildTest, GivesTheCommandsThatOptionsShape) {
  for (const Words& words : std::vector<Words>{
           {"SET", "k", "v"},
           {"SET", "k", "v", "EX", "100"},
           {"SET", "k", "v", "NX", "PX", "30000"},
           {"SET", "k", "v", "KEEPTTL"},
           {"SET", "k", "v", "GET"},
           {"SET", "k", "v", "GET", "KEEPTTL"},
           {"GETEX", "k"},
           {"GETEX", "k", "PERSIST"},
           {"BITFIELD", "k", "SET", "u8", "0", "1"},
           {"BITFIELD", "k", "GET", "u8", "0"},
           {"SORT", "k", "ALPHA"},
           {"SORT", "k", "STORE", "d"},
           {"GEORADIUS", "g", "1", "2", "3", "km", "STORE", "d"},
           {"GEORADIUSBYMEMBER", "g", "m", "3", "km"},
           {"GEOSEARCHSTORE", "d", "g", "FROMMEMBER", "m", "BYRADIUS", "1", "km"},
           {"EVAL", "return 1", "0"},
           {"EVALSHA", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "2", "a", "b", "x", "y"},
           {"ZUNIONSTORE", "d", "2", "a", "b", "WEIGHTS", "1", "2"},
           {"ZINTERCARD", "2", "a", "b"},
           {"LMPOP", "2", "a", "b", "LEFT"},
           {"BLMPOP", "1", "2", "a", "b", "RIGHT", "COUNT", "2"},
           {"BZMPOP", "1", "1", "a", "MAX"},
           {"XREAD", "COUNT", "1", "STREAMS", "a", "b", "0", "0"},
           {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "a", ">"},
           {"XADD", "s", "MAXLEN", "~", "10", "*", "f", "v"},
           {"ZADD", "z", "NX", "1", "m"},
           {"MSET", "a", "1", "b", "2"},
           {"BRPOP", "a", "b", "c", "1"},
           {"BITOP", "AND", "d", "a", "b"},
           {"COPY", "a", "b"},
           {"LMOVE", "a", "b", "LEFT", "RIGHT"},
           {"PUBLISH", "c", "m"},
           {"SUBSCRIBE", "c1", "c2"},
           {"PSUBSCRIBE", "c*"},
           {"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"},
           {"OBJECT", "ENCODING", "k"},
           {"SCRIPT", "LOAD", "return 1"},
           {"XAUTOCLAIM", "s", "g", "c", "0", "0"},
           {"SCAN", "0", "MATCH", "a*"},
       }) {
    const auto [again, original] = both(words);
    EXPECT_EQ(again, original);
  }
}

// Three bytes behind EX read as a number, not as GET: the reading with fewer rights.
TEST(RebuildTest, TakesTheReadingWithFewerRights) {
  EXPECT_EQ(both({"SET", "k", "v", "NX", "GET"}).first, "set k=2");
  EXPECT_EQ(both({"SET", "k", "v", "GET", "NX"}).first, "set k=3");
  EXPECT_EQ(both({"SET", "k", "v", "EX", "100"}).first, "set k=2");
}

TEST(RebuildTest, KnowsEveryCommandThatCanBeGranted) {
  const auto catalog = command::Catalog::built_in();
  Rebuilder rebuilder(*catalog);
  int names = 0;
  for (const command::CommandInfo& info : catalog->all()) {
    if (info.exposure == command::Exposure::never || info.container || info.key_specs.empty())
      continue;
    if (info.kind == command::Kind::sunsubscribe) continue;  // its channels are no right
    Record record;
    record.command = info.name;
    record.query = info.name;
    bool found = false;
    for (std::size_t keys = 1; keys <= 3 && !found; ++keys) {
      record.keys.assign(keys, "key");
      record.key_count = keys;
      record.channels.clear();
      found = rebuilder.rebuild(record) != nullptr;
      if (!found) {
        record.keys.clear();
        record.channels.assign(keys, "key");
        found = rebuilder.rebuild(record) != nullptr;
      }
    }
    EXPECT_TRUE(found) << info.name;
    ++names;
  }
  EXPECT_GT(names, 150);
}

TEST(RebuildTest, ReadsLengths) {
  Record record;
  record.query = R"(SET "a \" b" <5 bytes> <1 byte> kkk...<1000 bytes> x ... 7 more)";
  Lengths lengths;
  read_lengths(record, false, lengths);
  EXPECT_EQ(lengths.hidden, (std::vector<std::uint64_t>{5, 1}));
  EXPECT_EQ(lengths.longest, 1000U);
  EXPECT_EQ(lengths.count, 5U);
  EXPECT_EQ(lengths.more, 7U);
  EXPECT_FALSE(lengths.says_get);
  record.query = "SET GET <5 bytes> EX 60";
  read_lengths(record, false, lengths);
  EXPECT_FALSE(lengths.says_get) << "a key of that name";
  record.query = "SET k <5 bytes> EX 60 GET";
  read_lengths(record, false, lengths);
  EXPECT_TRUE(lengths.says_get);
}

}  // namespace
}  // namespace keyward::review
