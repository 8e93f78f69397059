#include "keyward/command/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace keyward::command {
namespace {

// One analysed request that owns its bytes.
struct Judged {
  explicit Judged(std::vector<std::string> words) : owned(std::move(words)) {
    for (const std::string& word : owned) args.emplace_back(word);
    analysis = analyse(*Catalog::built_in(), args, command);
  }
  // "key:access" of each key, in order.
  [[nodiscard]] std::string keys() const {
    static constexpr std::string_view kAccess[] = {"-", "r", "w", "rw"};
    std::string text;
    for (const KeyUse& key : command.keys) {
      if (!text.empty()) text += ' ';
      text.append(command.args[key.arg]).append(":").append(kAccess[key.access]);
    }
    return text;
  }
  std::vector<std::string> owned;
  std::vector<std::string_view> args;
  Command command;
  Analysis analysis;
};

Judged judge(std::string_view line) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (at <= line.size()) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end + 1;
  }
  return Judged(std::move(words));
}

TEST(Analyse, FindsKeysAndTheirAccess) {
  struct Case {
    std::string_view line, keys;
  };
  const Case cases[] = {
      {"GET a", "a:r"},
      {"get a", "a:r"},
      {"SET a 1", "a:w"},
      {"SET a 1 EX 10 NX", "a:w"},
      {"SET a 1 GET", "a:rw"},
      {"SET a GET", "a:w"},
      {"SET a 1 PX 5 get", "a:rw"},
      {"MSET a 1 b 2", "a:w b:w"},
      {"MGET a b c", "a:r b:r c:r"},
      {"EXISTS a b", "a:- b:-"},
      {"DEL a", "a:w"},
      {"GETDEL a", "a:rw"},
      {"BLPOP a b 0", "a:rw b:rw"},
      {"BITFIELD a GET u8 0", "a:r"},
      {"BITFIELD a GET u8 0 SET u8 0 1", "a:rw"},
      {"BITFIELD a OVERFLOW SAT INCRBY u8 0 1", "a:rw"},
      {"BITFIELD_RO a GET u8 0", "a:r"},
      {"SORT a", "a:r"},
      {"SORT a BY nosort GET # LIMIT 0 5 ALPHA STORE d", "a:r d:w"},
      {"GEORADIUS a 1 2 3 km STORE d", "a:r d:w"},
      {"GEORADIUS a 1 2 3 km COUNT 5 ANY STOREDIST d ASC", "a:r d:w"},
      {"GEORADIUSBYMEMBER a m 3 km STORE d", "a:r d:w"},
      {"XREAD COUNT 2 STREAMS a b 0 0", "a:r b:r"},
      {"XREAD STREAMS streams 0", "streams:r"},
      {"XREADGROUP GROUP g c COUNT 1 BLOCK 5 NOACK STREAMS a >", "a:rw"},
      {"EVAL s 2 a b c", "a:rw b:rw"},
      {"EVAL s 0 c", ""},
      {"EVAL_RO s 1 a", "a:r"},
      {"FCALL f 1 a x", "a:rw"},
      {"ZUNIONSTORE d 2 a b WEIGHTS 1 2 AGGREGATE MAX", "d:w a:r b:r"},
      {"ZINTER 2 a b WITHSCORES", "a:r b:r"},
      {"ZRANGESTORE d a 0 -1 BYSCORE LIMIT 0 1", "d:w a:r"},
      {"LMPOP 2 a b LEFT COUNT 3", "a:rw b:rw"},
      {"BLMPOP 0 1 a RIGHT", "a:rw"},
      {"BZMPOP 1 2 a b MIN COUNT 2", "a:rw b:rw"},
      {"SINTERCARD 2 a b LIMIT 3", "a:r b:r"},
      {"COPY a b REPLACE", "a:r b:w"},
      {"LMOVE a b LEFT RIGHT", "a:rw b:w"},
      {"OBJECT ENCODING a", "a:-"},
      {"MEMORY USAGE a SAMPLES 5", "a:-"},
      {"XADD a NOMKSTREAM MAXLEN ~ 10 LIMIT 5 * f v", "a:w"},
      {"XGROUP CREATE a g $ MKSTREAM", "a:w"},
      {"LCS a b IDX MINMATCHLEN 2", "a:r b:r"},
      {"WATCH a b", "a:- b:-"},
      {"TOUCH a", "a:-"},
      {"PFCOUNT a b", "a:r b:r"},
      {"PING", ""},
      {"CLIENT ID", ""},
  };
  for (const Case& each : cases) {
    const Judged judged = judge(each.line);
    EXPECT_EQ(judged.analysis.text, "") << each.line;
    EXPECT_EQ(judged.keys(), each.keys) << each.line;
  }
}

