// The control connection against a real redis-server: plain, TLS, unix socket, and what happens
// when it goes away.
#include "keyward/upstream/control.h"

#include "support/loop.h"
#include "support/redis_server.h"
#include "support/test_certs.h"

#include "keyward/command/catalog.h"

#include <gtest/gtest.h>

#include <optional>

namespace keyward::upstream {
namespace {

using namespace std::chrono_literals;
using test::RedisServer;
using test::run_until;
using Type = ControlReply::Type;

class ControlTest : public testing::Test {
 protected:
  void start(UpstreamConfig config) {
    control.emplace(io, std::move(config));
    control->start([this] { ++ups; },
                   [this](const std::string& reason) { downs.push_back(reason); });
  }
  static UpstreamConfig plain(const RedisServer& redis) {
    UpstreamConfig config;
    config.endpoint = {net::Endpoint::Kind::tcp, "127.0.0.1", redis.port()};
    return config;
  }
  bool up() {
    return run_until(io, [this] { return control->up(); });
  }
  Result<ControlReply> call(const std::vector<std::string>& argv) {
    std::optional<Result<ControlReply>> reply;
    control->call(argv, [&reply](Result<ControlReply> one) { reply = std::move(one); });
    if (!run_until(io, [&reply] { return reply.has_value(); }))
      return Error(Errc::timeout, "no reply");
    return std::move(*reply);
  }

