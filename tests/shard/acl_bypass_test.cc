// Ways in which Redis's own ACL checks were or are deceived (and its versions before August 2026
// still are): each must fail at the proxy, by analysis and decision and on the wire, and leave the
// keys of others as they were.
#include "support/conversation.h"
#include "support/proxy_rig.h"
#include "support/temp_dir.h"

#include "keyward/command/catalog.h"
#include "keyward/policy/explain.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace keyward {
namespace {

using test::ProxyRig;
using test::RawClient;
using Argv = std::vector<std::string>;

// Everything that can be had, below app:.
constexpr const char* kPolicy = R"(apiVersion: keyward/v1
team: rig
owners: [rig@example.com]
grants:
  - name: worker
    who: [{issuer: dev, groups: [workers]}]
    allow:
      - {commands: ["@all", keys], keys: ["app:*"], channels: ["app:*"]}
)";

constexpr const char* kOdd[] = {
    "18446744073709551617",  // 2^64 + 1
    "18446744073709551615",
    "9223372036854775807",
    "9223372036854775808",
    "4294967297",  // 2^32 + 1
    "2147483648",
    "-1",
    "-4294967295",
    "+1",
    "01",
    " 1",
    "1 ",
    "1e0",
    "0x1",
    "1.0",
    "",
    "one",
};

class AclBypass : public testing::Test {
 protected:
  AclBypass() : rig({}, kPolicy), client(rig.client()) {
    std::ofstream(folder.file("p.yaml")) << kPolicy;
    Diagnostics diagnostics;
    snapshot = policy::Snapshot::load(folder.path(), command::Catalog::built_in(), {}, diagnostics);
    grants = *snapshot->grants_named("worker");
    RawClient direct = rig.redis().raw();
    for (const Argv& argv : std::vector<Argv>{{"SET", "other:secret", "s3cret"},
                                              {"SET", "other:w_1", "s3cret"},
                                              {"RPUSH", "other:l", "3", "1", "2"},
                                              {"XADD", "other:s", "1-1", "f", "s3cret"},
                                              {"XGROUP", "CREATE", "other:s", "g", "0"},
                                              {"XGROUP", "CREATE", "other:s", "STREAMS", "0"},
                                              {"GEOADD", "other:g", "1", "2", "s3cret"},
                                              {"ZADD", "other:z", "1", "s3cret"},
                                              {"RPUSH", "app:l", "3", "1", "2"},
                                              {"XADD", "app:s", "1-1", "f", "v"},
                                              {"XGROUP", "CREATE", "app:s", "g", "0"},
                                              {"GEOADD", "app:g", "1", "2", "m"},
                                              {"ZADD", "app:z", "1", "m"}})
      call(direct, argv);
    before = others();
  }
  void TearDown() override {
    EXPECT_EQ(others(), before) << "keys of others changed";
    EXPECT_EQ(client.call({"PING"}), "+PONG\r\n") << "answers no longer match requests";
  }

  static std::string call(RawClient& to, const Argv& argv) {
    return to.send(test::packet({argv})) ? to.read_reply() : std::string();
  }

  // Every key that is not below app:, with its content.
  std::map<std::string, std::string> others() {
    auto redis = rig.redis().hiredis();
    std::map<std::string, std::string> found;
    const auto keys = redis.call({"KEYS", "*"});
    for (std::size_t i = 0; i < keys->elements; ++i) {
      const std::string name(keys->element[i]->str, keys->element[i]->len);
      if (!name.starts_with("app:")) found[name] = test::text_of(redis.call({"DUMP", name}));
    }
    return found;
  }

  // Refused by analysis or decision; refused on the wire; nothing of others in the answer.
  void refused(const Argv& argv) {
    const policy::Explanation told = policy::explain(*grants, argv, *command::Catalog::built_in());
    EXPECT_NE(told.verdict, policy::Explanation::Verdict::allow) << shown(argv);
    const std::string answer = call(client, argv);
    EXPECT_TRUE(answer.starts_with("-")) << shown(argv) << " said " << answer;
    EXPECT_EQ(answer.find("s3cret"), std::string::npos) << shown(argv);
    // In a transaction too: it is refused when it is queued, and the whole is.
    EXPECT_EQ(client.call({"MULTI"}), "+OK\r\n");
    EXPECT_TRUE(call(client, argv).starts_with("-")) << shown(argv);
    EXPECT_TRUE(client.call({"EXEC"}).starts_with("-EXECABORT")) << shown(argv);
  }

  // By Redis, which alone sees what a script does.
  void refused_in_script(const std::string& call) {
    const std::string answer = client.call({"EVAL", "return redis.call(" + call + ")", "0"});
    EXPECT_TRUE(answer.starts_with("-")) << call << " said " << answer;
  }

  static std::string shown(const Argv& argv) { return testing::PrintToString(argv); }

  ProxyRig rig;
  RawClient client;
  test::TempDir folder;
  std::shared_ptr<const policy::Snapshot> snapshot;
  std::shared_ptr<const policy::Grants> grants;
  std::map<std::string, std::string> before;
};

