// Cases 68 and 72: what is asked before a login, and floods of logins.
#include "support/conversation.h"
#include "support/moved_clock.h"
#include "support/proxy_rig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace keyward {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::packet;
using test::ProxyRig;
using test::RawClient;
using test::Request;
using ::testing::StartsWith;

class LoginLimits : public testing::Test {
 protected:
  ProxyRig& rig(const ProxyRig::Change& change = {}) {
    if (!rig_) rig_ = std::make_unique<ProxyRig>(change);
    return *rig_;
  }
  std::unique_ptr<ProxyRig> rig_;
};

TEST_F(LoginLimits, Case68NumbersOfArguments) {
  for (const std::size_t count : {0U, 3U, 9U}) {
    RawClient client = rig().connect();
    Request auth{"AUTH"};
    for (std::size_t i = 0; i < count; ++i) auth.push_back("x");
    ASSERT_TRUE(client.send(packet({auth, {"PING"}})));
    EXPECT_THAT(client.read_reply(), StartsWith("-ERR ")) << count;
    EXPECT_THAT(client.read_reply(), StartsWith("-NOAUTH ")) << count;
  }
  // networking.c: more than ten arguments before the login end the connection.
  for (const std::size_t count : {10U, 11U}) {
    RawClient client = rig().connect();
    Request auth{"AUTH"};
    for (std::size_t i = 0; i < count; ++i) auth.push_back("x");
    ASSERT_TRUE(client.send(packet({auth})));
    EXPECT_THAT(client.read_to_end(3000ms), StartsWith("-ERR Protocol error: ")) << count;
    EXPECT_TRUE(client.closed());
  }
}

