#include "unit/view/eyes.h"

#include <gtest/gtest.h>

namespace keyward::view::test {
namespace {

constexpr auto kResp2 = resp::Protocol::resp2;
constexpr auto kResp3 = resp::Protocol::resp3;

const std::string kNull2 = "$-1\r\n";
const std::string kNoArray = "*-1\r\n";
const std::string kNull3 = "_\r\n";

TEST(Show, KeysLoseThePrefixAndOthersAreLeftOut) {
  const Eyes team(kTeam);
  EXPECT_EQ(team.sees(Shape::keys, bulks({"team:a", "other:b", "team:", "team:team:x"}), "keys"),
            bulks({"a", "", "team:x"}));
  EXPECT_EQ(team.sees(Shape::keys, bulks({}), "keys"), "*0\r\n");
  EXPECT_EQ(team.sees(Shape::keys, bulks({"tea", "team", "Team:x"}), "keys"), "*0\r\n");
  EXPECT_EQ(team.sees(Shape::keys, bulks({"team:a"}), "dump"), bulks({"a"}));

  const Eyes full(kFull);
  EXPECT_EQ(full.sees(Shape::keys, bulks({"a:1", "c:1", "b:1", "w:1", "g:1"}), "keys"),
            bulks({"a:1", "b:1"}));
  EXPECT_EQ(full.sees(Shape::keys, bulks({"a:1", "g:1"}), "get"), bulks({"a:1", "g:1"}));
}

TEST(Show, NothingIsSeenWithoutACommandOrInAnotherDatabase) {
  const Eyes team(kTeam);
  std::string out;
  ASSERT_TRUE(show(Shape::keys, {team.grants(), 0, kResp2, nullptr}, bulks({"team:a"}), out));
  ASSERT_TRUE(
      show(Shape::keys, {team.grants(), 1, kResp2, team.lens("keys").by}, bulks({"team:a"}), out));
  EXPECT_EQ(out, "*0\r\n*0\r\n");
}

TEST(Show, ManyKeysChangeTheLengthOfTheHead) {
  const Eyes team(kTeam);
  std::vector<std::string> all;
  std::vector<std::string> own;
  for (int i = 0; i < 1200; ++i) {
    all.push_back((i % 7 == 0 ? "team:" : "other:") + std::to_string(i));
    if (i % 7 == 0) own.push_back(std::to_string(i));
  }
  EXPECT_EQ(team.sees(Shape::keys, bulks(all), "keys"), bulks(own));
  EXPECT_EQ(team.sees(Shape::scan, array({bulk("17"), bulks(all)}), "scan"),
            array({bulk("17"), bulks(own)}));
}

TEST(Show, RandomKeys) {
  const Eyes team(kTeam);
  EXPECT_EQ(team.sees(Shape::key, bulk("team:a"), "randomkey"), bulk("a"));
  EXPECT_EQ(team.sees(Shape::key, bulk("other:a"), "randomkey"), kNull2);
  EXPECT_EQ(team.sees(Shape::key, kNull3, "randomkey", kResp3), kNull3);
  EXPECT_EQ(team.sees(Shape::key, bulk("other:a"), "randomkey", kResp3), kNull3);
  const std::string some = array({bulk("other:a"), kNull2, bulk("team:b"), bulk("team:c")});
  EXPECT_EQ(team.sees(Shape::some_key, some, "randomkey"), bulk("b"));
  EXPECT_EQ(team.sees(Shape::some_key, bulks({"x", "y"}), "randomkey"), kNull2);
  EXPECT_EQ(team.sees(Shape::some_key, bulks({}), "randomkey", kResp3), kNull3);
  EXPECT_EQ(team.sees(Shape::some_key, array({bulk("team:a"), ":1\r\n"}), "randomkey"), "refused");
}

TEST(Show, PopsNameTheKey) {
  const Eyes team(kTeam);
  EXPECT_EQ(team.sees(Shape::first_key, bulks({"team:l", "v"})), bulks({"l", "v"}));
  EXPECT_EQ(team.sees(Shape::first_key, bulks({"team:z", "team:m", "1.5"})),
            bulks({"z", "team:m", "1.5"}));
  EXPECT_EQ(team.sees(Shape::first_key, array({bulk("team:z"), bulk("m"), ",1.5\r\n"}), "bzpopmin",
                      kResp3),
            array({bulk("z"), bulk("m"), ",1.5\r\n"}));
  EXPECT_EQ(team.sees(Shape::first_key, array({bulk("team:l"), bulks({"a", "b"})})),
            array({bulk("l"), bulks({"a", "b"})}));
  EXPECT_EQ(team.sees(Shape::first_key, kNoArray), kNoArray);
  EXPECT_EQ(team.sees(Shape::first_key, kNull3, "blpop", kResp3), kNull3);
  EXPECT_EQ(team.sees(Shape::first_key, bulks({"other:l", "v"})), "refused");
  EXPECT_EQ(team.sees(Shape::first_key, bulks({"team:l"})), "refused");
  EXPECT_EQ(team.sees(Shape::first_key, "+OK\r\n"), "refused");
}

TEST(Show, StreamsInBothProtocols) {
  const Eyes team(kTeam);
  const std::string entries = array({array({bulk("1-1"), bulks({"f", "team:v"})})});
  EXPECT_EQ(team.sees(Shape::streams, array({array({bulk("team:x"), entries}),
                                             array({bulk("team:y"), array({})})})),
            array({array({bulk("x"), entries}), array({bulk("y"), array({})})}));
  EXPECT_EQ(team.sees(Shape::streams, map({bulk("team:x"), entries, bulk("team:y"), array({})}),
                      "xread", kResp3),
            map({bulk("x"), entries, bulk("y"), array({})}));
  // A deleted entry that is still pending has no fields.
  const std::string gone = array({array({bulk("1-1"), kNoArray})});
  EXPECT_EQ(team.sees(Shape::streams, array({array({bulk("team:x"), gone})})),
            array({array({bulk("x"), gone})}));
  EXPECT_EQ(team.sees(Shape::streams, kNoArray), kNoArray);
  EXPECT_EQ(team.sees(Shape::streams, kNull3, "xread", kResp3), kNull3);
  EXPECT_EQ(team.sees(Shape::streams, array({array({bulk("x"), entries})})), "refused");
  EXPECT_EQ(team.sees(Shape::streams, map({bulk("team:x"), bulk("no entries")})), "refused");
}

TEST(Show, ChannelsAndTheirCounts) {
  const Eyes team(kTeam);
  EXPECT_EQ(team.sees(Shape::channels, bulks({"team:a", "other:b", "__keyspace@0__:team:k",
                                              "__keyspace@0__:x", "__keyevent@0__:del"})),
            bulks({"a", "__keyspace@0__:k"}));
  EXPECT_EQ(
      team.sees(Shape::channel_counts, array({bulk("team:a"), ":2\r\n", bulk("team:b"), ":0\r\n",
                                              bulk("__keyevent@0__:del"), ":9\r\n"})),
      array({bulk("a"), ":2\r\n", bulk("b"), ":0\r\n", bulk("__keyevent@0__:del"), ":0\r\n"}));
  EXPECT_EQ(team.sees(Shape::channel_counts, map({bulk("team:a"), ":2\r\n"})),
            map({bulk("a"), ":2\r\n"}));
  EXPECT_EQ(team.sees(Shape::channel_counts, array({bulk("other:a"), ":2\r\n"})), "refused");

  const Eyes full(kFull);
  EXPECT_EQ(full.sees(Shape::channels, bulks({"c:1", "d:1"})), bulks({"c:1"}));
  EXPECT_EQ(full.sees(Shape::channel_counts, array({bulk("c:1"), ":2\r\n", bulk("d:1"), ":9\r\n"})),
            array({bulk("c:1"), ":2\r\n", bulk("d:1"), ":0\r\n"}));
}

TEST(Show, ErrorsLoseThePrefixWhereTheyQuoteAKey) {
  const Eyes team(kTeam);
  for (const Shape shape : {Shape::errors, Shape::streams, Shape::keys, Shape::as_is, Shape::key}) {
    EXPECT_EQ(team.sees(shape,
                        "-NOGROUP No such key 'team:x' or consumer group 'team:g' in "
                        "XREADGROUP with GROUP option\r\n"),
              "-NOGROUP No such key 'x' or consumer group 'team:g' in XREADGROUP with GROUP "
              "option\r\n");
  }
  EXPECT_EQ(team.sees(Shape::errors,
                      "-NOGROUP No such consumer group 'team:g' for key name 'team:x'\r\n"),
            "-NOGROUP No such consumer group 'team:g' for key name 'x'\r\n");
  EXPECT_EQ(team.sees(Shape::errors,
                      "-NOGROUP No such consumer group 'No such key 'team:'' for key "
                      "name 'team:x'\r\n"),
            "-NOGROUP No such consumer group 'No such key 'team:'' for key name 'x'\r\n");
  EXPECT_EQ(team.sees(Shape::errors,
                      "-ERR Error running script (call to f_1): @user_script:1: "
                      "-NOGROUP No such key 'team:x' or consumer group 'g'\r\n"),
            "-ERR Error running script (call to f_1): @user_script:1: -NOGROUP No such key 'x' or "
            "consumer group 'g'\r\n");
  EXPECT_EQ(team.sees(Shape::errors, "-ERR no such key\r\n"), "-ERR no such key\r\n");
  EXPECT_EQ(team.sees(Shape::errors, "*1\r\n$6\r\nteam:x\r\n"), "*1\r\n$6\r\nteam:x\r\n");
  EXPECT_EQ(team.sees(Shape::errors, "!3\r\nERR\r\n"), "!3\r\nERR\r\n");
}

TEST(Show, AnswersOfATransactionEachInTheirShape) {
  const Eyes team(kTeam);
  const auto by = [&](std::string_view name) { return team.catalog().by_name(name); };
  const std::vector<Member> members{{Shape::as_is, by("set")},
                                    {Shape::keys, by("keys")},
                                    {Shape::key, by("randomkey")},
                                    {Shape::first_key, by("lmpop")}};
  std::string out;
  ASSERT_TRUE(show_exec(members, team.lens(),
                        array({"+OK\r\n", bulks({"team:a", "other:b"}), bulk("other:b"),
                               array({bulk("team:l"), bulks({"v"})})}),
                        out));
  EXPECT_EQ(out, array({"+OK\r\n", bulks({"a"}), kNull2, array({bulk("l"), bulks({"v"})})}));
  out.clear();
  ASSERT_TRUE(show_exec(members, team.lens(), kNoArray, out));
  ASSERT_TRUE(show_exec(members, team.lens(), "-EXECABORT no\r\n", out));
  EXPECT_EQ(out, kNoArray + "-EXECABORT no\r\n");
  EXPECT_FALSE(show_exec(members, team.lens(), array({"+OK\r\n"}), out));
  EXPECT_FALSE(show_exec(members, team.lens(),
                         array({"+OK\r\n", "+OK\r\n", bulk("team:b"), kNoArray}), out));
  EXPECT_EQ(out, kNoArray + "-EXECABORT no\r\n");
}

TEST(Show, OnlyTheDocumentedShape) {
  const Eyes team(kTeam);
  const std::string good = bulks({"team:a", "team:b"});
  for (const Shape shape :
       {Shape::as_is, Shape::errors, Shape::key, Shape::keys, Shape::scan, Shape::some_key,
        Shape::first_key, Shape::streams, Shape::channels, Shape::channel_counts}) {
    EXPECT_EQ(team.sees(shape, ""), "refused");
    EXPECT_EQ(team.sees(shape, good + "+more\r\n"), "refused");
    EXPECT_EQ(team.sees(shape, good.substr(0, good.size() - 1)), "refused");
    EXPECT_EQ(team.sees(shape, "-ERR half"), "refused");
    EXPECT_EQ(team.sees(shape, "|1\r\n+a\r\n+b\r\n" + good), "refused");
    EXPECT_EQ(team.sees(shape, ">2\r\n+a\r\n+b\r\n"), "refused");
    EXPECT_EQ(team.sees(shape, "*99999999999999999999\r\n"), "refused");
    EXPECT_EQ(team.sees(shape, "*9223372036854775807\r\n"), "refused");
    EXPECT_EQ(team.sees(shape, "%9223372036854775807\r\n"), "refused");
    EXPECT_EQ(team.sees(shape, "*-2\r\n"), "refused");
    EXPECT_EQ(team.sees(shape, "$5\r\nabc\r\n"), "refused");
  }
  EXPECT_EQ(team.sees(Shape::keys, "~1\r\n" + bulk("team:a"), "keys"), "refused");
  EXPECT_EQ(team.sees(Shape::keys, array({"+team:a\r\n"}), "keys"), "refused");
  EXPECT_EQ(team.sees(Shape::keys, array({kNull2}), "keys"), "refused");
  EXPECT_EQ(team.sees(Shape::scan, array({bulk("0")}), "scan"), "refused");
  EXPECT_EQ(team.sees(Shape::scan, array({":0\r\n", bulks({})}), "scan"), "refused");
}

TEST(ShapeOf, SaysWhereAnAnswerNamesKeys) {
  const auto shape = [](const Eyes& eyes, std::vector<std::string_view> args) {
    command::Command command;
    EXPECT_EQ(command::analyse(eyes.catalog(), args, command).verdict, command::Verdict::ok);
    RequestNames names;
    EXPECT_EQ(names.qualify(command, eyes.grants()), "");
    const policy::Decision decision = eyes.grants().decide(command, {});
    const auto* permit = std::get_if<policy::Permit>(&decision);
    EXPECT_NE(permit, nullptr) << args[0];
    return permit == nullptr ? Shape::as_is : shape_of(command, *permit, eyes.grants());
  };
  const Eyes team(kTeam);
  EXPECT_EQ(shape(team, {"GET", "k"}), Shape::as_is);
  EXPECT_EQ(shape(team, {"KEYS", "*"}), Shape::keys);
  EXPECT_EQ(shape(team, {"SCAN", "0"}), Shape::scan);
  EXPECT_EQ(shape(team, {"RANDOMKEY"}), Shape::some_key);
  EXPECT_EQ(shape(team, {"BLPOP", "k", "1"}), Shape::first_key);
  EXPECT_EQ(shape(team, {"ZMPOP", "1", "k", "MIN"}), Shape::first_key);
  EXPECT_EQ(shape(team, {"XREAD", "STREAMS", "k", "0"}), Shape::streams);
  EXPECT_EQ(shape(team, {"XPENDING", "k", "g"}), Shape::errors);
  EXPECT_EQ(shape(team, {"PUBSUB", "CHANNELS"}), Shape::channels);
  EXPECT_EQ(shape(team, {"PUBSUB", "NUMSUB", "a"}), Shape::channel_counts);
  EXPECT_EQ(shape(Eyes(kScripts), {"EVAL", "return 1", "0"}), Shape::errors);

  const Eyes full(kFull);
  EXPECT_EQ(shape(full, {"KEYS", "a:*"}), Shape::as_is);
  EXPECT_EQ(shape(full, {"KEYS", "*"}), Shape::keys);
  EXPECT_EQ(shape(full, {"SCAN", "0", "MATCH", "a:*"}), Shape::as_is);
  EXPECT_EQ(shape(full, {"SCAN", "0"}), Shape::scan);
  EXPECT_EQ(shape(full, {"RANDOMKEY"}), Shape::some_key);
  EXPECT_EQ(shape(full, {"BLPOP", "a:k", "1"}), Shape::as_is);
  EXPECT_EQ(shape(full, {"XPENDING", "a:k", "g"}), Shape::as_is);
  EXPECT_EQ(shape(full, {"PUBSUB", "CHANNELS"}), Shape::channels);
  EXPECT_EQ(shape(full, {"PUBSUB", "NUMSUB", "x"}), Shape::channel_counts);
}

}  // namespace
}  // namespace keyward::view::test
