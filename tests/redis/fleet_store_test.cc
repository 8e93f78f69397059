// Shared records against a real redis-server, with the rights that the documentation asks for.
#include "support/loop.h"
#include "support/redis_server.h"

#include "keyward/fleet/store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <thread>

namespace keyward::fleet {
namespace {

using namespace std::chrono_literals;
using test::run_until;

constexpr const char* kAdmin = "keyward";

class FleetStore : public testing::Test {
 protected:
  FleetStore() {
    direct.call({"ACL", "SETUSER", kAdmin, "reset", "on", ">pw", "-@all", "+auth", "+ping", "+set",
                 "+getrange", "+del", "+zadd", "+zrem", "+zrange", "+zremrangebyscore",
                 "~keyward:fleet:*"});
    upstream::UpstreamConfig config;
    config.endpoint = {net::Endpoint::Kind::tcp, "127.0.0.1", redis.port()};
    config.admin_user = kAdmin;
    config.admin_password = [] { return Result<Secret>(Secret("pw")); };
    control.emplace(io, std::move(config));
    control->start([] {}, [](const std::string&) {});
    EXPECT_TRUE(run_until(io, [this] { return control->up(); }));
  }
  Store store(std::string secret) {
    return {*control, {.secret = [secret = std::move(secret)] {
              return Result<Secret>(Secret(std::string(secret)));
            }}};
  }
  template <class T, class Ask>
  Result<T> wait(Ask ask) {
    std::optional<Result<T>> result;
    ask([&result](Result<T> one) { result = std::move(one); });
    if (!run_until(io, [&result] { return result.has_value(); }))
      return Error(Errc::timeout, "no answer");
    return std::move(*result);
  }
  Result<> put(Store& to, const std::string& name, std::string_view plain,
               std::chrono::milliseconds life = 1h) {
    return wait<void>([&](auto done) { to.put(name, plain, life, done); });
  }
  Result<bool> put_new(Store& to, const std::string& name, std::string_view plain) {
    return wait<bool>([&](auto done) { to.put_new(name, plain, 1h, done); });
  }
  Result<std::optional<std::string>> get(Store& from, const std::string& name) {
    return wait<std::optional<std::string>>([&](auto done) { from.get(name, done); });
  }
  Result<Store::Listing> list(Store& from, const std::string& prefix) {
    return wait<Store::Listing>([&](auto done) { from.list(prefix, done); });
  }

