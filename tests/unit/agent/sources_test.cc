#include "keyward/agent/sources.h"

#include "agent/aws_credentials.h"
#include "agent/aws_sts.h"
#include "agent/local_peer.h"
#include "agent/oauth.h"
#include "support/temp_dir.h"

#include "keyward/agent/config.h"
#include "keyward/agent/token_keeper.h"
#include "keyward/base/hash.h"

#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace keyward::agent {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

std::string jwt(const std::string& payload) {
  return base64url_encode("{}") + "." + base64url_encode(payload) + ".c2ln";
}

WallTime at(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

TEST(Token, TellsItsOwnEnd) {
  EXPECT_EQ(expiry_of(jwt(R"({"exp": 1700000000})")), at(1700000000));
  EXPECT_EQ(expiry_of(jwt(R"({"exp": 1700000000.5})")), at(1700000000) + 500ms);
  for (const char* payload :
       {R"({"exp": "soon"})", R"({"exp": 1e300})", R"({"exp": -5})", "[]", "x"})
    EXPECT_FALSE(expiry_of(jwt(payload))) << payload;
  EXPECT_FALSE(expiry_of("opaque"));
  EXPECT_FALSE(expiry_of("a.b.c.d.e"));
}

TEST(Token, IsNothingElse) {
  EXPECT_TRUE(make_token(Secret("abc"), "it"));
  EXPECT_TRUE(make_token(Secret(std::string(16384, 'x')), "it"));
  for (const std::string& bad : {std::string(), std::string(16385, 'x'), std::string("a b"),
                                 std::string("a\r\nb"), std::string("a\x80")}) {
    const auto made = make_token(Secret(std::string(bad)), "the file x");
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message(), HasSubstr("the file x"));
  }
}

TEST(RefreshSchedule, AsksAfterSeventyToEightyPercentOfALife) {
  const MonoTime now{1h};
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    RefreshSchedule schedule(seed);
    schedule.fetched({Secret("x"), at(1000)}, at(900), now);
    EXPECT_GE(schedule.due(), now + 70s);
    EXPECT_LE(schedule.due(), now + 80s);
  }
}

TEST(RefreshSchedule, RetriesSlowerAndSlowerButWithinTheLife) {
  const MonoTime now{1h};
  RefreshSchedule schedule(1);
  schedule.fetched({Secret("x"), at(4500)}, at(900), now);
  MonoTime::duration last{};
  for (int i = 0; i < 5; ++i) {
    schedule.failed(now);
    EXPECT_GT(schedule.due() - now, last);
    last = schedule.due() - now;
  }
  for (int i = 0; i < 50; ++i) schedule.failed(now);
  EXPECT_LE(schedule.due(), now + 36s);
  schedule.fetched({Secret("x"), at(905)}, at(900), now);
  schedule.failed(now);
  EXPECT_LE(schedule.due(), now + 600ms) << "a tenth of five seconds";
  EXPECT_EQ(schedule.glance(), 250ms);
}

class Answers final : public TokenSource {
 public:
  explicit Answers(boost::asio::io_context& io) : io_(io) {}
  void fetch(Done done) override {
    ++asked;
    boost::asio::post(io_, [this, done = std::move(done)] { done(next()); });
  }
  [[nodiscard]] std::string name() const override { return "the test"; }
  std::function<Result<Token>()> next;
  int asked = 0;

 private:
  boost::asio::io_context& io_;
};

TEST(TokenKeeper, KeepsTheOldTokenWhileThereIsNoNewOne) {
  boost::asio::io_context io;
  FakeClock clock;
  auto source = std::make_unique<Answers>(io);
  Answers& answers = *source;
  int heard = 0;
  TokenKeeper keeper(io, std::move(source), clock, [&] { ++heard; });
  const WallTime end = clock.wall() + 100s;
  answers.next = [&] { return Result<Token>(Token{Secret("one"), end}); };
  keeper.start();
  io.poll();
  ASSERT_NE(keeper.current(), nullptr);
  EXPECT_EQ(keeper.current()->reveal(), "one");
  EXPECT_EQ(heard, 1);
  answers.next = [] { return Result<Token>(Error(Errc::unavailable, "down")); };
  clock.advance(90s);
  keeper.refused(keeper.current());
  clock.advance(2s);
  io.restart();
  io.run_for(1200ms);
  EXPECT_GT(answers.asked, 1);
  EXPECT_EQ(keeper.trouble(), "down");
  EXPECT_EQ(keeper.current()->reveal(), "one");
  clock.advance(20s);
  EXPECT_EQ(keeper.current(), nullptr) << "it has expired";
}

TEST(FileSource, IsReadAgainWhenItIsAnotherFile) {
  const test::TempDir dir;
  const std::string path = dir.file("token");
  boost::asio::io_context io;
  const auto source = file_source(io, path);
  Result<Token> got = Error();
  const auto fetch = [&] {
    source->fetch([&](Result<Token> token) { got = std::move(token); });
    io.restart();
    io.run();
  };
  fetch();
  ASSERT_FALSE(got);
  std::ofstream(path) << "first\n";
  EXPECT_TRUE(source->changed());
  fetch();
  EXPECT_EQ(got->value.reveal(), "first");
  EXPECT_FALSE(source->changed());
  std::ofstream(dir.file("new")) << "other\n";
  std::filesystem::rename(dir.file("new"), path);
  EXPECT_TRUE(source->changed());
  fetch();
  EXPECT_EQ(got->value.reveal(), "other");
}