// redis#15478: the last STORE is run, another is checked.
TEST_F(AclBypass, GeoradiusStoredTwice) {
  const std::vector<Argv> heads{{"GEORADIUS", "app:g", "1", "2", "100", "km"},
                                {"GEORADIUSBYMEMBER", "app:g", "m", "100", "km"}};
  const std::vector<Argv> tails{{"STORE", "app:d", "STORE", "other:d"},
                                {"STORE", "other:d", "STORE", "app:d"},
                                {"store", "app:d", "StoreDist", "other:d"},
                                {"STOREDIST", "other:d", "STORE", "app:d"},
                                {"STOREDIST", "app:d", "STOREDIST", "other:d"},
                                {"STORE", "app:d", "ASC", "STORE", "other:d"},
                                {"STORE", "STORE", "STORE", "other:d"},
                                {"COUNT", "STORE", "STORE", "other:d"},
                                {"STORE", "other:d"}};
  for (const Argv& head : heads) {
    for (const Argv& tail : tails) {
      Argv argv = head;
      argv.insert(argv.end(), tail.begin(), tail.end());
      refused(argv);
      argv[0] += "_RO";
      refused(argv);
    }
  }
}

// Inside a script only Redis looks, and may look at the wrong STORE: who runs scripts has not the
// command.
TEST_F(AclBypass, GeoradiusStoredTwiceInAScript) {
  refused_in_script("'georadius','app:g',1,2,100,'km','store','app:d','store','other:d'");
  refused_in_script("'georadiusbymember','app:g','m',100,'km','store','app:d','store','other:d'");
  refused_in_script("'georadius','app:g',1,2,100,'km','storedist','app:d','store','other:d'");
}

TEST_F(AclBypass, SortWhoseValuesReadAsStore) {
  for (const Argv& argv : std::vector<Argv>{
           {"SORT", "app:l", "BY", "STORE", "other:d"},
           {"SORT", "app:l", "BY", "store", "STORE", "other:d"},
           {"SORT", "app:l", "GET", "STORE", "STORE", "other:d"},
           {"SORT", "app:l", "GET", "#", "GET", "STORE", "other:d"},
           {"SORT", "app:l", "LIMIT", "STORE", "app:d", "STORE", "other:d"},
           {"SORT", "app:l", "LIMIT", "0", "STORE", "other:d"},
           {"SORT", "app:l", "STORE", "app:d", "STORE", "other:d"},
           {"SORT", "app:l", "STORE", "other:d", "STORE", "app:d"},
           {"SORT", "app:l", "STORE", "STORE", "other:d"},
           {"SORT", "app:l", "BY", "nosort", "STORE", "app:d", "GET", "STORE", "STORE", "other:d"},
           {"SORT", "app:l", "STORE", "other:d"}})
    refused(argv);
}

// CVE-2023-41053 and what SORT reads beside its key.
TEST_F(AclBypass, SortReadsKeysThatNobodyNamed) {
  for (const char* name : {"SORT", "SORT_RO"}) {
    refused({name, "app:l", "BY", "other:w_*"});
    refused({name, "app:l", "BY", "other:w_*->f"});
    refused({name, "app:l", "GET", "other:secret"});
    refused({name, "app:l", "BY", "nosort", "GET", "other:w_*"});
    refused({name, "app:l", "GET", "#", "GET", "other:w_*"});
    refused({name, "other:l"});
  }
  refused({"SORT_RO", "app:l", "STORE", "other:d"});
  refused({"SORT_RO", "app:l", "STORE", "app:d"});
}

TEST_F(AclBypass, StreamsAsTheNameOfAGroupOrConsumer) {
  for (const Argv& argv : std::vector<Argv>{
           {"XREADGROUP", "GROUP", "STREAMS", "c", "STREAMS", "other:s", ">"},
           {"XREADGROUP", "GROUP", "g", "STREAMS", "STREAMS", "other:s", ">"},
           {"XREADGROUP", "GROUP", "STREAMS", "app:s", "STREAMS", "other:s", ">"},
           {"XREADGROUP", "COUNT", "1", "GROUP", "STREAMS", "app:s", "STREAMS", "other:s", ">"},
           {"XREADGROUP", "COUNT", "1", "GROUP", "g", "STREAMS", "STREAMS", "app:s", "other:s", "0",
            "0"},
           {"XREADGROUP", "GROUP", "streams", "c", "STREAMS", "app:s", ">"},
           {"XREADGROUP", "GROUP", "g", "c", "COUNT", "STREAMS", "STREAMS", "other:s", ">"},
           {"XREADGROUP", "GROUP", "g", "c", "GROUP", "STREAMS", "app:s", "STREAMS", "other:s",
            ">"},
           {"XREADGROUP", "STREAMS", "app:s", "GROUP", "g", "c", "STREAMS", "other:s", ">"},
           {"XREAD", "COUNT", "STREAMS", "STREAMS", "other:s", "0"},
           {"XREAD", "BLOCK", "STREAMS", "STREAMS", "other:s", "0"},
           {"XREAD", "STREAMS", "app:s", "STREAMS", "other:s", "0"},
           {"XREAD", "STREAMS", "app:s", "other:s", "0", "0"},
           {"XREAD", "STREAMS", "app:s", "other:s", "0"}})
    refused(argv);
}