  boost::asio::io_context io;
  std::optional<Control> control;
  int ups = 0;
  std::vector<std::string> downs;
};

TEST_F(ControlTest, ParsesEveryKindOfReply) {
  const RedisServer redis;
  start(plain(redis));
  ASSERT_TRUE(up());
  EXPECT_EQ(ups, 1);
  auto reply = call({"SET", "k", std::string("a\0b\r\n", 5)});
  EXPECT_EQ(reply->type, Type::status);
  EXPECT_EQ(reply->text, "OK");
  reply = call({"GET", "k"});
  EXPECT_EQ(reply->type, Type::string);
  EXPECT_EQ(reply->text, std::string("a\0b\r\n", 5));
  EXPECT_EQ(call({"GET", "absent"})->type, Type::nil);
  reply = call({"STRLEN", "k"});
  EXPECT_EQ(reply->type, Type::integer);
  EXPECT_EQ(reply->integer, 5);
  reply = call({"NOSUCH"});
  EXPECT_EQ(reply->type, Type::error);
  EXPECT_TRUE(reply->text.starts_with("ERR unknown command"));
  reply = call({"MGET", "k", "absent"});
  ASSERT_EQ(reply->elements.size(), 2U);
  EXPECT_EQ(reply->elements[0].text.size(), 5U);
  EXPECT_EQ(reply->elements[1].type, Type::nil);
  // Larger than any read, and split everywhere.
  ASSERT_EQ(call({"SET", "big", std::string(3'000'000, 'x')})->text, "OK");
  EXPECT_EQ(call({"GET", "big"})->text.size(), 3'000'000U);
}

TEST_F(ControlTest, AnswersComeInOrderHoweverManyAreAsked) {
  const RedisServer redis;
  start(plain(redis));
  ASSERT_TRUE(up());
  int expected = 0;
  bool in_order = true;
  for (int number = 0; number < 20'000; ++number) {
    control->call({"ECHO", std::to_string(number)}, [&, number](const Result<ControlReply>& reply) {
      in_order = in_order && number == expected && reply.has_value() &&
                 reply->text == std::to_string(number);
      ++expected;
    });
  }
  ASSERT_TRUE(run_until(io, [&] { return expected == 20'000; }));
  EXPECT_TRUE(in_order);
}

TEST_F(ControlTest, HandsOverTheRawCommandTable) {
  const RedisServer redis;
  start(plain(redis));
  ASSERT_TRUE(up());
  std::optional<Result<std::string>> raw;
  control->call_raw({"COMMAND"}, [&raw](Result<std::string> reply) { raw = std::move(reply); });
  const auto after = call({"ECHO", "next"});  // the cut is where the reply ends
  ASSERT_TRUE(raw.has_value() && raw->has_value());
  EXPECT_EQ(after->text, "next");
  const auto catalog = command::Catalog::from_reply(**raw, {7, 0, 15});
  ASSERT_TRUE(catalog.has_value()) << catalog.error().message();
  EXPECT_NE((*catalog)->by_name("get"), nullptr);
}

TEST_F(ControlTest, LogsInWithThePasswordOfTheMoment) {
  const RedisServer redis;
  ASSERT_EQ(test::text_of(redis.hiredis().call(
                {"ACL", "SETUSER", "keyward", "on", ">right", "~*", "&*", "+@all"})),
            "OK");
  std::string password = "wrong-one";
  int asked = 0;
  UpstreamConfig config = plain(redis);
  config.admin_user = "keyward";
  config.admin_password = [&]() -> Result<Secret> {
    if (++asked == 1) return Error(Errc::io, "the password file is gone");
    return Secret(password);
  };
  start(std::move(config));
  ASSERT_TRUE(run_until(io, [this] { return downs.size() == 2; }));
  EXPECT_NE(downs[0].find("password file"), std::string::npos);
  EXPECT_NE(downs[1].find("WRONGPASS"), std::string::npos);
  EXPECT_EQ(downs[1].find("wrong-one"), std::string::npos);
  EXPECT_EQ(ups, 0);
  password = "right";
  ASSERT_TRUE(up());
  EXPECT_EQ(call({"ACL", "WHOAMI"})->text, "keyward");
}

TEST_F(ControlTest, AdminUserNeedsNoPing) {
  const RedisServer redis;
  ASSERT_EQ(test::text_of(redis.hiredis().call(
                {"ACL", "SETUSER", "keyward", "on", ">pw", "-@all", "+acl|users"})),
            "OK");
  UpstreamConfig config = plain(redis);
  config.admin_user = "keyward";
  config.admin_password = []() -> Result<Secret> { return Secret("pw"); };
  start(std::move(config));
  ASSERT_TRUE(up());
  EXPECT_EQ(call({"ACL", "USERS"})->elements.size(), 2U);
}

TEST_F(ControlTest, WithoutAPasswordWhereOneIsNeededItStaysDown) {
  const RedisServer redis({"--requirepass", "x"});
  start(plain(redis));
  ASSERT_TRUE(run_until(io, [this] { return !downs.empty(); }));
  EXPECT_NE(downs[0].find("NOAUTH"), std::string::npos);
  EXPECT_FALSE(control->up());
}

TEST_F(ControlTest, ComesBackByItself) {
  RedisServer redis;
  start(plain(redis));
  ASSERT_TRUE(up());
  std::optional<Result<ControlReply>> in_flight;
  control->call({"BLPOP", "nothing", "0"},
                [&in_flight](Result<ControlReply> reply) { in_flight = std::move(reply); });
  test::run_for(io, 50ms);
  redis.kill();
  ASSERT_TRUE(run_until(io, [&] { return in_flight.has_value(); }));
  ASSERT_TRUE(in_flight->has_error());
  EXPECT_EQ(in_flight->error().code(), Errc::closed);
  const auto while_down = call({"PING"});
  ASSERT_TRUE(while_down.has_error());
  EXPECT_EQ(while_down.error().code(), Errc::unavailable);
  ASSERT_TRUE(run_until(io, [this] { return downs.size() >= 3; })) << "attempts go on";
  redis.restart();
  ASSERT_TRUE(up());
  EXPECT_EQ(ups, 2);
  EXPECT_EQ(call({"PING"})->text, "PONG");
}

// A peer that accepts and never answers is given up: during login, and later by an unanswered PING.
TEST_F(ControlTest, NoticesADeadPeer) {
  const RedisServer redis;
  start(plain(redis));
  ASSERT_TRUE(up());
  redis.pause();
  ASSERT_TRUE(run_until(
      io, [this] { return !downs.empty(); }, 9s));
  EXPECT_NE(downs[0].find("PING"), std::string::npos);
  ASSERT_TRUE(run_until(
      io, [this] { return downs.size() >= 2; }, 5s));
  EXPECT_NE(downs[1].find("login"), std::string::npos);
  redis.resume();
  EXPECT_TRUE(up());
}

TEST_F(ControlTest, WorksOverTlsAndRefusesAnotherCa) {
  const test::TestCerts certs, others;
  const std::uint16_t port = test::free_port();
  const RedisServer redis({"--tls-port", std::to_string(port), "--tls-cert-file",
                           certs.certificate(), "--tls-key-file", certs.key(), "--tls-auth-clients",
                           "no"});
  UpstreamConfig config;
  config.endpoint = {net::Endpoint::Kind::tls, "127.0.0.1", port};
  config.tls = others.client();
  start(config);
  ASSERT_TRUE(run_until(io, [this] { return !downs.empty(); }));
  EXPECT_NE(downs[0].find("certificate verify failed"), std::string::npos);
  control.reset();
  config.tls = certs.client();
  start(config);
  ASSERT_TRUE(up());
  const std::string big(2'000'000, 'y');
  ASSERT_EQ(call({"SET", "big", big})->text, "OK");
  EXPECT_TRUE(call({"GET", "big"})->text == big);
}

TEST_F(ControlTest, WorksOverAUnixSocket) {
  const test::TempDir dir;
  const RedisServer redis({"--unixsocket", dir.file("redis.sock")});
  UpstreamConfig config;
  config.endpoint = {net::Endpoint::Kind::unix_socket, dir.file("redis.sock"), 0};
  start(config);
  ASSERT_TRUE(up());
  EXPECT_EQ(call({"PING"})->text, "PONG");
}

TEST_F(ControlTest, StopFailsWhatIsInFlightAndDestructionIsSilent) {
  const RedisServer redis;
  start(plain(redis));
  ASSERT_TRUE(up());
  int failed = 0;
  control->call({"PING"}, [&failed](const Result<ControlReply>& reply) {
    failed += reply.has_error() ? 1 : 0;
  });
  control->stop();
  EXPECT_EQ(failed, 1);
  EXPECT_TRUE(downs.empty());
  control.reset();
  start(plain(redis));
  ASSERT_TRUE(up());
  control->call({"PING"}, [&failed](const Result<ControlReply>&) { ++failed; });
  control.reset();
  test::run_for(io, 50ms);
  EXPECT_EQ(failed, 1);
}

}  // namespace
}  // namespace keyward::upstream
