#include "support/command_gen.h"
#include "unit/view/eyes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::view::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(RequestNames, LeavesRequestsAloneWithoutANamespace) {
  Eyes eyes(kFull);
  EXPECT_EQ(eyes.sent({"GET", "a:1"}), "GET a:1");
  EXPECT_EQ(eyes.sent({"SCAN", "0"}), "SCAN 0");
  EXPECT_EQ(eyes.sent({"DBSIZE"}), "DBSIZE");
}

TEST(RequestNames, PrefixesEveryKey) {
  Eyes eyes(kTeam);
  EXPECT_EQ(eyes.sent({"GET", "k"}), "GET team:k");
  EXPECT_EQ(eyes.sent({"GET", ""}), "GET team:");
  EXPECT_EQ(eyes.sent({"GET", "team:k"}), "GET team:team:k");
  EXPECT_EQ(eyes.sent({"MSET", "a", "a", "b", "a"}), "MSET team:a a team:b a");
  EXPECT_EQ(eyes.sent({"BRPOP", "a", "b", "1"}), "BRPOP team:a team:b 1");
  EXPECT_EQ(
      eyes.sent({"XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", "x", "y", ">", "0"}),
      "XREADGROUP GROUP g c COUNT 2 STREAMS team:x team:y > 0");
  EXPECT_EQ(eyes.sent({"ZUNIONSTORE", "d", "2", "a", "b", "WEIGHTS", "1", "2"}),
            "ZUNIONSTORE team:d 2 team:a team:b WEIGHTS 1 2");
  EXPECT_EQ(eyes.sent({"LMPOP", "2", "a", "b", "LEFT"}), "LMPOP 2 team:a team:b LEFT");
  EXPECT_EQ(eyes.sent({"GEORADIUS", "g", "1", "2", "3", "m", "STORE", "d"}),
            "GEORADIUS team:g 1 2 3 m STORE team:d");
  EXPECT_EQ(eyes.sent({"SORT", "l", "BY", "nosort", "GET", "#", "STORE", "d"}),
            "SORT team:l BY nosort GET # STORE team:d");
  EXPECT_EQ(eyes.sent({"BITOP", "AND", "d", "a", "b"}), "BITOP AND team:d team:a team:b");
  EXPECT_EQ(eyes.sent({"OBJECT", "ENCODING", "k"}), "OBJECT ENCODING team:k");
  EXPECT_EQ(eyes.sent({"MEMORY", "USAGE", "k", "SAMPLES", "5"}), "MEMORY USAGE team:k SAMPLES 5");
  EXPECT_EQ(eyes.sent({"XINFO", "STREAM", "k", "FULL"}), "XINFO STREAM team:k FULL");
  EXPECT_EQ(eyes.sent({"XGROUP", "CREATE", "k", "g", "$", "MKSTREAM"}),
            "XGROUP CREATE team:k g $ MKSTREAM");
  EXPECT_EQ(eyes.sent({"WATCH", "a", "b"}), "WATCH team:a team:b");
  EXPECT_EQ(eyes.sent({"CLUSTER", "KEYSLOT", "k"}), "CLUSTER KEYSLOT team:k");
}

TEST(RequestNames, BoundsEveryScan) {
  Eyes eyes(kTeam);
  EXPECT_EQ(eyes.sent({"SCAN", "0"}), "SCAN 0 MATCH team:*");
  EXPECT_EQ(eyes.command().scan_pattern, "team:*");
  EXPECT_EQ(eyes.sent({"SCAN", "7", "COUNT", "10", "TYPE", "hash"}),
            "SCAN 7 COUNT 10 TYPE hash MATCH team:*");
  EXPECT_EQ(eyes.sent({"SCAN", "0", "match", "a*", "COUNT", "1"}), "SCAN 0 match team:a* COUNT 1");
  EXPECT_EQ(eyes.command().scan_pattern, "team:a*");
  EXPECT_EQ(eyes.sent({"SCAN", "0", "MATCH", ""}), "SCAN 0 MATCH team:");
  EXPECT_EQ(eyes.sent({"KEYS", "[ab]*"}), "KEYS team:[ab]*");
  EXPECT_EQ(eyes.command().scan_pattern, "team:[ab]*");
  EXPECT_EQ(eyes.sent({"HSCAN", "h", "0", "MATCH", "f*"}), "HSCAN team:h 0 MATCH f*");
  EXPECT_EQ(eyes.sent({"RANDOMKEY"}), "RANDOMKEY");
}

