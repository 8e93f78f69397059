// Redis itself says what a request frame means: the same error for the bad ones, the same words for
// the good ones.
#include "support/redis_server.h"
#include "support/resp_events.h"
#include "support/resp_frames.h"

#include "keyward/resp/writer.h"

#include <gtest/gtest.h>

#include <memory>

namespace keyward::test {
namespace {

class RespOracle : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<RedisServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  static std::string redis_says(RedisServer& server, std::string_view frame) {
    RawClient client = server.raw();
    client.send(frame);
    return client.read_line();
  }
  static std::string we_say(std::string_view frame, const resp::Limits& limits = {}) {
    RequestReader reader(limits);
    reader.feed(frame);
    std::string out;
    if (reader.failed()) resp::write_error(out, reader.error());
    return out;
  }
  static std::unique_ptr<RedisServer> server_;
};
std::unique_ptr<RedisServer> RespOracle::server_;

TEST_F(RespOracle, MalformedFramesAreRefusedInRedisWords) {
  for (const std::string& frame : malformed_requests()) {
    const std::string shown = frame.substr(0, 60);
    RawClient client = server_->raw();
    client.send(frame);
    const std::string line = client.read_line();
    ASSERT_TRUE(line.starts_with("-ERR Protocol error: ")) << shown << " -> " << line;
    client.read_to_end();
    EXPECT_TRUE(client.closed()) << shown;
    EXPECT_EQ(we_say(frame), line) << shown;
  }
}

TEST_F(RespOracle, InlineWordsAreSplitAsRedisSplitsThem) {
  for (const std::string& line : inline_lines()) {
    RequestReader reader(resp::Limits{});
    reader.feed(line + "\r\n");
    ASSERT_EQ(reader.requests().size(), 1U) << line;
    std::vector<std::string_view> args(reader.requests()[0].begin(), reader.requests()[0].end());
    std::string encoded;
    resp::write_request(encoded, args);
    RawClient client = server_->raw();
    client.send(line + "\r\n");
    const std::string as_inline = client.read_reply();
    client.send(encoded);
    EXPECT_EQ(client.read_reply(), as_inline) << line;
    EXPECT_FALSE(as_inline.empty()) << line;
  }
}

TEST_F(RespOracle, GoodFramesGiveAsManyAnswersAsRedisGives) {
  for (const std::string& frame : good_requests()) {
    RequestReader reader(resp::Limits{});
    reader.feed(frame);
    ASSERT_FALSE(reader.failed()) << frame;
    RawClient client = server_->raw();
    client.send(frame);
    client.finish();
    for (std::size_t i = 0; i < reader.requests().size(); ++i) {
      EXPECT_FALSE(client.read_reply().empty()) << frame;
    }
    EXPECT_EQ(client.read_to_end(), "") << frame;
  }
}

TEST_F(RespOracle, BeforeLoginTheCapsAndTheirWordsAreRedis) {
  RedisServer server({"--requirepass", "secret"});
  const auto auth_of = [](std::size_t size) {
    return "*2\r\n$4\r\nAUTH\r\n$" + std::to_string(size) + "\r\n" + std::string(size, 'a') +
           "\r\n";
  };
  const std::string ten = "*10\r\n";
  const std::string eleven = "*11\r\n";
  for (const std::string& frame :
       {auth_of(16385), auth_of(1'000'000), eleven, std::string("*2147483647\r\n"),
        std::string("*2147483648\r\n"), std::string("*1\r\n$536870912\r\n"),
        std::string("*1\r\n$536870913\r\n")}) {
    EXPECT_EQ(we_say(frame, resp::before_login()), redis_says(server, frame))
        << frame.substr(0, 40);
  }
  EXPECT_EQ(we_say(auth_of(16384), resp::before_login()), "");
  EXPECT_TRUE(redis_says(server, auth_of(16384)).starts_with("-WRONGPASS"));
  EXPECT_EQ(we_say(ten, resp::before_login()), "");
}

}  // namespace
}  // namespace keyward::test
