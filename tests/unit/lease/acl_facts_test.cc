#include "lease/acl_facts.h"

#include <gtest/gtest.h>

namespace keyward::lease {
namespace {

std::string info(const std::string& run, const std::string& role, int set, int del, int load,
                 const std::string& version = "7.0.15") {
  return "# Server\r\nredis_version:" + version + "\r\nrun_id:" + run +
         "\r\n\r\n# Replication\r\nrole:" + role +
         "\r\nmaster_replid:x\r\n\r\n# Commandstats\r\ncmdstat_get:calls=9,usec=1\r\n"
         "cmdstat_acl|setuser:calls=" +
         std::to_string(set) + ",usec=3\r\ncmdstat_acl|deluser:calls=" + std::to_string(del) +
         ",usec=3\r\ncmdstat_acl|load:calls=" + std::to_string(load) + ",usec=1\r\n";
}

AclFacts facts(const std::string& run, const std::string& role, int set, int del, int load) {
  return *read_facts(info(run, role, set, del, load));
}

TEST(AclFacts, Read) {
  const auto found = read_facts(info("abc", "master", 3, 2, 1));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->run_id, "abc");
  EXPECT_FALSE(found->replica);
  EXPECT_EQ(found->calls, (AclCalls{3, 2, 1}));
  EXPECT_TRUE(read_facts(info("abc", "slave", 3, 2, 1))->replica);
}

TEST(AclFacts, NothingOfServersThatDoNotCountSubcommands) {
  EXPECT_FALSE(read_facts(info("abc", "master", 3, 2, 1, "6.2.7")));
  EXPECT_FALSE(read_facts("ERR syntax error"));
  EXPECT_FALSE(read_facts(""));
  EXPECT_FALSE(read_facts("redis_version:7.0.0\r\nrun_id:a\r\nrole:master\r\n"));
}

TEST(AclWatch, TheFirstLookIsNoNews) {
  AclWatch watch;
  EXPECT_TRUE(watch.observe(facts("a", "slave", 9, 9, 9), {}).quiet());
}

TEST(AclWatch, OwnCommandsAreNoNews) {
  AclWatch watch;
  (void)watch.observe(facts("a", "master", 10, 5, 0), {3, 1});
  EXPECT_TRUE(watch.observe(facts("a", "master", 14, 7, 0), {7, 3}).quiet());
  const auto news = watch.observe(facts("a", "master", 17, 8, 1), {8, 3});
  EXPECT_EQ(news.made, 2U);
  EXPECT_EQ(news.removed, 1U);
  EXPECT_TRUE(news.loaded);
}

TEST(AclWatch, CountersThatGoBackAreNoProof) {
  AclWatch watch;
  (void)watch.observe(facts("a", "master", 10, 5, 0), {});
  EXPECT_TRUE(watch.observe(facts("a", "master", 1, 0, 0), {}).unsure);  // CONFIG RESETSTAT
  EXPECT_TRUE(watch.observe(facts("a", "master", 1, 0, 0), {}).quiet());
}

TEST(AclWatch, CommandsThatRedisRejectedAreNobodys) {
  AclWatch watch;
  (void)watch.observe(facts("a", "master", 10, 5, 0), {0, 0});
  EXPECT_TRUE(watch.observe(facts("a", "master", 10, 5, 0), {4, 4}).quiet());
}

TEST(AclWatch, AfterALostConnectionTheCountMustFit) {
  AclWatch watch;
  (void)watch.observe(facts("a", "master", 10, 5, 0), {2, 2});
  watch.connection_lost();
  EXPECT_TRUE(watch.observe(facts("a", "master", 12, 5, 0), {4, 2}).quiet());
  watch.connection_lost();
  EXPECT_TRUE(watch.observe(facts("a", "master", 12, 5, 0), {5, 2}).unsure);
  EXPECT_TRUE(watch.observe(facts("a", "master", 12, 5, 0), {5, 2}).quiet());
}

TEST(AclWatch, AnotherProcessAndAnotherRole) {
  AclWatch watch;
  (void)watch.observe(facts("a", "master", 10, 5, 3), {});
  const auto restarted = watch.observe(facts("b", "master", 0, 0, 0), {});
  EXPECT_TRUE(restarted.another);
  EXPECT_FALSE(restarted.loaded || restarted.unsure || restarted.demoted);
  EXPECT_TRUE(watch.observe(facts("b", "slave", 0, 0, 0), {}).demoted);
  EXPECT_FALSE(watch.observe(facts("b", "slave", 0, 0, 0), {}).demoted);
}

}  // namespace
}  // namespace keyward::lease