TEST(RequestNames, PrefixesChannels) {
  Eyes eyes(kTeam);
  EXPECT_EQ(eyes.sent({"PUBLISH", "c", "m"}), "PUBLISH team:c m");
  EXPECT_EQ(eyes.sent({"SUBSCRIBE", "a", "b"}), "SUBSCRIBE team:a team:b");
  EXPECT_EQ(eyes.sent({"PSUBSCRIBE", "a*"}), "PSUBSCRIBE team:a*");
  EXPECT_EQ(eyes.sent({"UNSUBSCRIBE", "a"}), "UNSUBSCRIBE team:a");
  EXPECT_EQ(eyes.sent({"UNSUBSCRIBE"}), "UNSUBSCRIBE");
  EXPECT_EQ(eyes.sent({"PUNSUBSCRIBE", "a*", "b"}), "PUNSUBSCRIBE team:a* team:b");
  EXPECT_EQ(eyes.sent({"SSUBSCRIBE", "s"}), "SSUBSCRIBE team:s");
  EXPECT_EQ(eyes.sent({"PUBSUB", "NUMSUB", "a", "b"}), "PUBSUB NUMSUB team:a team:b");
  EXPECT_EQ(eyes.sent({"PUBSUB", "CHANNELS", "a*"}), "PUBSUB CHANNELS team:a*");
  EXPECT_EQ(eyes.sent({"PUBSUB", "CHANNELS"}), "PUBSUB CHANNELS");
}

TEST(RequestNames, KeyspaceChannelsCarryTheKeyInTheirMiddle) {
  Eyes eyes(kTeam);
  EXPECT_EQ(eyes.sent({"SUBSCRIBE", "__keyspace@0__:k"}), "SUBSCRIBE __keyspace@0__:team:k");
  EXPECT_EQ(eyes.sent({"PSUBSCRIBE", "__keyspace@*__:a*"}), "PSUBSCRIBE __keyspace@*__:team:a*");
  EXPECT_EQ(eyes.sent({"PUNSUBSCRIBE", "__keyspace@*__:a*"}),
            "PUNSUBSCRIBE __keyspace@*__:team:a*");
  EXPECT_EQ(eyes.sent({"PSUBSCRIBE", "__keyevent@*__:expired"}),
            "PSUBSCRIBE __keyevent@*__:expired");
  EXPECT_THAT(eyes.sent({"PSUBSCRIBE", "__key*__:*"}),
              HasSubstr("write '__keyspace@<db>__:<key>'"));
  EXPECT_THAT(eyes.sent({"PSUBSCRIBE", "__keyspace@[0__:b]*"}), StartsWith("NOPERM "));
  EXPECT_THAT(eyes.sent({"PUBLISH", "__keyevent@0__:expired", "other:k"}), StartsWith("NOPERM "));
  EXPECT_THAT(eyes.sent({"SUBSCRIBE", "__subkeyspace@0__:h"}), StartsWith("NOPERM "));
}

