// Values that stream through: whole, refused or broken off, alone and between other commands.
#include "support/conversation.h"
#include "support/proxy_rig.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace keyward {
namespace {

using namespace std::chrono_literals;
using test::converse;
using test::eventually;
using test::packet;
using test::ProxyRig;
using test::RawClient;
using test::Request;

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kStreamAbove = 256 * kKiB;

// Not the same byte anywhere near: a shifted or repeated piece shows.
std::string value_of(std::size_t size) {
  std::string out;
  for (std::size_t i = 0; out.size() < size; ++i) out += std::to_string(i) + "\r\n";
  out.resize(size);
  return out;
}

std::string bulk(const std::string& value) {
  return "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
}

class Large : public test::RigTest {
 protected:
  static std::vector<std::string> ask(RawClient& client, const std::vector<Request>& requests) {
    std::vector<std::string> replies;
    // Large requests and large answers at once need a reader beside the writer.
    std::thread writer([&] { (void)client.send(packet(requests)); });
    for (std::size_t i = 0; i < requests.size(); ++i) replies.push_back(client.read_reply());
    writer.join();
    return replies;
  }
};

TEST_F(Large, ValuesOfAnySizeGoThroughWholeAndInOrder) {
  for (const int protocol : {2, 3}) {
    RawClient client = rig().client("alice", protocol);
    for (const std::size_t size :
         {kStreamAbove - 1, kStreamAbove, kStreamAbove + 1, 300 * kKiB, 1024 * kKiB, 8192 * kKiB}) {
      const std::string value = value_of(size);
      const auto got = ask(client, {{"SET", "app:n", "1"},
                                    {"SET", "app:k", value},
                                    {"GET", "app:k"},
                                    {"INCR", "app:n"},
                                    {"SET", "app:k", value, "XX", "GET"},
                                    {"RPUSH", "app:l", "a", value, "b"},
                                    {"BLPOP", "app:l", "0"},
                                    {"LPOP", "app:l"},
                                    {"LPOP", "app:l"},
                                    {"INCR", "app:n"}});
      EXPECT_EQ(got[1], "+OK\r\n");
      EXPECT_TRUE(got[2] == bulk(value)) << size;
      EXPECT_EQ(got[3], ":2\r\n");
      EXPECT_TRUE(got[4] == bulk(value)) << size;
      EXPECT_EQ(got[5], ":3\r\n");
      EXPECT_EQ(got[6], "*2\r\n$5\r\napp:l\r\n$1\r\na\r\n");
      EXPECT_TRUE(got[7] == bulk(value)) << size;
      EXPECT_EQ(got[8], "$1\r\nb\r\n");
      EXPECT_EQ(got[9], ":3\r\n");
    }
  }
}

TEST_F(Large, SeveralLargeArgumentsInOneRequest) {
  RawClient client = rig().client();
  const std::string a = value_of(300 * kKiB), b = value_of(700 * kKiB);
  const auto got = ask(client, {{"MSET", "app:a", a, "app:small", "s", "app:b", b, "app:last", "l"},
                                {"MGET", "app:a", "app:small", "app:b", "app:last"}});
  EXPECT_EQ(got[0], "+OK\r\n");
  EXPECT_TRUE(got[1] == "*4\r\n" + bulk(a) + bulk("s") + bulk(b) + bulk("l"));
  rig().expect_whole_trail();
  const auto records = rig().records("app:small", "ok");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_NE(records[0].find("app:last"), std::string::npos);
}

TEST_F(Large, InATransactionUnderAWatchAndBesideASubscription) {
  const std::string value = value_of(400 * kKiB);
  RawClient client = rig().client("alice", 3);
  auto got =
      ask(client,
          {{"MULTI"}, {"SET", "app:k", value}, {"GET", "app:k"}, {"EXEC"}, {"STRLEN", "app:k"}});
  EXPECT_EQ(got[1], "+QUEUED\r\n");
  EXPECT_TRUE(got[3] == "*2\r\n+OK\r\n" + bulk(value));
  EXPECT_EQ(got[4], ":409600\r\n");
  got = ask(client, {{"WATCH", "app:j"},
                     {"SET", "app:k", value},
                     {"MULTI"},
                     {"SET", "app:m", value},
                     {"EXEC"},
                     {"STRLEN", "app:m"}});
  EXPECT_EQ(got[1], "+OK\r\n");
  EXPECT_EQ(got[4], "*1\r\n+OK\r\n");
  EXPECT_EQ(got[5], ":409600\r\n");
  got = ask(client, {{"SUBSCRIBE", "app:news"},
                     {"SET", "app:k", value},
                     {"GET", "app:k"},
                     {"UNSUBSCRIBE"},
                     {"SET", "app:k", value},
                     {"STRLEN", "app:k"}});
  EXPECT_EQ(got[1], "+OK\r\n");
  EXPECT_TRUE(got[2] == bulk(value));
  EXPECT_EQ(got[4], "+OK\r\n");
  EXPECT_EQ(got[5], ":409600\r\n");
}

TEST_F(Large, RefusedRequestNeverReachesRedisAndTheConnectionGoesOn) {
  RawClient client = rig().client();
  const std::string value = value_of(2048 * kKiB);
  ASSERT_EQ(client.call({"GET", "app:k"}), "$-1\r\n");
  rig().chaos().forget_requests();
  const auto got = ask(client, {{"SET", "secret:k", value},
                                {"GET", "app:k"},
                                {"FLUSHALL", value},
                                {"NOSUCHCOMMAND", value},
                                {"MULTI"},
                                {"SET", "secret:k", value},
                                {"EXEC"},
                                {"GET", "app:k"}});
  EXPECT_EQ(word(got[0]), "-NOPERM");
  EXPECT_EQ(got[1], "$-1\r\n");
  EXPECT_EQ(got[2][0], '-');
  EXPECT_EQ(word(got[3]), "-ERR");
  EXPECT_EQ(word(got[5]), "-NOPERM");
  EXPECT_EQ(word(got[6]), "-EXECABORT");
  EXPECT_EQ(got[7], "$-1\r\n");
  EXPECT_LT(rig().chaos().requests().size(), 200U) << "two GETs";
}

// The allowed half of the request may be on its way already when the rest turns out to be denied.
TEST_F(Large, RequestRefusedHalfwayIsNotRun) {
  const std::string value = value_of(600 * kKiB);
  for (const bool watching : {false, true}) {
    RawClient client = rig().client();
    if (watching) {
      ASSERT_EQ(client.call({"WATCH", "app:k"}), "+OK\r\n");
    }
    const std::string answer = client.call({"MSET", "app:k", value, "secret:k", value});
    EXPECT_EQ(word(answer), "-NOPERM");
    if (watching) {
      EXPECT_EQ(client.read_to_end(), "") << "the watch is lost with its link";
      EXPECT_TRUE(client.closed());
    } else {
      EXPECT_EQ(client.call({"EXISTS", "app:k"}), ":0\r\n");
    }
    EXPECT_EQ(at_redis({"EXISTS", "app:k", "secret:k"}), ":0\r\n");
  }
}

// After an EXEC that is still on its way when a large request is refused.
TEST_F(Large, RefusalBehindATransactionHoldsUpNothing) {
  RawClient client = rig().client();
  const std::string value = value_of(300 * kKiB);
  for (int round = 0; round < 5; ++round) {
    const auto got = ask(client, {{"WATCH", "app:k"},
                                  {"MULTI"},
                                  {"SET", "app:m", "v"},
                                  {"EXEC"},
                                  {"SET", "secret:k", value},
                                  {"GET", "app:m"},
                                  {"BLPOP", "app:none", "0.01"},
                                  {"SET", "secret:k", value},
                                  {"SELECT", "1"},
                                  {"SELECT", "0"}});
    EXPECT_EQ(got[3], "*1\r\n+OK\r\n");
    EXPECT_EQ(word(got[4]), "-NOPERM");
    EXPECT_EQ(got[5], "$1\r\nv\r\n");
    EXPECT_EQ(word(got[7]), "-NOPERM");
    EXPECT_EQ(got[8], "+OK\r\n");
    EXPECT_EQ(got[9], "+OK\r\n");
  }
  EXPECT_TRUE(rig().becomes("keyward_upstream_lent", 0));
}

TEST_F(Large, BytesMayArriveOneByOneAroundEveryBoundary) {
  RawClient client = rig().client();
  const std::string value = value_of(kStreamAbove + 5);
  const std::string request = packet({{"SET", "app:k", value, "EX", "100"}, {"GET", "app:k"}});
  const std::size_t begin = request.find(value);
  std::vector<bool> split(request.size(), false);
  for (std::size_t at = 0; at < request.size(); ++at) {
    const bool head = at < begin + 5;
    const bool middle = at > begin + kStreamAbove - 10 && at < begin + value.size() + 40;
    split[at] = head || middle || at % 50'000 == 0;
  }
  for (std::size_t at = 0; at < request.size();) {
    std::size_t end = at + 1;
    while (end < request.size() && !split[end]) ++end;
    ASSERT_TRUE(client.send(std::string_view(request).substr(at, end - at)));
    std::this_thread::sleep_for(200us);
    at = end;
  }
  EXPECT_EQ(client.read_reply(), "+OK\r\n");
  EXPECT_TRUE(client.read_reply() == bulk(value));
}

TEST_F(Large, ClientThatVanishesHalfwayChangesNothing) {
  ASSERT_EQ(at_redis({"SET", "app:k", "before"}), "+OK\r\n");
  const std::string request = packet({{"SET", "app:k", value_of(1024 * kKiB)}});
  for (const std::size_t part : {request.size() / 2, request.size() - 1}) {
    RawClient client = rig().client();
    ASSERT_TRUE(client.send(std::string_view(request).substr(0, part)));
    std::this_thread::sleep_for(30ms);
    client.close();
  }
  EXPECT_TRUE(rig().becomes("keyward_connections", 0));
  EXPECT_TRUE(rig().becomes("keyward_upstream_lent", 0));
  EXPECT_EQ(at_redis({"GET", "app:k"}), "$6\r\nbefore\r\n");
}

TEST_F(Large, TransactionAnswerTooLargeToHoldStillArrives) {
  start([](server::Config& config) { config.limits.transaction_bytes = 1024 * kKiB; });
  const std::string value = value_of(900 * kKiB);
  RawClient client = rig().client();
  ASSERT_EQ(client.call({"SET", "app:k", value}), "+OK\r\n");
  const auto got = ask(client, {{"MULTI"},
                                {"GET", "app:k"},
                                {"SET", "app:j", "v"},
                                {"GET", "app:k"},
                                {"GET", "app:k"},
                                {"GET", "app:k"},
                                {"EXEC"},
                                {"GET", "app:j"}});
  EXPECT_TRUE(got[6] ==
              "*5\r\n" + bulk(value) + "+OK\r\n" + bulk(value) + bulk(value) + bulk(value))
      << got[6].size();
  EXPECT_EQ(got[7], "$1\r\nv\r\n");
  const auto too_large = ask(
      client,
      {{"MULTI"}, {"SET", "app:j", value}, {"SET", "app:j", value}, {"EXEC"}, {"GET", "app:j"}});
  EXPECT_EQ(word(too_large[2]), "-ERR");
  EXPECT_EQ(word(too_large[3]), "-EXECABORT");
  EXPECT_EQ(too_large[4], "$1\r\nv\r\n");
}

// A blocking TLS client on a RawClient's socket.
class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port)
      : raw_(port),
        context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free),
        ssl_(SSL_new(context_.get()), &SSL_free) {
    SSL_set_fd(ssl_.get(), raw_.fd());
    if (SSL_connect(ssl_.get()) != 1) throw std::runtime_error("no TLS");
  }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const int sent = SSL_write(ssl_.get(), bytes.data(),
                                 static_cast<int>(std::min<std::size_t>(bytes.size(), 100'000)));
      ASSERT_GT(sent, 0);
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  std::string read(std::size_t count) {
    std::string all(count, '\0');
    std::size_t have = 0;
    while (have < count) {
      const int got = SSL_read(ssl_.get(), all.data() + have, static_cast<int>(count - have));
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    all.resize(have);
    return all;
  }

 private:
  RawClient raw_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

TEST_F(Large, TlsCarriesTheSame) {
  TlsClient client(rig().tls_port());
  const std::string value = value_of(8192 * kKiB);
  client.send(packet({{"AUTH", rig().token("alice")}}));
  ASSERT_EQ(client.read(5), "+OK\r\n");
  rig().chaos().cut_replies_into(9000);
  client.send(packet(
      {{"SET", "app:k", value}, {"SET", "app:n", "1"}, {"GET", "app:k"}, {"INCR", "app:n"}}));
  EXPECT_EQ(client.read(10), "+OK\r\n+OK\r\n");
  EXPECT_TRUE(client.read(bulk(value).size()) == bulk(value));
  EXPECT_EQ(client.read(4), ":2\r\n");
  // A record of TLS that is spread over many requests, and requests over many records.
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += packet({{"INCR", "app:n"}});
  client.send(many);
  std::string expected;
  for (int i = 3; i < 20'003; ++i) expected += ":" + std::to_string(i) + "\r\n";
  EXPECT_TRUE(client.read(expected.size()) == expected);
}

}  // namespace
}  // namespace keyward