// What reaches further than keys and channels: left to the argument rules of a policy.
TEST(Analyse, NamesWhatNeedsAnArgumentRule) {
  struct Case {
    std::string_view line, ruled;
  };
  const Case cases[] = {
      {"SORT a BY nosort GET # ALPHA", ""},
      {"SORT a BY w_*", "by=w_*"},
      {"SORT a GET o_* GET # GET p_*->f", "get=o_* get=p_*->f"},
      {"SORT_RO a BY w_*->f GET x", "by=w_*->f get=x"},
      {"CONFIG GET maxmemory *", "=maxmemory =*"},
      {"CLIENT TRACKING ON BCAST PREFIX a: PREFIX b:", "bcast=a: bcast=b:"},
      {"CLIENT TRACKING ON OPTIN", ""},
      {"GET a", ""},
  };
  for (const Case& each : cases) {
    const Judged judged = judge(each.line);
    EXPECT_EQ(judged.analysis.text, "") << each.line;
    std::string ruled;
    for (const RuledUse& use : judged.command.ruled) {
      if (!ruled.empty()) ruled += ' ';
      ruled.append(use.option).append("=").append(judged.command.args[use.arg]);
    }
    EXPECT_EQ(ruled, each.ruled) << each.line;
  }
}

TEST(Analyse, RefusesWhatIsAmbiguousOrMalformed) {
  const std::string_view lines[] = {
      // the destination checked must be the destination written
      "GEORADIUS a 1 2 3 km STORE x STORE y",
      "GEORADIUS a 1 2 3 km STORE x STOREDIST y",
      "GEORADIUS a 1 2 3 km STOREDIST x STORE y",
      "GEORADIUSBYMEMBER a m 3 km STOREDIST x STOREDIST y",
      "GEORADIUS a 1 2 3 km STORE STOREDIST ASC",
      "GEORADIUS a 1 2 3 km COUNT STORE x",
      "GEORADIUS_RO a 1 2 3 km STORE x",
      "SORT a STORE x STORE y",
      "SORT a STORE store y",
      "SORT a BY store STORE y",
      "SORT a LIMIT STORE 1 STORE y",
      "SORT_RO a STORE x",
      // which STREAMS is it
      "XREADGROUP GROUP streams c STREAMS a >",
      "XREADGROUP GROUP g STREAMS STREAMS a >",
      "XREADGROUP COUNT 1 GROUP g streams STREAMS a >",
      "XREAD COUNT streams STREAMS a 0",
      "XREAD STREAMS a b 0",
      "XREAD COUNT 1 COUNT 2 STREAMS a 0",
      "XREAD BLOCK 0 a 0 0",
      "XREADGROUP COUNT 1 NOACK STREAMS a > b >",
      // counts that another reader could read otherwise
      "EVAL s 3 a b",
      "EVAL s -1 a",
      "EVAL s +1 a",
      "EVAL s 01 a",
      "EVAL s 1x a",
      "EVAL s 4294967297 a",
      "ZUNION 0 a",
      "ZUNIONSTORE d 3 a b",
      "LMPOP 2 a b",
      "ZINTERCARD 1 a LIMIT 1 LIMIT 2",
      // given twice, given together, unknown
      "SET a 1 EX 1 EX 2",
      "SET a 1 EX 1 PX 2",
      "SET a 1 NX XX",
      "SET a 1 GET GET",
      "SET a 1 EX",
      "SET a 1 EX GET",
      "SET a 1 WHATEVER",
      "GETEX a EX 1 PERSIST",
      "COPY a b DB 1",
      "COPY a b REPLACE REPLACE",
      "SCAN 0 MATCH a* MATCH *",
      "BITFIELD a SET u8 0",
      "BITFIELD a OVERFLOW",
      "BITFIELD a NOTHING",
      "BITFIELD_RO a SET u8 0 1",
      "ZRANGE a 0 1 LIMIT 0 1 LIMIT 0 2",
      "CLIENT TRACKING ON BCAST",
      "CLIENT TRACKING ON PREFIX a:",
      "CLIENT TRACKING ON BCAST OPTIN PREFIX a:",
      "CLIENT TRACKING ON REDIRECT 5",
      "XADD a MAXLEN 1 MAXLEN 2 * f v",
      "XADD a MAXLEN 1 MINID 2 * f v",
      "XADD a * f v g",
      "ZADD a 1 m 2",
      "ZADD a NX NX 1 m",
  };
  for (const std::string_view line : lines) {
    const Judged judged = judge(line);
    EXPECT_EQ(judged.analysis.verdict, Verdict::grammar) << line;
    EXPECT_THAT(judged.analysis.text, ::testing::StartsWith("ERR syntax error in '")) << line;
  }
}