TEST(RequestNames, OnlyDeclaredScriptsRun) {
  Eyes eyes(kScripts);
  constexpr std::string_view kSha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
  EXPECT_EQ(eyes.sent({"EVAL", "return 1", "1", "k", "a"}), "EVAL return 1 1 team:k a");
  EXPECT_EQ(eyes.sent({"EVALSHA", kSha, "0"}), "EVALSHA " + std::string(kSha) + " 0");
  EXPECT_EQ(eyes.sent({"EVALSHA_RO", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", "1", "k"}),
            "EVALSHA_RO E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 1 team:k");
  EXPECT_EQ(eyes.sent({"SCRIPT", "LOAD", "return 1"}), "SCRIPT LOAD return 1");
  EXPECT_EQ(eyes.sent({"SCRIPT", "EXISTS", "abc"}), "SCRIPT EXISTS abc");
  EXPECT_THAT(eyes.sent({"EVAL", "return 2", "0"}),
              HasSubstr("SHA-1 7f923f79fe76194c868d7e1d0820de36700eb649 under 'scripts'"));
  EXPECT_THAT(eyes.sent({"EVAL", "", "0"}), StartsWith("NOPERM "));
  EXPECT_THAT(eyes.sent({"EVALSHA", "nope\r\n", "0"}), HasSubstr("ask for its SHA-1"));
  EXPECT_THAT(eyes.sent({"SCRIPT", "LOAD", "return 2"}), StartsWith("NOPERM "));
  EXPECT_THAT(eyes.sent({"FCALL", "f", "0"}), StartsWith("NOPERM "));
}

TEST(RequestNames, WhatEverybodySharesIsRefused) {
  Eyes eyes(kTeam);
  for (const auto& request : std::vector<std::vector<std::string_view>>{{"DBSIZE"},
                                                                        {"FLUSHDB"},
                                                                        {"PUBSUB", "NUMPAT"},
                                                                        {"SCRIPT", "FLUSH"},
                                                                        {"FUNCTION", "LIST"}}) {
    EXPECT_THAT(eyes.sent(request), StartsWith("NOPERM ")) << request[0];
  }
}

TEST(RequestNames, ArgumentsOfCommandGetkeysAreTheClientsOwn) {
  Eyes eyes(kTeam);
  EXPECT_EQ(eyes.sent({"COMMAND", "GETKEYS", "GET", "k"}), "COMMAND GETKEYS GET k");
}

TEST(RequestNames, PrefixesPatternsThatReadOtherKeys) {
  Eyes eyes(kTeam);
  EXPECT_EQ(eyes.sent({"SORT", "l", "BY", "w_*->f", "GET", "#", "GET", "o_*", "GET", "plain"}),
            "SORT team:l BY team:w_*->f GET # GET team:o_* GET plain");
  EXPECT_EQ(eyes.sent({"SORT_RO", "l", "BY", "*"}), "SORT_RO team:l BY team:*");
  EXPECT_EQ(eyes.sent({"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a:", "PREFIX", ""}),
            "CLIENT TRACKING ON BCAST PREFIX team:a: PREFIX team:");
}

TEST(RequestNames, AStreamedValueStays) {
  Eyes eyes(kTeam);
  const std::vector<std::string_view> head{"SET", "k"};
  ASSERT_EQ(
      command::analyse_head(eyes.catalog(), head, {.total_args = 3, .index = 2}, eyes.command())
          .verdict,
      command::Verdict::ok);
  ASSERT_EQ(eyes.names().qualify(eyes.command(), eyes.grants()), "");
  EXPECT_THAT(eyes.command().args, testing::ElementsAre("SET", "team:k"));
  EXPECT_EQ(eyes.sent({"MSET", "k", "", "l", "v"}), "MSET team:k  team:l v");
  const std::vector<std::string_view> script{"EVAL"};
  ASSERT_EQ(
      command::analyse_head(eyes.catalog(), script, {.total_args = 3, .index = 1}, eyes.command())
          .verdict,
      command::Verdict::ok);
  EXPECT_THAT(eyes.names().qualify(eyes.command(), eyes.grants()), StartsWith("NOPERM "));
}

TEST(RequestNames, ViewsStayWholeHoweverManyNames) {
  Eyes eyes(kTeam);
  std::vector<std::string> keys;
  for (int i = 0; i < 50'000; ++i) keys.push_back("key:" + std::to_string(i));
  std::vector<std::string_view> args{"MGET"};
  args.insert(args.end(), keys.begin(), keys.end());
  eyes.sent(args);
  ASSERT_EQ(eyes.command().args.size(), args.size());
  for (std::size_t i = 1; i < args.size(); ++i) {
    ASSERT_EQ(eyes.command().args[i], "team:" + std::string(args[i]));
  }
  EXPECT_EQ(eyes.sent({"GET", "k"}), "GET team:k");
}

// Every argument that Keyward knows as a name begins with the prefix afterwards, for every command.
TEST(RequestNames, EveryCommandOfTheTableIsRewrittenOrRefused) {
  Eyes eyes(kTeam);
  std::mt19937_64 random(7);
  const std::vector<std::string> pool{"k", "",   "team:", "a b", std::string("\0\xff", 2),
                                      "*", "x:y"};
  std::size_t rewritten = 0;
  for (const command::CommandInfo& info : eyes.catalog().all()) {
    if (info.exposure == command::Exposure::never) continue;
    for (int round = 0; round < 50; ++round) {
      const std::vector<std::string> request = keyward::test::random_request(info, random, pool);
      const std::vector<std::string_view> args(request.begin(), request.end());
      command::Command& command = eyes.command();
      if (command::analyse(eyes.catalog(), args, command).verdict != command::Verdict::ok) continue;
      if (!eyes.names().qualify(command, eyes.grants()).empty()) continue;
      ++rewritten;
      std::vector<bool> named(command.args.size());
      const auto check = [&](std::uint32_t arg) {
        named[arg] = true;
        EXPECT_THAT(std::string(command.args[arg]), StartsWith("team:")) << info.name;
      };
      for (const command::KeyUse& use : command.keys) check(use.arg);
      for (const command::ChannelUse& use : command.channels) check(use.arg);
      for (const command::NameUse& use : command.names) check(use.arg);
      for (std::size_t i = 0; i < args.size(); ++i) {
        if (named[i]) continue;
        EXPECT_EQ(command.args[i], args[i]) << info.name;
      }
    }
  }
  EXPECT_GT(rewritten, 5000U);
}

}  // namespace
}  // namespace keyward::view::test