TEST(OAuth, AnswersAreRead) {
  const auto token =
      read_token_answer({{"access_token", "abc"}, {"expires_in", 60}}, "it", at(1000));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->expires, at(1060));
  const std::string early = jwt(R"({"exp": 1030})");
  EXPECT_EQ(
      read_token_answer({{"access_token", early}, {"expires_in", 60}}, "it", at(1000))->expires,
      at(1030));
  EXPECT_FALSE(read_token_answer({{"id_token", "abc"}}, "it", at(1000)));
  const Error error = read_error_answer(
      401, R"({"error": "invalid_client", "error_description": "no\nsuch client"})",
      "the endpoint");
  EXPECT_EQ(error.message(), "the endpoint answered 401 invalid_client (no\\x0asuch client)");
  EXPECT_EQ(error_word("<html>"), "");
  EXPECT_EQ(basic_credentials("a:b", "p w"), "Basic YSUzQWI6cCUyMHc=");
  EXPECT_EQ(form_text({{"a", "1 2"}, {"b", "&="}}), "a=1%202&b=%26%3D");
}

TEST(Aws, CredentialsAreRead) {
  const auto keys = read_profile(
      "[default]\naws_access_key_id = A\naws_secret_access_key=S\n\n[other]\r\n"
      "aws_access_key_id=B\r\naws_secret_access_key = T=\r\naws_session_token = U\r\n",
      "other");
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->access_key, "B");
  EXPECT_EQ(keys->secret_key.reveal(), "T=");
  EXPECT_EQ(keys->session_token, "U");
  EXPECT_FALSE(read_profile("[default]\naws_access_key_id = A\n", "default"));
  const auto document = read_credentials_document(
      R"({"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"2023-11-14T22:13:20Z"})",
      "it");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->expires, at(1700000000));
  EXPECT_FALSE(read_credentials_document("{}", "it"));
  EXPECT_FALSE(read_timestamp("2023-13-14T22:13:20Z"));
  EXPECT_FALSE(read_timestamp("2023-11-14 22:13:20Z"));
}

TEST(Aws, AnswersOfStsAreRead) {
  EXPECT_EQ(sts_host("eu-west-1"), "sts.eu-west-1.amazonaws.com");
  EXPECT_EQ(sts_host("cn-north-1"), "sts.cn-north-1.amazonaws.com.cn");
  EXPECT_TRUE(read_sts_result(200, R"({"XResponse":{"XResult":{"a":1}}})", "X"));
  EXPECT_FALSE(read_sts_result(200, R"({"YResponse":{"YResult":{}}})", "X"));
  EXPECT_THAT(read_sts_result(403, R"({"Error":{"Code":"AccessDenied","Message":"no"}})", "X")
                  .error()
                  .message(),
              HasSubstr("AccessDenied (no)"));
  EXPECT_FALSE(read_sts_result(200, "<xml/>", "X"));
}

TEST(LocalPeer, IsFoundInTheKernelsTable) {
  const std::string table =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:18EB 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 "
      "1 1\n"
      "   1: 0100007F:D431 0100007F:18EB 01 00000000:00000000 00:00000000 00000000  1000        0 "
      "2 1\n"
      "   2: 0100007F:D432 0100007F:18EB 06 00000000:00000000 03:00000F9D 00000000     0        0 "
      "0 3\n";
  EXPECT_EQ(uid_in_table(table, "0100007F:D431", "0100007F:18EB"), 1000U);
  EXPECT_EQ(uid_in_table(table, "0100007F:D432", "0100007F:18EB"), std::nullopt) << "closing";
  EXPECT_EQ(uid_in_table(table, "0100007F:D433", "0100007F:18EB"), std::nullopt);
}

TEST(AgentConfig, IsReadWithAllThatIsWrong) {
  const test::TempDir dir;
  const std::string path = dir.file("agent.yaml");
  std::ofstream(path) << R"(upstream: {url: "rediss://k:6380", ca: ca.pem}
token: {client_credentials: {issuer: "https://x", client_id: me, client_secret_file: s}}
listeners: [{listen: "unix:///tmp/a.sock", allow_uids: [1000]}, {listen: "127.0.0.1:6379"}]
connect_wait: 2s
)";
  Diagnostics found;
  const auto config = load_config(path, found);
  ASSERT_TRUE(config) << found.text();
  EXPECT_EQ(config->listeners.size(), 2U);
  EXPECT_EQ(config->listeners[0].allow_uids, std::vector<uid_t>{1000});
  EXPECT_EQ(config->connect_wait, 2s);
  EXPECT_EQ(config->token.kind, TokenConfig::Kind::client_credentials);

  std::ofstream(path) << R"(upstream: {url: "redis://k:6380"}
token: {file: a, command: [b]}
listeners: [{listen: "0.0.0.0:6379", password: secret}]
speed: fast
)";
  Diagnostics wrong;
  EXPECT_FALSE(load_config(path, wrong));
  for (const char* part : {"rediss://", "one place", "loopback", "password", "speed"})
    EXPECT_THAT(wrong.text(), HasSubstr(part));
  EXPECT_THAT(wrong.text(), Not(HasSubstr("secret\n")));
}

}  // namespace
}  // namespace keyward::agent
