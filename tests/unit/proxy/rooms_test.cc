// The small pure rooms a command passes through: greeting, lanes, transaction, upload, frames of a
// subscribed connection.
#include "proxy/greeting.h"
#include "proxy/lane.h"
#include "proxy/local_commands.h"
#include "proxy/relay.h"
#include "proxy/transaction.h"
#include "proxy/upload.h"
#include "proxy/wire_errors.h"

#include "keyward/resp/request_parser.h"

#include <gtest/gtest.h>

namespace keyward::proxy {
namespace {

using Args = std::vector<std::string_view>;

command::Command analysed(const Args& args) {
  static const auto catalog = command::Catalog::built_in();
  command::Command command;
  EXPECT_EQ(command::analyse(*catalog, args, command).verdict, command::Verdict::ok);
  return command;
}

TEST(Greeting, TakesTheThreeShapesOfALogin) {
  const Args lone{"AUTH", "token"};
  EXPECT_EQ(parse_greeting(lone, false).secret, "token");
  EXPECT_EQ(parse_greeting(lone, false).user, "");
  const Args pair{"auth", "alice", "token"};
  EXPECT_EQ(parse_greeting(pair, false).user, "alice");
  const Args hello{"HELLO", "3", "AUTH", "default", "token", "SETNAME", "worker"};
  const GreetingRequest request = parse_greeting(hello, true);
  EXPECT_EQ(request.secret, "token");
  EXPECT_EQ(request.name, "worker");
  EXPECT_EQ(request.protocol, resp::Protocol::resp3);
}

TEST(Greeting, RefusesAsRedisDoes) {
  const std::vector<std::pair<Args, std::string_view>> cases{
      {{"HELLO", "4"}, "NOPROTO"},
      {{"HELLO", "x"}, "ERR Protocol version"},
      {{"HELLO", "3", "AUTH", "a"}, "ERR Syntax error in HELLO option 'AUTH'"},
      {{"HELLO", "3", "AUTH", "a", "b", "AUTH", "c", "d"}, "ERR Syntax error"},
      {{"HELLO", "3", "SETNAME", "a b"}, "ERR Client names"},
      {{"HELLO", "3", "WHAT"}, "ERR Syntax error in HELLO option 'WHAT'"},
  };
  for (const auto& [args, text] : cases)
    EXPECT_TRUE(parse_greeting(args, true).error.starts_with(text)) << args.back();
  const Args four{"AUTH", "a", "b", "c"};
  EXPECT_EQ(parse_greeting(four, false).error, wire::kSyntax);
}

TEST(Lane, TableOfStates) {
  const LaneState plain, multi{.multi = true}, held{.held = true}, relay{.relay = true};
  EXPECT_EQ(lane_of(analysed({"GET", "k"}), plain), Lane::shared);
  EXPECT_EQ(lane_of(analysed({"BLPOP", "k", "0"}), plain), Lane::lent);
  EXPECT_EQ(lane_of(analysed({"XREAD", "STREAMS", "k", "0"}), plain), Lane::shared);
  EXPECT_EQ(lane_of(analysed({"XREAD", "BLOCK", "0", "STREAMS", "k", "0"}), plain), Lane::lent);
  EXPECT_EQ(lane_of(analysed({"WATCH", "k"}), plain), Lane::held);
  EXPECT_EQ(lane_of(analysed({"GET", "k"}), held), Lane::held);
  EXPECT_EQ(lane_of(analysed({"BLPOP", "k", "0"}), held), Lane::held);
  EXPECT_EQ(lane_of(analysed({"UNWATCH"}), plain), Lane::local);
  EXPECT_EQ(lane_of(analysed({"UNWATCH"}), held), Lane::held);
  EXPECT_EQ(lane_of(analysed({"SUBSCRIBE", "c"}), plain), Lane::relay);
  EXPECT_EQ(lane_of(analysed({"UNSUBSCRIBE"}), plain), Lane::local);
  EXPECT_EQ(lane_of(analysed({"UNSUBSCRIBE"}), relay), Lane::relay);
  EXPECT_EQ(lane_of(analysed({"GET", "k"}), relay), Lane::relay);
  EXPECT_EQ(lane_of(analysed({"GET", "k"}), multi), Lane::queued);
  EXPECT_EQ(lane_of(analysed({"BLPOP", "k", "0"}), multi), Lane::queued);
  EXPECT_EQ(lane_of(analysed({"WATCH", "k"}), multi), Lane::local);
  for (const Args& args : {Args{"AUTH", "x"}, Args{"HELLO"}, Args{"SELECT", "0"}, Args{"QUIT"},
                           Args{"MULTI"}, Args{"EXEC"}, Args{"CLIENT", "ID"}, Args{"INFO"}}) {
    for (const LaneState& state : {plain, multi, held, relay})
      EXPECT_EQ(lane_of(analysed(args), state), Lane::local);
  }
}

TEST(Transaction, IsOneBlockWithItsLeadingReplies) {
  Drafts drafts;
  Transaction transaction(drafts, 7, 1000);
  const Args set{"SET", "k", "v"}, get{"GET", "k"};
  static const policy::RuleRef rule{};
  ASSERT_TRUE(transaction.queue(set, drafts.make(analysed(set), rule)));
  ASSERT_TRUE(transaction.queue(get, nullptr));
  std::string block;
  transaction.write_block(block);
  EXPECT_EQ(block,
            "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nGET\r\n$"
            "1\r\nk\r\n*1\r\n$4\r\nEXEC\r\n");
  EXPECT_EQ(transaction.leading(), 3U) << "+OK and two +QUEUED";
  Draft* members = transaction.take_drafts();
  ASSERT_NE(members, nullptr);
  EXPECT_TRUE(members->transaction);
  EXPECT_EQ(members->multi_id, 7U);
  EXPECT_EQ(members->next, nullptr);
  drafts.release(members);
}

TEST(Transaction, RefusesWhatWouldNotFit) {
  Drafts drafts;
  Transaction transaction(drafts, 1, 100);
  const std::string big(200, 'x');
  const Args set{"SET", "k", big};
  EXPECT_FALSE(transaction.queue(set, nullptr));
  EXPECT_EQ(transaction.size(), 0U);
}

TEST(Draft, HoldsNamesAndLengthsButNoValue) {
  Drafts drafts;
  const Args set{"SET", "team:key", "the-secret-value", "EX", "10"};
  static const policy::RuleRef rule{};
  Draft* draft = drafts.make(analysed(set), rule);
  EXPECT_EQ(draft->request.names(), R"(,"keys":["team:key"])");
  EXPECT_NE(draft->request.query().find("SET team:key <16 bytes> EX 10"),
            std::string_view::npos);
  EXPECT_EQ(draft->request.text.find("secret"), std::string::npos);
  EXPECT_TRUE(draft->request.writes);
  drafts.release(draft);
}

// What an Upload writes, with the streamed bytes put in between, is the request as the client sent
// it.
TEST(Upload, WritesTheRequestThatWasJudged) {
  const Args head{"SET", "k"};
  Upload upload(head, 5);
  std::string out;
  ASSERT_TRUE(upload.write_pending(out, upload.views()));
  resp::write_bulk_head(out, 4);
  upload.streamed(4);
  out += "BIGV";
  upload.small("EX");
  upload.small("10");
  EXPECT_TRUE(upload.complete());
  ASSERT_TRUE(upload.write_pending(out, upload.views()));
  std::string expected;
  const Args whole{"SET", "k", "BIGV", "EX", "10"};
  resp::write_request(expected, whole);
  EXPECT_EQ(out, expected);
  EXPECT_EQ(upload.lengths()[2], 4U);
  EXPECT_EQ(upload.views()[2], "");
}

// Under a namespace Redis gets other names than the client wrote; what was sent once stays.
TEST(Upload, WritesRedisNamesAndNeverTwoForOne) {
  const Args head{"MSET", "k"};
  Upload upload(head, 5);
  std::string out;
  const Args first{"MSET", "ns:k"};
  ASSERT_TRUE(upload.write_pending(out, first));
  resp::write_bulk_head(out, 4);
  upload.streamed(4);
  out += "BIGV";
  upload.small("j");
  upload.small("v");
  const Args all{"MSET", "ns:k", "", "ns:j", "v"};
  std::string ignored;
  const Args other{"MSET", "k", "", "ns:j", "v"};
  EXPECT_FALSE(upload.write_pending(ignored, other));
  EXPECT_FALSE(upload.write_pending(ignored, first)) << "arguments are missing";
  EXPECT_EQ(ignored, "");
  ASSERT_TRUE(upload.write_pending(out, all));
  std::string expected;
  const Args whole{"MSET", "ns:k", "BIGV", "ns:j", "v"};
  resp::write_request(expected, whole);
  EXPECT_EQ(out, expected);
}

TEST(Relay, KnowsWhatMayHearKeyspaceEvents) {
  for (const char* name : {"__keyspace@0__:k", "__keyevent@3__:set"})
    EXPECT_TRUE(hears_keyspace(name, false)) << name;
  for (const char* name : {"app:x", "__key", "__keyspace@0", "__keyspaces"})
    EXPECT_FALSE(hears_keyspace(name, false)) << name;
  for (const char* name : {"*", "__key*", "_?keyevent@0__:x", "__keyspace@*__:*", "[_]_x*",
                           "\\__keyspace@0__:k", "__keyevent@0__:set"})
    EXPECT_TRUE(hears_keyspace(name, true)) << name;
  for (const char* name : {"app:*", "_a*", "__keyboard*", "__key", "__keysp"})
    EXPECT_FALSE(hears_keyspace(name, true)) << name;
}

TEST(Lanes, TrackingNeedsResp3AndBcastAServerThatConfinesIt) {
  using resp::Protocol;
  const Args on{"CLIENT", "tracking", "On", "OPTIN"};
  EXPECT_TRUE(starts_tracking(analysed(on)));
  EXPECT_EQ(tracking_obstacle(analysed(on), Protocol::resp3, {7, 0, 15}, true), "");
  EXPECT_EQ(tracking_obstacle(analysed(on), Protocol::resp2, {7, 0, 15}, false), wire::kTracking);
  const Args off{"CLIENT", "TRACKING", "OFF"};
  EXPECT_FALSE(starts_tracking(analysed(off)));
  const Args everything{"CLIENT", "TRACKING", "ON", "bcast"};
  command::Command bcast = analysed(on);
  bcast.args = everything;
  EXPECT_EQ(tracking_obstacle(bcast, Protocol::resp3, {8, 9, 3}, false), wire::kBcast);
  EXPECT_EQ(tracking_obstacle(bcast, Protocol::resp3, {9, 0, 0, "valkey"}, false), wire::kBcast);
  EXPECT_EQ(tracking_obstacle(bcast, Protocol::resp3, {8, 10, 0}, false), "");
  EXPECT_EQ(tracking_obstacle(bcast, Protocol::resp3, {8, 10, 0}, true), wire::kBcastRenamed);
}

TEST(Roster, ListsWhoJoinedInOrder) {
  Roster roster;
  const MonoTime now{std::chrono::hours(1)};
  Presence first, second;
  first.id = 7;
  first.address = "1.2.3.4:5";
  first.name = "w:1";
  second.id = 3;
  second.address = "1.2.3.4:6";
  second.protocol = 3;
  second.subscribed = true;
  first.user = second.user = "okta:w";
  first.since = second.since = now - std::chrono::seconds(5);
  roster.join(first);
  roster.join(second);
  const auto everyone = [](const Presence&) { return true; };
  const std::string line =
      "id=7 addr=1.2.3.4:5 name=w:1 age=5 flags=N db=0 user=okta:w resp=2 lib-name= lib-ver=\n";
  EXPECT_EQ(roster.list(everyone, now),
            "id=3 addr=1.2.3.4:6 name= age=5 flags=P db=0 user=okta:w resp=3 lib-name= lib-ver=\n" +
                line);
  roster.leave(second);
  EXPECT_EQ(roster.list(everyone, now), line);
}

TEST(Relay, TellsMessagesConfirmationsAndAnswersApart) {
  using resp::Protocol;
  const auto kind = [](std::string_view frame, Protocol protocol) {
    return frame_kind(frame, protocol);
  };
  EXPECT_EQ(kind("*3\r\n$7\r\nmessage\r\n", Protocol::resp2), FrameKind::message);
  EXPECT_EQ(kind("*4\r\n$8\r\npmessage\r\n", Protocol::resp2), FrameKind::message);
  EXPECT_EQ(kind("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", Protocol::resp2),
            FrameKind::confirmation);
  EXPECT_EQ(kind("*3\r\n$12\r\npunsubscribe\r\n", Protocol::resp2), FrameKind::confirmation);
  EXPECT_EQ(kind("*2\r\n$4\r\npong\r\n$0\r\n\r\n", Protocol::resp2), FrameKind::answer);
  EXPECT_EQ(kind("-ERR x\r\n", Protocol::resp2), FrameKind::answer);
  EXPECT_EQ(kind(">3\r\n$7\r\nmessage\r\n", Protocol::resp3), FrameKind::message);
  EXPECT_EQ(kind(">3\r\n$9\r\nsubscribe\r\n", Protocol::resp3), FrameKind::confirmation);
  EXPECT_EQ(kind(">2\r\n$10\r\ninvalidate\r\n", Protocol::resp3), FrameKind::message);
  EXPECT_EQ(kind("*3\r\n$7\r\nmessage\r\n", Protocol::resp3), FrameKind::answer)
      << "LRANGE of a list with that word";
  const std::string_view whole = ">3\r\n$9\r\nsubscribe\r\n";
  for (std::size_t cut = 0; cut < whole.size() - 2; ++cut) {
    const FrameKind early = kind(whole.substr(0, cut), Protocol::resp3);
    EXPECT_TRUE(early == FrameKind::unknown_yet) << cut;
  }
}

TEST(LocalCommands, InfoGivesTheSectionsAskedFor) {
  ServerFacts facts;
  facts.info = "# Server\r\nredis_version:7.0.15\r\n\r\n# Replication\r\nrole:master\r\n";
  const Args all{"INFO"}, one{"INFO", "replication"}, none{"INFO", "keyspace"};
  EXPECT_EQ(info_reply(facts, one, resp::Protocol::resp2),
            "$28\r\n# Replication\r\nrole:master\r\n\r\n");
  EXPECT_NE(info_reply(facts, all, resp::Protocol::resp2).find("redis_version:7.0.15"),
            std::string::npos);
  EXPECT_EQ(info_reply(facts, none, resp::Protocol::resp2), "$0\r\n\r\n");
  EXPECT_TRUE(info_reply(facts, one, resp::Protocol::resp3).starts_with("=32\r\ntxt:"));
  // Grants that name sections show no others, whatever is asked.
  const std::vector<std::string> shown{"repl*"};
  EXPECT_EQ(info_reply(facts, all, resp::Protocol::resp2, shown),
            "$28\r\n# Replication\r\nrole:master\r\n\r\n");
  const Args server{"INFO", "server", "replication", "all"};
  EXPECT_EQ(info_reply(facts, server, resp::Protocol::resp2, shown),
            "$28\r\n# Replication\r\nrole:master\r\n\r\n");
}

TEST(WireErrors, KeepRedisPrefixesAndCarryTheRequestId) {
  EXPECT_EQ(wire::wrong_password("a-1"),
            "WRONGPASS invalid username-password pair or user is disabled. (request a-1)");
  EXPECT_EQ(wire::denied("no", "a-2"), "NOPERM no (request a-2)");
}

}  // namespace
}  // namespace keyward::proxy