// redis#14659. Redis 7.0 has no MSETEX; what the proxy does not know it does not forward.
TEST_F(AclBypass, MsetexAndOtherCommandsOfNewerServers) {
  refused({"MSETEX", "2", "app:a", "v", "other:b", "v", "EX", "10"});
  refused({"MSETEX", "1", "app:a", "v", "other:b", "v"});
  refused({"MSETEX", "-1", "other:b", "v"});
  refused({"XACKDEL", "other:s", "g", "IDS", "1", "1-1"});
}

// redis#14847: counts of keys that overflow, or are read in another way by another reader.
TEST_F(AclBypass, OddCountsOfKeys) {
  for (const char* count : kOdd) {
    for (const char* name : {"EVAL", "EVAL_RO"})
      refused({name, "return redis.call('get', KEYS[1])", count, "other:secret"});
    for (const char* name : {"EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"})
      refused({name, "ffffffffffffffffffffffffffffffffffffffff", count, "other:secret"});
    for (const char* name : {"ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD", "SINTERCARD"})
      refused({name, count, "other:z", "app:z"});
    for (const char* name : {"ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"}) {
      refused({name, "other:d", count, "app:z"});
      refused({name, "app:d", count, "other:z"});
    }
    refused({"LMPOP", count, "other:l", "LEFT"});
    refused({"ZMPOP", count, "other:z", "MIN"});
    refused({"BLMPOP", "0.1", count, "other:l", "LEFT"});
    refused({"BZMPOP", "0.1", count, "other:z", "MIN"});
  }
  // More keys than arguments; keys behind the count that are not counted.
  refused({"EVAL", "return 1", "3", "app:a", "app:b"});
  refused({"LMPOP", "3", "app:l", "LEFT"});
  refused({"ZUNION", "1", "app:z", "other:z"});
  refused({"SINTERCARD", "1", "app:z", "other:z"});
}

TEST_F(AclBypass, ScriptsReachOutside) {
  for (const char* call : {"'get','other:secret'",
                           "'set','other:new','v'",
                           "'keys','*'",
                           "'scan','0'",
                           "'randomkey'",
                           "'dbsize'",
                           "'select','1'",
                           "'flushall'",
                           "'flushdb'",
                           "'swapdb','0','1'",
                           "'publish','other:c','m'",
                           "'spublish','other:c','m'",
                           "'config','set','maxmemory','1'",
                           "'acl','setuser','x','on','nopass','+@all'",
                           "'script','flush'",
                           "'sort_ro','other:l'",
                           "'sort','app:l','by','other:w_*'",
                           "'copy','other:secret','app:copy'",
                           "'rename','other:secret','app:x'",
                           "'migrate','h','1','other:secret','0','1'",
                           "'restore','other:r','0','x'",
                           "'xread','streams','other:s','0'",
                           "'xreadgroup','group','g','streams','streams','other:s','>'"})
    refused_in_script(call);
  // Keys that were promised and others that are touched.
  const std::string answer = client.call(
      {"EVAL", "return redis.call('get', 'other:' .. ARGV[1])", "1", "app:k", "secret"});
  EXPECT_TRUE(answer.starts_with("-")) << answer;
}

TEST_F(AclBypass, RightsOfTwoEntriesAndOtherDatabases) {
  refused({"COPY", "app:l", "app:m", "DB", "1"});
  refused({"COPY", "other:l", "app:m"});
  refused({"MOVE", "app:l", "1"});
  refused({"SWAPDB", "0", "1"});
  refused({"RESTORE", "app:r", "0", "x"});
  refused({"MIGRATE", "127.0.0.1", "1", "other:secret", "0", "1"});
  refused({"FLUSHALL"});
  refused({"FLUSHDB"});
  refused({"DBSIZE"});
  refused({"OBJECT", "ENCODING", "other:secret"});
  refused({"MEMORY", "USAGE", "other:secret"});
  refused({"WATCH", "other:secret"});
  refused({"CLIENT", "TRACKING", "ON", "BCAST"});
  refused({"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "other:"});
  refused({"CLIENT", "KILL", "ID", "1"});
  refused({"CLIENT", "REPLY", "OFF"});
  refused({"MONITOR"});
  refused({"PUBLISH", "other:c", "m"});
  refused({"BITFIELD", "other:secret", "GET", "u8", "0"});
  refused({"BITOP", "NOT", "app:d", "other:secret"});
  refused({"LCS", "app:a", "other:secret"});
  refused({"PFMERGE", "app:d", "other:secret"});
}

}  // namespace
}  // namespace keyward