TEST(Analyse, NamesNoArgumentInItsRefusals) {
  const Judged judged({"SET", "a", "1", "hunter2"});
  EXPECT_EQ(judged.analysis.text, "ERR syntax error in 'set': argument 3 is none of its options");
}

TEST(Analyse, TellsUnknownCommandsAsRedisDoes) {
  EXPECT_EQ(judge("FOO a b").analysis.text,
            "ERR unknown command 'FOO', with args beginning with: 'a' 'b' ");
  EXPECT_EQ(judge("config frob").analysis.text, "ERR unknown subcommand 'frob'. Try CONFIG HELP.");
  EXPECT_EQ(Judged({"f\r\no"}).analysis.text,
            "ERR unknown command 'f  o', with args beginning with: ");
  EXPECT_EQ(
      Judged({"foo", std::string(200, 'x'), "y"}).analysis.text,
      "ERR unknown command 'foo', with args beginning with: '" + std::string(128, 'x') + "' ");
  EXPECT_EQ(Judged({}).analysis.verdict, Verdict::unknown);
  EXPECT_EQ(Judged({std::string("get\0", 4), "a"}).analysis.verdict, Verdict::unknown);
}

TEST(Analyse, ShowsNoCredentialOfAMistypedLogin) {
  EXPECT_EQ(judge("AUHT default eyJhbGciOiJFUzI1NiJ9.e30.AA x").analysis.text,
            "ERR unknown command 'AUHT', with args beginning with: 'default' ");
  EXPECT_EQ(judge("AUHT kw-aws-v1.aHR0cHM").analysis.text,
            "ERR unknown command 'AUHT', with args beginning with: ");
  EXPECT_EQ(judge("AUHT kwc_5d0a kwcp_5d0a_x").analysis.text,
            "ERR unknown command 'AUHT', with args beginning with: 'kwc_5d0a' ");
  EXPECT_EQ(judge("CONFIG eyJhbGciOiJFUzI1NiJ9.e30.AA").analysis.text,
            "ERR unknown command 'CONFIG', with args beginning with: ");
}

