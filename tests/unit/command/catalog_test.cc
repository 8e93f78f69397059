#include "keyward/command/catalog.h"

#include "command/catalog_builder.h"
#include "command/knowledge.h"
#include "command/raw_command.h"

#include "keyward/command/command_set.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>
#include <string>

namespace keyward::command {
namespace {

const CommandInfo* find(const Catalog& catalog, std::vector<std::string_view> args) {
  return catalog.find(args);
}

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}
std::string array(std::size_t count) { return "*" + std::to_string(count) + "\r\n"; }

// An entry as Redis 6.2 writes it.
std::string old_entry(std::string_view name, int arity, std::string_view flag, int first, int last,
                      int step) {
  return array(7) + bulk(name) + ":" + std::to_string(arity) + "\r\n" + array(1) + "+" +
         std::string(flag) + "\r\n:" + std::to_string(first) + "\r\n:" + std::to_string(last) +
         "\r\n:" + std::to_string(step) + "\r\n" + array(1) + "+@read\r\n";
}

// An entry as Redis 7 writes it, with the given key-specs already encoded.
std::string new_entry(std::string_view name, std::string_view flag, std::size_t specs,
                      const std::string& spec_bytes) {
  return array(10) + bulk(name) + ":-2\r\n" + array(1) + "+" + std::string(flag) +
         "\r\n:1\r\n:1\r\n:1\r\n" + array(1) + "+@search\r\n" + array(0) + array(specs) +
         spec_bytes + array(0);
}

std::string index_spec(std::string_view flag) {
  return array(6) + bulk("flags") + array(2) + "+RO\r\n+" + std::string(flag) + "\r\n" +
         bulk("begin_search") + array(4) + bulk("type") + bulk("index") + bulk("spec") + array(2) +
         bulk("index") + ":1\r\n" + bulk("find_keys") + array(4) + bulk("type") + bulk("range") +
         bulk("spec") + array(6) + bulk("lastkey") + ":0\r\n" + bulk("keystep") + ":1\r\n" +
         bulk("limit") + ":0\r\n";
}

TEST(Catalog, FindsEveryCommandByNameInAnyCase) {
  const auto catalog = Catalog::built_in();
  std::mt19937 random(1);
  for (const CommandInfo& info : catalog->all()) {
    EXPECT_EQ(&catalog->all()[info.id], &info);
    EXPECT_EQ(catalog->by_name(info.name), &info);
    std::string mixed = info.name;
    for (char& c : mixed) {
      if (c >= 'a' && c <= 'z' && random() % 2 == 0) c = static_cast<char>(c - 32);
    }
    const std::size_t bar = mixed.find('|');
    const std::string_view view = mixed;
    if (bar == std::string::npos) {
      EXPECT_EQ(find(*catalog, {view}), &info) << mixed;
    } else {
      EXPECT_EQ(find(*catalog, {view.substr(0, bar), view.substr(bar + 1), "x"}), &info) << mixed;
    }
  }
}

TEST(Catalog, KnowsNobodyElse) {
  const auto catalog = Catalog::built_in();
  EXPECT_EQ(find(*catalog, {}), nullptr);
  EXPECT_EQ(find(*catalog, {""}), nullptr);
  EXPECT_EQ(find(*catalog, {"gett"}), nullptr);
  EXPECT_EQ(find(*catalog, {"config|get"}), nullptr);
  EXPECT_EQ(find(*catalog, {"config", "nope"}), nullptr);
  EXPECT_EQ(find(*catalog, {"config", ""}), nullptr);
  EXPECT_EQ(find(*catalog, {std::string(1000, 'g')}), nullptr);
  EXPECT_EQ(find(*catalog, {"get", "config"})->name, "get");
  EXPECT_EQ(find(*catalog, {"config"})->name, "config");
  EXPECT_EQ(catalog->by_name("get|x"), nullptr);
  // '@' and '`' differ in one bit, as letters of either case do.
  EXPECT_EQ(find(*catalog, {std::string_view("GE\x14")}), nullptr);
}

TEST(Catalog, EveryBuiltInCommandIsJudged) {
  for (const RawCommand& command : built_in_commands()) {
    EXPECT_TRUE(knowledge_of(command.name).has_value())
        << command.name << " stands in no list of knowledge.cc";
  }
}

TEST(Catalog, WhatChangesStateIsRecorded) {
  const auto catalog = Catalog::built_in();
  for (const CommandInfo& info : catalog->all()) {
    if (info.is(kWrite)) {
      EXPECT_TRUE(info.mutates) << info.name;
    }
  }
  for (const char* name :
       {"publish",     "spublish",      "eval",          "evalsha",       "eval_ro",
        "fcall",       "script|load",   "script|flush",  "config|set",    "acl|setuser",
        "client|kill", "cluster|reset", "debug",         "failover",      "replicaof",
        "shutdown",    "bgsave",        "latency|reset", "slowlog|reset", "memory|purge"}) {
    ASSERT_NE(catalog->by_name(name), nullptr) << name;
    EXPECT_TRUE(catalog->by_name(name)->mutates) << name;
  }
}

TEST(Catalog, NoCategoryBringsDangerIn) {
  const auto catalog = Catalog::built_in();
  for (const CommandInfo& info : catalog->all()) {
    // Answered by the proxy, with the client's own sessions.
    if (info.is(kAdmin) && info.name != "client|list") {
      EXPECT_TRUE(info.exposure == Exposure::never || info.exposure == Exposure::by_name)
          << info.name;
    }
    if (info.container && info.arity != -1) {
      EXPECT_NE(info.exposure, Exposure::normal) << info.name;
      EXPECT_NE(info.exposure, Exposure::session) << info.name;
    }
    const bool keyless_write = info.is(kWrite) && info.key_specs.empty();
    if (keyless_write) {
      EXPECT_NE(info.exposure, Exposure::normal) << info.name;
    }
  }
}

TEST(Catalog, KnowsSessionCommandsThatTheServerLacks) {
  const auto catalog = Catalog::built_in();
  for (const char* name : {"client|setinfo", "client|no-touch", "client|maint_notifications"}) {
    const CommandInfo* info = catalog->by_name(name);
    ASSERT_NE(info, nullptr) << name;
    EXPECT_FALSE(info->on_server) << name;
    EXPECT_EQ(info->exposure, Exposure::session) << name;
    EXPECT_EQ(info->kind, Kind::client) << name;
  }
  EXPECT_TRUE(catalog->by_name("client|setname")->on_server);
}

TEST(Catalog, CategoriesAreBits) {
  const auto catalog = Catalog::built_in();
  EXPECT_EQ(catalog->categories().size(), 21U);
  const auto bit = catalog->category_bit("read");
  ASSERT_TRUE(bit);
  EXPECT_NE(catalog->by_name("get")->categories & *bit, 0U);
  EXPECT_EQ(catalog->by_name("set")->categories & *bit, 0U);
  EXPECT_FALSE(catalog->category_bit("@read"));
}

TEST(Catalog, GrammarAndSyntaxComeTogether) {
  for (const CommandInfo& info : Catalog::built_in()->all()) {
    EXPECT_EQ(info.syntax == nullptr, info.grammar == Grammar::none) << info.name;
    if (info.is(kMovableKeys) && info.exposure != Exposure::never) {
      EXPECT_NE(info.syntax, nullptr) << info.name;
    }
  }
}

TEST(Catalog, TableSaysItsVersion) {
  std::ifstream file(KEYWARD_SOURCE_DIR "/src/command/command_table.inc");
  std::string line;
  std::getline(file, line);
  const ServerVersion version = built_in_version();
  const std::string text = std::to_string(version.major) + "." + std::to_string(version.minor) +
                           "." + std::to_string(version.patch);
  EXPECT_NE(line.find("redis-server " + text + "."), std::string::npos) << line;
}

TEST(CatalogFromReply, CompletesAnOlderServer) {
  const std::string reply = array(4) + old_entry("zunionstore", -4, "write", 0, 0, 0) +
                            old_entry("config", -2, "admin", 0, 0, 0) +
                            old_entry("frobnicate", -2, "readonly", 1, -1, 1) +
                            old_entry("stralgo", -2, "movablekeys", 0, 0, 0);
  const auto catalog = Catalog::from_reply(reply, {6, 2, 14, "redis"});
  ASSERT_TRUE(catalog) << catalog.error().message();
  EXPECT_EQ((*catalog)->by_name("zunionstore")->key_specs.size(), 2U);
  EXPECT_EQ((*catalog)->by_name("config|set")->exposure, Exposure::never);
  EXPECT_EQ((*catalog)->by_name("get"), nullptr);
  EXPECT_FALSE((*catalog)->has_selectors());
  const CommandInfo* unknown = (*catalog)->by_name("frobnicate");
  EXPECT_EQ(unknown->exposure, Exposure::by_name);
  ASSERT_EQ(unknown->key_specs.size(), 1U);
  EXPECT_EQ(unknown->key_specs[0].last_key, -1);
  EXPECT_EQ(unknown->key_specs[0].access, kRead);
  EXPECT_EQ((*catalog)->by_name("stralgo")->exposure, Exposure::never);
}

TEST(CatalogFromReply, IsCarefulWithWhatItDoesNotKnow) {
  const std::string unknown_spec =
      array(6) + bulk("flags") + array(1) + "+RO\r\n" + bulk("begin_search") + array(4) +
      bulk("type") + bulk("unknown") + bulk("spec") + array(0) + bulk("find_keys") + array(4) +
      bulk("type") + bulk("unknown") + bulk("spec") + array(0);
  const std::string reply = array(6) + new_entry("ft.get", "readonly", 1, index_spec("access")) +
                            new_entry("ft.put", "write", 1, index_spec("insert")) +
                            new_entry("ft.guess", "readonly", 1, unknown_spec) +
                            new_entry("ft.keys", "movablekeys", 0, "") +
                            new_entry("ft.admin", "admin", 0, "") +
                            new_entry("commandlog", "loading", 0, "");
  const auto made = Catalog::from_reply(reply, {8, 0, 0, "redis"});
  ASSERT_TRUE(made) << made.error().message();
  const Catalog& catalog = **made;
  EXPECT_EQ(catalog.by_name("ft.get")->exposure, Exposure::by_name);
  EXPECT_FALSE(catalog.by_name("ft.get")->mutates);
  EXPECT_EQ(catalog.by_name("ft.put")->exposure, Exposure::by_name);
  EXPECT_TRUE(catalog.by_name("ft.put")->mutates);
  EXPECT_EQ(catalog.by_name("ft.put")->key_specs.at(0).access, kModify);
  for (const char* name : {"ft.guess", "ft.keys", "ft.admin", "commandlog"}) {
    EXPECT_EQ(catalog.by_name(name)->exposure, Exposure::never) << name;
  }
  EXPECT_TRUE(catalog.category_bit("search"));
}

TEST(CatalogFromReply, DropsWhatDoesNotFitUnknownFirst) {
  std::string reply = array(1101) + old_entry("zz-is-last-but-known", -2, "readonly", 1, 1, 1);
  for (int i = 0; i < 1099; ++i)
    reply += old_entry("mod." + std::to_string(i), -2, "readonly", 1, 1, 1);
  reply += old_entry("zscore", 3, "readonly", 1, 1, 1);
  const auto catalog = Catalog::from_reply(reply, {6, 2, 0, "redis"});
  ASSERT_TRUE(catalog);
  EXPECT_LE((*catalog)->all().size(), kMaxCommands);
  EXPECT_NE((*catalog)->by_name("zscore"), nullptr);
}

TEST(CatalogFromReply, RefusesWhatIsNoCommandReply) {
  const std::string good = array(1) + old_entry("get", 2, "readonly", 1, 1, 1);
  ASSERT_TRUE(Catalog::from_reply(good, {6, 2, 0, "redis"}));
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_FALSE(Catalog::from_reply(good.substr(0, cut), {6, 2, 0, "redis"})) << cut;
  }
  const std::string twice = array(2) + old_entry("get", 2, "readonly", 1, 1, 1) +
                            old_entry("GET", 2, "readonly", 1, 1, 1);
  for (const std::string& bad :
       {std::string("-NOPERM no\r\n"), std::string("*0\r\n"), std::string("*1\r\n$3\r\nget\r\n"),
        std::string("*99999999999\r\n"), std::string("*-5\r\n"), good + "x", twice,
        std::string("*1\r\n*6\r\n+get\r\n+x\r\n*0\r\n:0\r\n:0\r\n:0\r\n")}) {
    EXPECT_FALSE(Catalog::from_reply(bad, {6, 2, 0, "redis"})) << bad;
  }
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "*1\r\n";
  EXPECT_FALSE(Catalog::from_reply(deep, {7, 0, 0, "redis"}));
}

TEST(CatalogFromReply, HoldsAgainstFlippedBytes) {
  const std::string good = array(2) + new_entry("ft.get", "readonly", 1, index_spec("access")) +
                           old_entry("get", 2, "readonly", 1, 1, 1);
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string bad = good;
    for (int flips = 0; flips < 3; ++flips)
      bad[random() % bad.size()] = static_cast<char>(random() % 256);
    const auto catalog = Catalog::from_reply(bad, {7, 0, 0, "redis"});
    if (catalog) {
      EXPECT_LE((*catalog)->all().size(), 8U);
    }
  }
}

}  // namespace
}  // namespace keyward::command
