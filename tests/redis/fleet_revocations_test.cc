// Revocations of two instances through a real redis-server: shared, put back, kept over a restart.
#include "support/loop.h"
#include "support/redis_server.h"
#include "support/temp_dir.h"

#include "keyward/fleet/revocations.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

namespace keyward::fleet {
namespace {

using namespace std::chrono_literals;
using identity::Revocation;
using test::run_until;

constexpr const char* kHash = "keyward:fleet:revocations";

Revocation of(std::string principal) {
  Revocation what;
  what.value = std::move(principal);
  what.until = SystemClock().wall() + std::chrono::hours(1);
  what.by = "test";
  what.reason = "because";
  return what;
}

bool denied(const Revocations& by, const std::string& principal) {
  identity::Principal who;
  who.id = principal;
  return by.denials()->denies(who) != nullptr;
}

// One instance's part.
struct Instance {
  Instance(boost::asio::io_context& context, std::uint16_t port, std::string file,
           std::string secret = "s", std::size_t most = 100)
      : io(context) {
    upstream::UpstreamConfig config;
    config.endpoint = {net::Endpoint::Kind::tcp, "127.0.0.1", port};
    config.admin_user = "keyward";
    config.admin_password = [] { return Result<Secret>(Secret("pw")); };
    control.emplace(io, std::move(config));
    store.emplace(*control,
                  StoreConfig{[secret] { return Result<Secret>(Secret(std::string(secret))); }});
    revocations.emplace(io, *store,
                        Revocations::Config{.file = std::move(file), .every = 20ms, .most = most},
                        clock);
    revocations->on_change([this](const auto&, const std::vector<Revocations::News>& some) {
      news.insert(news.end(), some.begin(), some.end());
    });
    control->start([this] { revocations->control_up(); }, [](const std::string&) {});
  }
  Result<> start() {
    if (auto loaded = revocations->load(); !loaded) return loaded;
    EXPECT_TRUE(run_until(io, [this] { return control->up(); }));
    std::optional<Result<>> first;
    revocations->start([&](Result<> result) { first = std::move(result); });
    EXPECT_TRUE(run_until(io, [&] { return first.has_value(); }));
    return *first;
  }
  Result<Revocations::Added> add(Revocation what) {
    std::optional<Result<Revocations::Added>> out;
    revocations->add(std::move(what),
                     [&](Result<Revocations::Added> one) { out = std::move(one); });
    EXPECT_TRUE(run_until(io, [&] { return out.has_value(); }));
    return *out;
  }
  Result<Revocations::Added> lift(const std::string& id) {
    std::optional<Result<Revocations::Added>> out;
    revocations->lift(id, "test", "again",
                      [&](Result<Revocations::Added> one) { out = std::move(one); });
    EXPECT_TRUE(run_until(io, [&] { return out.has_value(); }));
    return *out;
  }
  bool knows(const std::string& principal, bool wanted = true) {
    return run_until(
        io, [&] { return denied(*revocations, principal) == wanted; }, 3s);
  }

  boost::asio::io_context& io;
  SystemClock clock;
  std::optional<upstream::Control> control;
  std::optional<Store> store;
  std::optional<Revocations> revocations;
  std::vector<Revocations::News> news;
};

class FleetRevocations : public testing::Test {
 protected:
  FleetRevocations() { allow("~keyward:fleet:*"); }
  void allow(const char* keys) {
    direct.call({"ACL", "SETUSER", "keyward", "reset", "on", ">pw", "-@all", "+auth", "+ping",
                 "+set", "+getrange", "+del", "+hset", "+hgetall", "+hdel", "+memory|usage", keys});
  }
  std::string file(const char* name) { return folder.file(name); }
  long long fields() { return direct.call({"HLEN", kHash})->integer; }

