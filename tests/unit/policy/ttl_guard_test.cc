#include "keyward/policy/ttl_guard.h"

#include "unit/policy/policy_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::policy::test {
namespace {

using command::Command;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Argv = std::vector<std::string>;
using Mode = TtlGuard::Mode;

constexpr TtlGuard kRequire{Mode::require, {}};
constexpr TtlGuard kApply{Mode::apply, std::chrono::hours(24)};

// A judged command with the words that it points into.
struct Judged {
  explicit Judged(Argv words) : argv(std::move(words)), views(argv.begin(), argv.end()) {
    const auto analysis = command::analyse(*command::Catalog::built_in(), views, command);
    EXPECT_EQ(analysis.verdict, command::Verdict::ok) << analysis.text;
  }
  Judged(const Judged&) = delete;
  Judged& operator=(const Judged&) = delete;
  Argv argv;
  std::vector<std::string_view> views;
  Command command;
};

Expiry expiry(const Argv& argv) { return expiry_of(Judged(argv).command); }

TEST(TtlGuard, EveryCommandThatCanWriteIsJudged) {
  for (const command::CommandInfo& info : command::Catalog::built_in()->all()) {
    if (!info.is(command::kWrite) && !info.mutates) continue;
    if (info.exposure == command::Exposure::never && !info.is(command::kWrite)) continue;
    Command command;
    command.info = &info;
    command.mutates = info.mutates;
    EXPECT_NE(expiry_of(command), Expiry::unjudged) << info.name;
  }
}

TEST(TtlGuard, SeesWhetherAKeyGetsAnExpiry) {
  const std::vector<std::pair<Argv, Expiry>> cases{
      {{"SET", "k", "v"}, Expiry::missing},
      {{"SET", "k", "ex"}, Expiry::missing},
      {{"SET", "k", "v", "NX", "GET"}, Expiry::missing},
      {{"SET", "k", "v", "eX", "10"}, Expiry::set},
      {{"SET", "k", "v", "XX", "PXAT", "10"}, Expiry::set},
      {{"SET", "k", "v", "KEEPTTL"}, Expiry::kept},
      {{"SETEX", "k", "10", "v"}, Expiry::set},
      {{"PSETEX", "k", "10", "v"}, Expiry::set},
      {{"GETEX", "k"}, Expiry::untouched},
      {{"GETEX", "k", "EX", "5"}, Expiry::untouched},
      {{"GETEX", "k", "PERSIST"}, Expiry::removed},
      {{"PERSIST", "k"}, Expiry::removed},
      {{"GETSET", "k", "v"}, Expiry::missing},
      {{"GET", "k"}, Expiry::untouched},
      {{"DEL", "k"}, Expiry::untouched},
      {{"LPUSH", "k", "v"}, Expiry::missing},
      {{"LPUSHX", "k", "v"}, Expiry::untouched},
      {{"RPOP", "k"}, Expiry::untouched},
      {{"ZADD", "k", "1", "xx"}, Expiry::missing},
      {{"ZADD", "k", "XX", "CH", "1", "m"}, Expiry::untouched},
      {{"ZADD", "k", "CH", "xx", "1", "m"}, Expiry::untouched},
      {{"GEOADD", "k", "XX", "1", "1", "m"}, Expiry::untouched},
      {{"XADD", "k", "*", "nomkstream", "v"}, Expiry::missing},
      {{"XADD", "k", "MAXLEN", "~", "10", "NOMKSTREAM", "*", "f", "v"}, Expiry::untouched},
      {{"XADD", "k", "NOMKSTREAM", "*", "f", "v"}, Expiry::untouched},
      {{"XGROUP", "CREATE", "k", "g", "$"}, Expiry::untouched},
      {{"XGROUP", "CREATE", "k", "g", "$", "MKSTREAM"}, Expiry::missing},
      {{"SORT", "k"}, Expiry::untouched},
      {{"SORT", "k", "STORE", "d"}, Expiry::missing},
      {{"GEORADIUS", "k", "1", "1", "1", "m"}, Expiry::untouched},
      {{"GEORADIUS", "k", "1", "1", "1", "m", "STORE", "d"}, Expiry::missing},
      {{"BITFIELD", "k", "GET", "u8", "0"}, Expiry::untouched},
      {{"BITFIELD", "k", "SET", "u8", "0", "1"}, Expiry::missing},
      {{"EVAL", "return 1", "0"}, Expiry::opaque},
      {{"FCALL", "f", "0"}, Expiry::opaque},
      {{"PUBLISH", "c", "m"}, Expiry::untouched},
  };
  for (const auto& [argv, wanted] : cases)
    EXPECT_EQ(expiry(argv), wanted) << testing::PrintToString(argv);
}

TEST(TtlGuard, NamesTheKeysThatMayComeIntoBeing) {
  const auto keys = [](const Argv& argv) { return created_keys(Judged(argv).command); };
  EXPECT_THAT(keys({"MSET", "a", "1", "b", "2"}), ElementsAre(1, 3));
  EXPECT_THAT(keys({"LMOVE", "a", "b", "LEFT", "LEFT"}), ElementsAre(2));
  EXPECT_THAT(keys({"RENAME", "a", "b"}), ElementsAre(2));
  EXPECT_THAT(keys({"SMOVE", "a", "b", "m"}), ElementsAre(2));
  EXPECT_THAT(keys({"COPY", "a", "b"}), ElementsAre(2));
  EXPECT_THAT(keys({"ZUNIONSTORE", "d", "2", "a", "b"}), ElementsAre(1));
  EXPECT_THAT(keys({"SORT", "a", "STORE", "d"}), ElementsAre(3));
  EXPECT_THAT(keys({"BITOP", "AND", "d", "a", "b"}), ElementsAre(2));
  EXPECT_THAT(keys({"PFMERGE", "d", "a"}), ElementsAre(1));
}

TEST(TtlGuard, ApplyChangesSetInPlaceAndSendsTheRestAsABlock) {
  const auto way = [](const Argv& argv) { return ttl_way(kApply, Judged(argv).command); };
  EXPECT_EQ(way({"SET", "k", "v"}), TtlWay::in_place);
  EXPECT_EQ(way({"SET", "k", "v", "NX"}), TtlWay::in_place);
  EXPECT_EQ(way({"SET", "k", "v", "KEEPTTL"}), TtlWay::block);
  EXPECT_EQ(way({"SET", "k", "v", "PX", "1"}), TtlWay::as_is);
  EXPECT_EQ(way({"HSET", "k", "f", "v"}), TtlWay::block);
  EXPECT_EQ(way({"GET", "k"}), TtlWay::as_is);
  EXPECT_EQ(ttl_way(kRequire, Judged({"SET", "k", "v"}).command), TtlWay::as_is);
}

TEST(TtlGuard, SaysWhyItRefuses) {
  const auto why = [](const TtlGuard& guard, const Argv& argv, bool in_transaction = false) {
    return std::string(ttl_refusal(guard, Judged(argv).command, in_transaction));
  };
  EXPECT_THAT(why(kRequire, {"LPUSH", "k", "v"}), HasSubstr("would leave a key without an expiry"));
  EXPECT_THAT(why(kRequire, {"LPUSH", "k", "v"}, true), IsEmpty());
  EXPECT_THAT(why(kRequire, {"SET", "k", "v", "KEEPTTL"}), HasSubstr("say EX or PX"));
  EXPECT_THAT(why(kRequire, {"SET", "k", "v", "EX", "1"}), IsEmpty());
  EXPECT_THAT(why(kApply, {"LPUSH", "k", "v"}), IsEmpty());
  EXPECT_THAT(why(kApply, {"BLMOVE", "a", "b", "LEFT", "LEFT", "1"}), HasSubstr("LMOVE"));
  EXPECT_THAT(why(kApply, {"BLMOVE", "a", "b", "LEFT", "LEFT", "1"}, true), IsEmpty());
  for (const TtlGuard& guard : {kRequire, kApply}) {
    EXPECT_THAT(why(guard, {"PERSIST", "k"}, true), HasSubstr("take the expiry"));
    EXPECT_THAT(why(guard, {"EVAL", "return 1", "0"}, true), HasSubstr("runs a script"));
    EXPECT_THAT(why(guard, {"EVAL_RO", "return 1", "0"}), IsEmpty());
    EXPECT_THAT(why(guard, {"DEL", "k"}), IsEmpty());
  }
  EXPECT_THAT(why({}, {"PERSIST", "k"}), IsEmpty());
}

// What stays open after these commands, by "require".
std::vector<std::string> open_after(const std::vector<Argv>& commands) {
  TtlLedger ledger;
  std::uint32_t member = 0;
  for (const Argv& argv : commands) ledger.note(kRequire, Judged(argv).command, member++);
  std::vector<std::string> out;
  for (const auto& open : ledger.open())
    out.push_back(std::to_string(open.member) + " " + std::string(open.command) + " " +
                  std::to_string(open.arg));
  return out;
}

TEST(TtlLedger, CoversAKeyOnlyByWhatComesLaterAndWorks) {
  const Argv push{"LPUSH", "k", "v"};
  const std::vector<std::string> open{"0 lpush 1"};
  EXPECT_EQ(open_after({push}), open);
  for (const Argv& cover : std::vector<Argv>{{"EXPIRE", "k", "9"},
                                             {"PEXPIRE", "k", "9", "NX"},
                                             {"EXPIREAT", "k", "99", "LT"},
                                             {"PEXPIREAT", "k", "99"},
                                             {"SET", "k", "v", "EX", "9"},
                                             {"SETEX", "k", "9", "v"},
                                             {"DEL", "x", "k"}}) {
    EXPECT_THAT(open_after({push, cover}), IsEmpty()) << cover[0];
  }
  for (const Argv& none : std::vector<Argv>{{"EXPIRE", "k", "9", "XX"},
                                            {"EXPIRE", "k", "9", "GT"},
                                            {"EXPIRE", "other", "9"},
                                            {"EXPIRE", "k", "soon"},
                                            {"EXPIRE", "k", "9223372036854775807"},
                                            {"SET", "k", "v", "EX", "9", "NX"},
                                            {"SET", "k", "v", "EX", "9", "GET"},
                                            {"SET", "k", "v", "EX", "0"},
                                            {"SETEX", "k", "0", "v"},
                                            {"GETEX", "k", "EX", "9"}}) {
    EXPECT_EQ(open_after({push, none}), open) << testing::PrintToString(none);
  }
  EXPECT_THAT(open_after({{"INCR", "k"}, {"GETEX", "k", "EX", "9"}}), IsEmpty());
  EXPECT_EQ(open_after({{"INCR", "k"}, {"LPUSH", "k", "v"}, {"GETEX", "k", "EX", "9"}}),
            std::vector<std::string>{"0 incr 1"});
  EXPECT_EQ(open_after({{"EXPIRE", "k", "9"}, push}), std::vector<std::string>{"1 lpush 1"});
  EXPECT_EQ(open_after({push, {"EXPIRE", "k", "9"}, {"SET", "k", "v"}}),
            std::vector<std::string>{"2 set 1"});
  EXPECT_EQ(open_after({{"MSET", "a", "1", "b", "2"}, {"EXPIRE", "a", "9"}}),
            std::vector<std::string>{"0 mset 3"});
}

TEST(TtlLedger, GathersWhatApplyOwes) {
  TtlLedger ledger;
  ledger.note(kApply, Judged({"MSET", "a", "1", "b", "2"}).command, 0);
  ledger.note(kApply, Judged({"SET", "a", "v", "EX", "5"}).command, 1);
  ledger.note({}, Judged({"LPUSH", "c", "v"}).command, 2);
  EXPECT_THAT(ledger.open(), IsEmpty());
  EXPECT_THAT(ledger.due(),
              ElementsAre(testing::Pair("a", kApply.life), testing::Pair("b", kApply.life)));
}

TEST(TtlGuard, DecidesAndExplainsSingleCommands) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(R"(    ttl: {require: true}
    allow: [{commands: ["@read", "@write", "@scripting"], keys: ["a:*"]}]
)"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"SET", "a:1", "v", "EX", "1"}), "allow");
  EXPECT_EQ(verdict(*grants, {"SET", "a:1", "v"}), "deny");
  EXPECT_EQ(verdict(*grants, {"SET", "a:1", "v"}, {.expiry_later = true}), "allow");
  EXPECT_THAT(ask(*grants, {"SET", "a:1", "v", "KEEPTTL"}).reason,
              HasSubstr("command 'set' keeps the expiry"));
  EXPECT_EQ(verdict(*grants, {"SET", "b:1", "v"}), "deny");
}