TEST(Analyse, TellsWrongArityAsRedisDoes) {
  EXPECT_EQ(judge("GET").analysis.text, "ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(judge("config").analysis.text, "ERR wrong number of arguments for 'config' command");
  EXPECT_EQ(judge("Config GET").analysis.text,
            "ERR wrong number of arguments for 'config|get' command");
  EXPECT_EQ(judge("COMMAND").analysis.verdict, Verdict::ok);
}

TEST(Analyse, JudgesBlockingByArguments) {
  EXPECT_TRUE(judge("BLPOP a 0").command.blocks);
  EXPECT_TRUE(judge("XREAD BLOCK 0 STREAMS a 0").command.blocks);
  EXPECT_FALSE(judge("XREAD STREAMS a 0").command.blocks);
  EXPECT_TRUE(judge("WAIT 1 0").command.blocks);
  EXPECT_FALSE(judge("LPOP a").command.blocks);
}

TEST(Analyse, JudgesMutationByArguments) {
  for (const std::string_view line :
       {"SET a 1", "PUBLISH c m", "EVAL s 0", "SORT a STORE d", "GETEX a PERSIST",
        "BITFIELD a SET u8 0 1", "XREADGROUP GROUP g c STREAMS a >", "GEORADIUS a 1 2 3 km STORE d",
        "SCRIPT LOAD x", "FLUSHDB"}) {
    EXPECT_TRUE(judge(line).command.mutates) << line;
  }
  for (const std::string_view line :
       {"GET a", "SORT a", "GETEX a", "BITFIELD a GET u8 0", "GEORADIUS a 1 2 3 km",
        "XREAD STREAMS a 0", "TOUCH a", "PFCOUNT a", "SCAN 0", "BITFIELD a"}) {
    EXPECT_FALSE(judge(line).command.mutates) << line;
  }
}

TEST(Analyse, TellsWhatBoundsAScan) {
  EXPECT_EQ(judge("KEYS a:*").command.scan_pattern, "a:*");
  EXPECT_EQ(judge("SCAN 0 COUNT 5 match a:* TYPE string").command.scan_pattern, "a:*");
  EXPECT_EQ(judge("SCAN 0").command.scan_pattern, "");
  for (const std::string_view line : {"KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "FLUSHDB"}) {
    EXPECT_TRUE(judge(line).command.scans_keyspace) << line;
  }
  EXPECT_FALSE(judge("HSCAN a 0 MATCH x").command.scans_keyspace);
}

TEST(Analyse, FindsChannels) {
  const Judged subscribe = judge("SUBSCRIBE c d");
  ASSERT_EQ(subscribe.command.channels.size(), 2U);
  EXPECT_EQ(subscribe.command.channels[1].arg, 2U);
  EXPECT_FALSE(subscribe.command.channels[1].pattern);
  EXPECT_TRUE(judge("PSUBSCRIBE c*").command.channels.at(0).pattern);
  const Judged publish = judge("SPUBLISH c m");
  ASSERT_EQ(publish.command.channels.size(), 1U);
  EXPECT_TRUE(publish.command.channels[0].publish);
  EXPECT_TRUE(publish.command.keys.empty());
  EXPECT_TRUE(judge("UNSUBSCRIBE c").command.channels.empty());
}

TEST(Analyse, LeavesForbiddenCommandsToThePolicy) {
  const Judged judged = judge("MIGRATE h 1 a 0 5");
  EXPECT_EQ(judged.analysis.verdict, Verdict::ok);
  EXPECT_EQ(judged.command.info->exposure, Exposure::never);
}

TEST(Analyse, ForgetsTheCommandBefore) {
  Command command;
  const std::string_view first[] = {"XREAD", "BLOCK", "0", "STREAMS", "a", "0"};
  const std::string_view second[] = {"PING"};
  ASSERT_EQ(analyse(*Catalog::built_in(), first, command).verdict, Verdict::ok);
  ASSERT_EQ(analyse(*Catalog::built_in(), second, command).verdict, Verdict::ok);
  EXPECT_TRUE(command.keys.empty());
  EXPECT_FALSE(command.blocks);
}

struct HeadCase {
  std::string_view head;
  std::size_t total;
  Verdict verdict;
  std::string_view keys = {};
};

TEST(AnalyseHead, LetsOnlyValuesBeStreamed) {
  const HeadCase cases[] = {
      {"SET a", 3, Verdict::ok, "a:w"},
      {"SET a", 5, Verdict::ok, "a:w"},
      {"SET", 3, Verdict::grammar},
      {"SET a 1", 4, Verdict::grammar},
      {"SETEX a 10", 4, Verdict::ok, "a:w"},
      {"SETEX a", 4, Verdict::grammar},
      {"LPUSH a x y", 9, Verdict::ok, "a:w"},
      {"HSET a f", 4, Verdict::ok, "a:w"},
      {"MSET a", 5, Verdict::ok, "a:w"},
      {"MSET a 1 b", 5, Verdict::ok, "a:w b:w"},
      {"MSET a 1", 5, Verdict::grammar},
      {"EVAL", 4, Verdict::ok, ""},
      {"EVAL s", 4, Verdict::grammar},
      {"EVAL s 1", 5, Verdict::grammar},
      {"EVAL s 1 a", 5, Verdict::ok, "a:rw"},
      {"EVALSHA", 4, Verdict::grammar},
      {"EVALSHA s 1 a", 5, Verdict::ok, "a:rw"},
      {"XADD a * f", 5, Verdict::ok, "a:w"},
      {"XADD a MAXLEN 5 *", 8, Verdict::ok, "a:w"},
      {"XADD a MAXLEN 5", 8, Verdict::grammar},
      {"ZADD a NX 1", 5, Verdict::ok, "a:w"},
      {"ZADD a 1 m", 6, Verdict::grammar},
      {"ZADD a", 4, Verdict::grammar},
      {"PUBLISH c", 3, Verdict::ok, ""},
      {"PUBLISH", 3, Verdict::grammar},
      {"APPEND a", 3, Verdict::ok, "a:w"},
      {"SCRIPT", 3, Verdict::grammar},
      {"SCRIPT LOAD", 3, Verdict::ok, ""},
      {"GET", 2, Verdict::grammar},
      {"PING", 2, Verdict::grammar},
      {"FOO", 2, Verdict::unknown},
      {"SET a", 2, Verdict::grammar},
      {"GETSET a", 4, Verdict::arity},
  };
  for (const HeadCase& each : cases) {
    const Judged words = judge(each.head);
    Judged judged = words;
    judged.args.assign(judged.owned.begin(), judged.owned.end());
    judged.analysis = analyse_head(*Catalog::built_in(), judged.args,
                                   {each.total, judged.args.size()}, judged.command);
    EXPECT_EQ(judged.analysis.verdict, each.verdict) << each.head << ": " << judged.analysis.text;
    if (each.verdict == Verdict::ok) {
      EXPECT_EQ(judged.keys(), each.keys) << each.head;
    }
  }
}

TEST(AnalyseHead, WholeRequestIsJudgedWithEmptyViewsForValues) {
  EXPECT_EQ(Judged({"SET", "a", "", "GET"}).keys(), "a:rw");
  EXPECT_EQ(Judged({"EVAL", "", "1", "k", ""}).keys(), "k:rw");
  EXPECT_EQ(Judged({"XADD", "a", "*", "", ""}).analysis.verdict, Verdict::ok);
  // Nothing streamed can pass for an option, a count or a subcommand.
  EXPECT_EQ(Judged({"SET", "a", "1", ""}).analysis.verdict, Verdict::grammar);
  EXPECT_EQ(Judged({"EVAL", "s", "", "k"}).analysis.verdict, Verdict::grammar);
  EXPECT_EQ(Judged({"SCRIPT", "", "x"}).analysis.verdict, Verdict::unknown);
}

}  // namespace
}  // namespace keyward::command