  const test::RedisServer redis;
  test::Hiredis direct{redis.port()};
  const test::TempDir folder;
  boost::asio::io_context io;
};

TEST_F(FleetRevocations, OneInstanceAsksAndTheOtherKnows) {
  Instance one(io, redis.port(), file("one")), two(io, redis.port(), file("two"));
  ASSERT_TRUE(one.start());
  ASSERT_TRUE(two.start());
  const auto before = std::chrono::steady_clock::now();
  const auto added = one.add(of("okta:bob"));
  ASSERT_TRUE(added) << added.error().message();
  EXPECT_TRUE(added->shared);
  EXPECT_TRUE(denied(*one.revocations, "okta:bob"));
  EXPECT_TRUE(two.knows("okta:bob"));
  EXPECT_LT(std::chrono::steady_clock::now() - before, 500ms);
  ASSERT_EQ(one.news.size(), 1U);
  ASSERT_EQ(two.news.size(), 1U);
  EXPECT_TRUE(one.news[0].here);
  EXPECT_FALSE(two.news[0].here);
  EXPECT_EQ(two.news[0].entry.what.reason, "because");
  EXPECT_EQ(two.news[0].entry.what.id, added->entry.what.id);
  // Taken back by the other one.
  ASSERT_TRUE(two.lift(added->entry.what.id));
  EXPECT_TRUE(one.knows("okta:bob", false));
  EXPECT_TRUE(one.news.back().lifted);
  EXPECT_EQ(one.lift("r-nothing").error().code(), Errc::not_found);
  EXPECT_EQ(one.revocations->counters().lifted, 1U);
}

TEST_F(FleetRevocations, WhatVanishesIsPutBack) {
  Instance one(io, redis.port(), file("one"));
  ASSERT_TRUE(one.start());
  ASSERT_TRUE(one.add(of("okta:bob")));
  const auto gone = one.add(of("okta:eve"));
  ASSERT_TRUE(one.lift(gone->entry.what.id));
  direct.call({"FLUSHALL"});
  EXPECT_TRUE(run_until(
      io, [&] { return fields() == 2; }, 3s));
  Instance later(io, redis.port(), file("later"));
  ASSERT_TRUE(later.start());
  EXPECT_TRUE(denied(*later.revocations, "okta:bob"));
  EXPECT_FALSE(denied(*later.revocations, "okta:eve"));
  EXPECT_EQ(one.revocations->counters().put_back, 2U);
}

TEST_F(FleetRevocations, ARestartNeedsRedisOrTheFileNotBoth) {
  {
    Instance one(io, redis.port(), file("one"));
    ASSERT_TRUE(one.start());
    ASSERT_TRUE(one.add(of("okta:bob")));
  }
  direct.call({"FLUSHALL"});
  {
    Instance again(io, redis.port(), file("one"));
    ASSERT_TRUE(again.start());
    EXPECT_TRUE(denied(*again.revocations, "okta:bob"));
    EXPECT_TRUE(run_until(
        io, [&] { return fields() == 1; }, 3s));
  }
  std::filesystem::remove(file("one"));
  Instance third(io, redis.port(), file("one"));
  ASSERT_TRUE(third.start());
  EXPECT_TRUE(denied(*third.revocations, "okta:bob"));
}

TEST_F(FleetRevocations, WhileRedisIsAwayTheLastListHoldsAndGrows) {
  Instance one(io, redis.port(), file("one"));
  ASSERT_TRUE(one.start());
  ASSERT_TRUE(one.add(of("okta:bob")));
  one.control->stop();
  const auto added = one.add(of("okta:eve"));
  ASSERT_TRUE(added);
  EXPECT_FALSE(added->shared);
  EXPECT_TRUE(denied(*one.revocations, "okta:bob"));
  EXPECT_TRUE(denied(*one.revocations, "okta:eve"));
  Instance again(io, redis.port(), file("one")), other(io, redis.port(), file("other"));
  ASSERT_TRUE(other.start());
  EXPECT_FALSE(denied(*other.revocations, "okta:eve"));
  ASSERT_TRUE(again.start());
  EXPECT_TRUE(other.knows("okta:eve"));
}

// What somebody who reaches the keys can do: nothing but make work.
TEST_F(FleetRevocations, ForgedRecordsAreCountedAndBelievedByNobody) {
  Instance one(io, redis.port(), file("one"));
  ASSERT_TRUE(one.start());
  const auto bob = one.add(of("okta:bob"));
  const auto eve = one.add(of("okta:eve"));
  const std::string id = bob->entry.what.id;
  const std::string active = text_of(direct.call({"HGET", kHash, id}));
  ASSERT_TRUE(one.lift(id));
  // Not ours, another's name, and the one from before it was lifted.
  direct.call({"HSET", kHash, "r-0", "{\"id\":\"r-0\"}"});
  direct.call({"HSET", kHash, eve->entry.what.id, active});
  direct.call({"HSET", kHash, id, active});
  direct.call({"SET", std::string(kHash) + ":state", "changed"});
  EXPECT_TRUE(run_until(
      io, [&] { return one.revocations->counters().unreadable == 2; }, 3s));
  EXPECT_TRUE(denied(*one.revocations, "okta:eve"));
  EXPECT_FALSE(denied(*one.revocations, "okta:bob"));
  EXPECT_TRUE(run_until(
      io,
      [&] {
        return text_of(direct.call({"HGET", kHash, id})) != active;
      },
      3s));
  Instance later(io, redis.port(), file("later"));
  ASSERT_TRUE(later.start());
  EXPECT_TRUE(denied(*later.revocations, "okta:eve"));
  EXPECT_FALSE(denied(*later.revocations, "okta:bob"));
  // Other types, and more than anybody may have written.
  direct.call({"DEL", kHash, std::string(kHash) + ":state"});
  direct.call({"LPUSH", kHash, "x"});
  direct.call({"LPUSH", std::string(kHash) + ":state", "x"});
  EXPECT_TRUE(run_until(
      io, [&] { return fields() == 2; }, 3s));
  direct.call({"HSET", kHash, "r-1", std::string(40'000'000, 'x')});
  direct.call({"SET", std::string(kHash) + ":state", std::string(80'000'000, 'x')});
  EXPECT_TRUE(run_until(
      io, [&] { return fields() == 2; }, 5s));
  EXPECT_TRUE(one.control->up());
}

TEST_F(FleetRevocations, AnotherSecretIsNoticed) {
  Instance one(io, redis.port(), file("one")), stranger(io, redis.port(), file("two"), "other");
  ASSERT_TRUE(one.start());
  ASSERT_TRUE(one.add(of("okta:bob")));
  ASSERT_TRUE(stranger.start());
  EXPECT_FALSE(denied(*stranger.revocations, "okta:bob"));
  EXPECT_EQ(stranger.revocations->counters().unreadable, 1U);
}

TEST_F(FleetRevocations, WithoutTheRightsItCountsHereAndSaysWhy) {
  allow("~other:*");
  Instance one(io, redis.port(), file("one"));
  const auto first = one.start();
  ASSERT_FALSE(first);
  EXPECT_NE(first.error().message().find("grant it ~keyward:fleet:*"), std::string::npos);
  const auto added = one.add(of("okta:bob"));
  ASSERT_TRUE(added);
  EXPECT_FALSE(added->shared);
  EXPECT_TRUE(denied(*one.revocations, "okta:bob"));
  EXPECT_FALSE(one.revocations->counters().trouble.empty());
  allow("~keyward:fleet:*");
  EXPECT_TRUE(run_until(
      io, [&] { return fields() == 1; }, 5s));
  EXPECT_TRUE(run_until(
      io, [&] { return one.revocations->counters().trouble.empty(); }, 5s));
}

TEST_F(FleetRevocations, TheyAreBoundedAndEndByThemselves) {
  Instance one(io, redis.port(), file("one"), "s", 3);
  ASSERT_TRUE(one.start());
  Revocation brief = of("okta:brief");
  brief.until = SystemClock().wall() + 300ms;
  ASSERT_TRUE(one.add(brief));
  ASSERT_TRUE(one.add(of("okta:a")));
  ASSERT_TRUE(one.add(of("okta:b")));
  EXPECT_EQ(one.add(of("okta:c")).error().code(), Errc::limit);
  Revocation past = of("okta:past");
  past.until = SystemClock().wall() - 1s;
  EXPECT_TRUE(one.knows("okta:brief", false));
  EXPECT_EQ(one.add(past).error().code(), Errc::invalid);
  EXPECT_TRUE(one.add(of("okta:c")));
  EXPECT_TRUE(denied(*one.revocations, "okta:a"));
  // The next one who reads all of them takes it out of Redis.
  direct.call({"SET", std::string(kHash) + ":state", "changed"});
  EXPECT_TRUE(run_until(
      io, [&] { return fields() == 3; }, 3s));
}

}  // namespace
}  // namespace keyward::fleet