TEST(TtlGuard, ApplyBringsPexpireToTheRedisUserAlone) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(R"(    ttl: {apply: 24h}
    allow: [{commands: [set, lpush], keys: ["a:*"]}]
)"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_THAT(ask(*grants, {"LPUSH", "a:1", "v"}).reason,
              HasSubstr("granted by 'g', with PEXPIRE 86400000 NX behind it"));
  EXPECT_THAT(ask(*grants, {"SET", "a:1", "v"}).reason, HasSubstr("with PX 86400000 added"));
  EXPECT_EQ(verdict(*grants, {"PEXPIRE", "a:1", "5"}), "deny");
  EXPECT_THAT(testing::PrintToString(grants->acl().tokens), HasSubstr("+set +pexpire)"));
  EXPECT_THAT(testing::PrintToString(grants->acl().notes), HasSubstr("PEXPIRE"));
}

TEST(BreakGlass, AppliesOnlyWhenAskedFor) {
  PolicyFolder folder;
  folder.file("team.yaml", R"(apiVersion: keyward/v1
team: t
owners: [t@example.com]
grants:
  - name: usual
    who: [{issuer: okta, subject: "*"}]
    allow: [{commands: [get], keys: ["a:*"]}]
  - name: fire
    who: [{issuer: okta, groups: [oncall]}]
    break_glass: true
    limits: {session: 10m}
    allow: [{commands: [del], keys: ["a:*"]}]
  - name: flood
    who: [{issuer: okta, groups: [oncall, only]}, {issuer: other, subject: "*"}]
    break_glass: true
    allow: [{commands: [set], keys: ["a:*"]}]
)");
  const auto snapshot = folder.load();
  ASSERT_TRUE(snapshot) << folder.said();
  const auto oncall = someone("w1", {"oncall"});
  const auto usual = *snapshot->grants_for(oncall);
  EXPECT_EQ(verdict(*usual, {"DEL", "a:1"}), "deny");
  EXPECT_FALSE(usual->break_glass());
  const auto broken = *snapshot->grants_for(oncall, true);
  EXPECT_EQ(verdict(*broken, {"DEL", "a:1"}), "allow");
  EXPECT_TRUE(broken->break_glass());
  EXPECT_NE(usual->rights_id(), broken->rights_id());
  EXPECT_THAT(snapshot->break_glass_for(oncall).grants, ElementsAre("fire", "flood"));
  EXPECT_EQ(snapshot->break_glass_for(oncall).life, std::chrono::minutes(10));
  EXPECT_THAT(snapshot->break_glass_for(someone()).grants, IsEmpty());

  identity::Principal stranger = someone();
  stranger.issuer_alias = "other";
  const auto nothing = *snapshot->grants_for(stranger);
  ASSERT_TRUE(nothing) << "who may break the glass may log in";
  EXPECT_EQ(verdict(*nothing, {"SET", "a:1", "v"}), "deny");
  EXPECT_EQ(verdict(*nothing, {"PING"}), "allow");
}

}  // namespace
}  // namespace keyward::policy::test