TEST_F(LoginLimits, Case68SizesOfArguments) {
  RawClient fits = rig().connect();
  EXPECT_THAT(fits.call({"AUTH", std::string(16'384, 'x')}), StartsWith("-WRONGPASS "));
  RawClient client = rig().connect();
  ASSERT_TRUE(client.send({"AUTH", std::string(16'385, 'x')}));
  EXPECT_THAT(client.read_to_end(3000ms), StartsWith("-ERR Protocol error: "));
  EXPECT_TRUE(client.closed());
}

TEST_F(LoginLimits, Case68TheLoginDeadlineHoldsWhateverIsSent) {
  rig([](server::Config& config) { config.limits.login_deadline = 1500ms; });
  const auto begin = std::chrono::steady_clock::now();
  RawClient silent = rig().connect(), half = rig().connect(), slow = rig().connect(),
            asking = rig().connect(), resetting = rig().connect();
  const std::string login = packet({{"AUTH", rig().token("alice")}});
  ASSERT_TRUE(half.send(login.substr(0, login.size() / 2)));
  std::vector<RawClient*> open{&silent, &half, &slow, &asking, &resetting};
  for (std::size_t sent = 0; !open.empty() && sent < 40; ++sent) {
    (void)slow.send(login.substr(sent, 1));
    (void)asking.send({"PING"});
    (void)resetting.send({"RESET"});
    std::erase_if(open, [](RawClient* one) {
      (void)one->read_some(20ms);
      return one->closed();
    });
  }
  EXPECT_TRUE(open.empty()) << open.size() << " still open";
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);
}

TEST_F(LoginLimits, Case72AFloodOfBadTokensDoesNotLockOutGoodOnes) {
  rig([](server::Config& config) { config.limits.failed_logins_per_minute = 5; });
  const std::string known = rig().token("alice");
  ASSERT_EQ(rig().connect().call({"AUTH", known}), "+OK\r\n");
  RawClient flood = rig().connect();
  for (int i = 0; i < 5; ++i)
    EXPECT_THAT(flood.call({"AUTH", "rubbish" + std::to_string(i)}), StartsWith("-WRONGPASS "));
  for (int i = 0; i < 20; ++i)
    EXPECT_THAT(flood.call({"AUTH", "rubbish" + std::to_string(i)}), StartsWith("-ERR too many"));
  EXPECT_EQ(rig().connect().call({"AUTH", rig().token("bob")}), "+OK\r\n")
      << "of an issuer that has nothing to do with it";
  // Tokens of the issuer itself, signed by somebody else.
  const std::string good = rig().token("carol");
  for (int i = 0; i < 5; ++i) {
    std::string forged = rig().token("carol" + std::to_string(i));
    forged[forged.size() - 20] = forged[forged.size() - 20] == 'A' ? 'B' : 'A';
    EXPECT_THAT(flood.call({"AUTH", forged}), StartsWith("-WRONGPASS "));
  }
  EXPECT_THAT(rig().connect().call({"AUTH", good}), StartsWith("-ERR too many"));
  EXPECT_EQ(rig().connect().call({"AUTH", known}), "+OK\r\n") << "known to be good";
  EXPECT_EQ(rig().records("\"too_many_failures\"").size(), 2U) << "one of each kind, not one each";
}

TEST_F(LoginLimits, TheSameBadTokenTwiceIsOneFailure) {
  rig([](server::Config& config) { config.limits.failed_logins_per_minute = 3; });
  RawClient client = rig().connect();
  for (int i = 0; i < 12; ++i)
    EXPECT_THAT(client.call({"AUTH", "rubbish"}), StartsWith("-WRONGPASS ")) << i;
}

TEST_F(LoginLimits, AServerThatHammersWithOneTokenDoesNotLockOutItsNextOne) {
  rig([](server::Config& config) { config.limits.failed_logins_per_minute = 3; });
  std::string forged = rig().token("alice");
  forged[forged.size() - 20] = forged[forged.size() - 20] == 'A' ? 'B' : 'A';
  RawClient client = rig().connect();
  for (int i = 0; i < 30; ++i)
    EXPECT_THAT(client.call({"AUTH", forged}), StartsWith("-WRONGPASS ")) << i;
  EXPECT_THAT(client.call({"AUTH", forged}), StartsWith("-ERR too many"));
  EXPECT_EQ(rig().connect().call({"AUTH", rig().token("alice")}), "+OK\r\n");
  EXPECT_THAT(client.call({"AUTH", forged}), StartsWith("-ERR too many"));
}

TEST_F(LoginLimits, LoginsOfOneIdentityAndOfOneAddress) {
  rig([](server::Config& config) {
    config.limits.logins_per_identity = 3;
    config.limits.logins_per_source = 5;
  });
  const std::string token = rig().token("alice");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rig().connect().call({"AUTH", token}), "+OK\r\n");
  RawClient client = rig().connect();
  EXPECT_THAT(client.call({"AUTH", token}), StartsWith("-ERR too many logins of this identity"));
  EXPECT_EQ(rig().records("\"login_rate\"", "denied").size(), 1U);
  EXPECT_EQ(client.call({"AUTH", rig().token("bob")}), "+OK\r\n");
  EXPECT_THAT(client.call({"AUTH", rig().token("bob")}), StartsWith("-ERR too many logins from"));
  EXPECT_EQ(client.call({"SET", "app:k", "v"}), "+OK\r\n") << "the session stays";
}

TEST_F(LoginLimits, ConnectionsOfOneAddress) {
  rig([](server::Config& config) { config.limits.connections_per_source = 3; });
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(rig().client());
  RawClient refused = rig().connect();
  EXPECT_EQ(refused.read_to_end(3000ms), "");
  EXPECT_TRUE(refused.closed());
  clients.pop_back();
  EXPECT_TRUE(eventually([&] {
    RawClient client = rig().connect();
    return client.call({"AUTH", rig().token("alice")}) == "+OK\r\n";
  }));
}

TEST_F(LoginLimits, ConnectionsThatAreNotLoggedIn) {
  rig([](server::Config& config) { config.limits.waiting_logins = 10; });
  std::vector<RawClient> logged_in;
  for (int i = 0; i < 12; ++i) logged_in.push_back(rig().client());
  std::vector<RawClient> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.push_back(rig().connect());
    EXPECT_THAT(waiting.back().call({"PING"}), StartsWith("-NOAUTH "));
  }
  RawClient refused = rig().connect();
  EXPECT_EQ(refused.read_to_end(3000ms), "");
  EXPECT_TRUE(refused.closed());
  EXPECT_EQ(logged_in[0].call({"RESET"}), "+RESET\r\n");
  EXPECT_EQ(logged_in[1].call({"SET", "app:k", "v"}), "+OK\r\n");
}

// A source that connects and logs in badly as fast as it can, and a client that works meanwhile.
TEST_F(LoginLimits, Case72WhoIsThereDoesNotNoticeAFlood) {
  rig();
  RawClient working = rig().client();
  std::atomic<bool> stop{false};
  std::atomic<int> attempts{0};
  std::thread flood([&] {
    for (int i = 0; !stop; ++i) {
      RawClient one = rig().connect();
      (void)one.call({"AUTH", "rubbish" + std::to_string(i % 100)});
      ++attempts;
    }
  });
  std::vector<std::chrono::microseconds> took;
  const auto until = std::chrono::steady_clock::now() + 1s;
  while (std::chrono::steady_clock::now() < until) {
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_EQ(working.call({"SET", "app:k", "v"}), "+OK\r\n");
    took.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - begin));
  }
  stop = true;
  flood.join();
  std::sort(took.begin(), took.end());
  EXPECT_GT(attempts, 60);
  EXPECT_LT(took[took.size() * 99 / 100], 50ms) << "p99 of " << took.size();
}

TEST_F(LoginLimits, AnswersReachAClientThatStillSends) {
  // Two answers and then QUIT, with much more behind it that nobody reads: a close with unread
  // input would reset the connection under the answers.
  for (int i = 0; i < 20; ++i) {
    RawClient client = rig().client();
    std::string all =
        packet({{"SET", "app:k", std::string(200'000, 'x')}, {"GET", "app:k"}, {"QUIT"}});
    const std::string more = packet({{"SET", "app:j", std::string(50'000, 'y')}});
    for (int n = 0; n < 4; ++n) all += more;
    std::thread sending([&] { (void)client.send(all); });
    std::this_thread::sleep_for(20ms);
    const std::string got = client.read_to_end(3000ms);
    sending.join();
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(got.size(), 5 + 9 + 200'000 + 2 + 5) << i;
  }
}

}  // namespace
}  // namespace keyward