  const test::RedisServer redis;
  test::Hiredis direct{redis.port()};
  boost::asio::io_context io;
  std::optional<upstream::Control> control;
};

TEST_F(FleetStore, PutsGetsAndErases) {
  Store one = store("s"), two = store("s");
  EXPECT_EQ(*get(one, "a"), std::nullopt);
  ASSERT_TRUE(put(one, "a", "first"));
  EXPECT_EQ(*get(two, "a"), "first");
  EXPECT_FALSE(*put_new(two, "a", "second"));
  EXPECT_TRUE(*put_new(two, "b", "second"));
  ASSERT_TRUE(put(one, "a", "third"));
  EXPECT_EQ(*get(two, "a"), "third");
  EXPECT_TRUE(wait<void>([&](auto done) { one.erase("a", done); }));
  EXPECT_EQ(*get(two, "a"), std::nullopt);
  EXPECT_EQ(text_of(direct.call({"GET", "keyward:fleet:b"})).find("second"), std::string::npos);
  const auto left = direct.call({"PTTL", "keyward:fleet:b"});
  EXPECT_GT(left->integer, 3'590'000);
  EXPECT_LE(left->integer, 3'600'000);
}

TEST_F(FleetStore, WhatIsForgedSwappedOrOfAnotherSecretIsAnErrorNotARecord) {
  Store ours = store("s"), theirs = store("t");
  ASSERT_TRUE(put(ours, "a", "plain"));
  EXPECT_EQ(get(theirs, "a").error().code(), Errc::invalid);
  direct.call({"COPY", "keyward:fleet:a", "keyward:fleet:b"});
  EXPECT_EQ(get(ours, "b").error().code(), Errc::invalid);
  direct.call({"SET", "keyward:fleet:c", "{}"});
  EXPECT_EQ(get(ours, "c").error().code(), Errc::invalid);
  direct.call({"LPUSH", "keyward:fleet:d", "x"});
  EXPECT_FALSE(get(ours, "d"));
  EXPECT_GE(ours.unreadable(), 2U);
}

TEST_F(FleetStore, ListsWhatBeginsSo) {
  Store ours = store("s");
  std::vector<std::pair<std::string, std::string>> expected;
  for (int i = 0; i < 700; ++i) {
    const std::string name = "x/" + std::to_string(i);
    ASSERT_TRUE(put(ours, name, "content of " + name));
    expected.emplace_back(name, "content of " + name);
  }
  ASSERT_TRUE(put(ours, "y/1", "other"));
  ASSERT_TRUE(put(ours, "x1/1", "of another kind"));
  ASSERT_TRUE(put(ours, "x/short", "gone before it is listed", 1ms));
  ASSERT_TRUE(put(ours, "x/erased", "gone as well"));
  ASSERT_TRUE(wait<void>([&](auto done) { ours.erase("x/erased", done); }));
  std::this_thread::sleep_for(5ms);
  direct.call({"SET", "keyward:fleet:x/forged", "nonsense"});
  direct.call({"LPUSH", "keyward:fleet:x/list", "nonsense"});
  for (const char* name : {"x/forged", "x/list", "x/not-there"})
    direct.call({"ZADD", "keyward:fleet:index/x", "9999999999999", name});
  auto listing = list(ours, "x/");
  ASSERT_TRUE(listing) << listing.error().message();
  std::sort(listing->records.begin(), listing->records.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(listing->records, expected);
  EXPECT_EQ(listing->unreadable, 1U);
  EXPECT_EQ(list(ours, "x/69")->records.size(), 11U);
  EXPECT_TRUE(list(ours, "z/")->records.empty());
}

TEST_F(FleetStore, AChangedSecretIsReadAnewAndTheOldOneStillOpens) {
  std::string secret = "old";
  Store moving(*control,
               {.secret = [&secret] { return Result<Secret>(Secret(std::string(secret))); }});
  ASSERT_TRUE(put(moving, "a", "under the old"));
  Store ahead = store("new");
  ASSERT_TRUE(put(ahead, "b", "under the new"));
  EXPECT_EQ(get(moving, "b").error().code(), Errc::invalid);
  secret = "new";
  EXPECT_TRUE(moving.refresh_secret());
  EXPECT_FALSE(moving.refresh_secret());
  EXPECT_EQ(*get(moving, "b"), "under the new");
  EXPECT_EQ(*get(moving, "a"), "under the old");
  ASSERT_TRUE(put(moving, "c", "also"));
  EXPECT_EQ(*get(ahead, "c"), "also");
}

TEST_F(FleetStore, ErrorsSayWhatToGrantAndThatRedisIsAway) {
  Store ours = store("s");
  direct.call({"ACL", "SETUSER", kAdmin, "resetkeys"});
  auto refused = put(ours, "a", "plain");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::forbidden);
  EXPECT_NE(refused.error().message().find("grant it ~keyward:fleet:*"), std::string::npos);
  Store without(*control,
                {.secret = [] { return Result<Secret>(Error(Errc::not_found, "no such file")); }});
  EXPECT_FALSE(put(without, "a", "plain"));
  EXPECT_FALSE(put(*std::make_unique<Store>(store("")), "a", "plain"));
  control->stop();
  EXPECT_EQ(put(ours, "a", "plain").error().code(), Errc::unavailable);
}

}  // namespace
}  // namespace keyward::fleet
