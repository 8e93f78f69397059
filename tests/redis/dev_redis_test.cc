// The child redis-server of `keyward dev`: who may do what there, and that it does not outlive its
// parent.
#include "cli/dev_redis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace keyward::cli {
namespace {

using testing::StartsWith;

class ChildServer : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "keyward-child-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
  Secret password_{"a password of the test"};
};

class Connection {
 public:
  explicit Connection(std::uint16_t port) : context_(redisConnect("127.0.0.1", port)) {}
  ~Connection() { redisFree(context_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  [[nodiscard]] bool connected() const { return context_ != nullptr && context_->err == 0; }
  std::string operator()(std::vector<const char*> argv) {
    void* raw = redisCommandArgv(context_, static_cast<int>(argv.size()), argv.data(), nullptr);
    if (raw == nullptr) return "closed";
    auto* reply = static_cast<redisReply*>(raw);
    std::string text = reply->str == nullptr
                           ? "type " + std::to_string(reply->type)
                           : std::string(reply->str, static_cast<std::size_t>(reply->len));
    freeReplyObject(reply);
    return text;
  }

 private:
  redisContext* context_;
};

TEST_F(ChildServer, IsClosedToEveryoneButTheAdminUser) {
  auto server = DevRedis::start(folder_, password_);
  ASSERT_TRUE(server) << server.error().message();
  Connection redis((*server)->port());
  ASSERT_TRUE(redis.connected());
  EXPECT_THAT(redis({"PING"}), StartsWith("NOAUTH"));
  EXPECT_THAT(redis({"AUTH", kAdminUser, "wrong"}), StartsWith("WRONGPASS"));
  const std::string password(password_.reveal());
  EXPECT_EQ(redis({"AUTH", kAdminUser, password.c_str()}), "OK");
  EXPECT_EQ(redis({"PING"}), "PONG");
  EXPECT_EQ(redis({"ACL", "SETUSER", "kw_test", "reset", "on", ">x", "~a:*", "-@all", "+get"}),
            "OK");
  EXPECT_EQ(redis({"ACL", "DRYRUN", "kw_test", "GET", "a:k"}), "OK");
  EXPECT_EQ(redis({"ACL", "DELUSER", "kw_test"}), "type 3");
  for (const auto& refused : std::vector<std::vector<const char*>>{{"GET", "k"},
                                                                   {"SET", "k", "v"},
                                                                   {"KEYS", "*"},
                                                                   {"SCAN", "0"},
                                                                   {"DBSIZE"},
                                                                   {"ACL", "LIST"},
                                                                   {"ACL", "SAVE"},
                                                                   {"ACL", "LOAD"},
                                                                   {"CONFIG", "GET", "*"},
                                                                   {"CONFIG", "SET", "dir", "/"},
                                                                   {"SHUTDOWN"},
                                                                   {"CLIENT", "NO-EVICT", "ON"},
                                                                   {"PUBLISH", "c", "m"},
                                                                   {"EVAL", "return 1", "0"},
                                                                   {"MONITOR"},
                                                                   {"FLUSHALL"},
                                                                   {"REPLICAOF", "no", "one"},
                                                                   {"MODULE", "LIST"}}) {
    EXPECT_THAT(redis(refused), StartsWith("NOPERM")) << refused[0];
  }
}

TEST_F(ChildServer, EndsWithItsOwnerAndKeepsItsPort) {
  std::uint16_t port = 0;
  {
    auto server = DevRedis::start(folder_, password_);
    ASSERT_TRUE(server) << server.error().message();
    port = (*server)->port();
  }
  EXPECT_FALSE(Connection(port).connected());
  auto again = DevRedis::start(folder_, password_);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ((*again)->port(), port);
}

TEST_F(ChildServer, EndsWhenItsParentIsKilled) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    auto server = DevRedis::start(folder_, password_);
    const std::uint16_t port = server ? (*server)->port() : std::uint16_t{0};
    if (write(ends[1], &port, sizeof port) != sizeof port) _exit(1);
    for (;;) pause();
  }
  std::uint16_t port = 0;
  ASSERT_EQ(read(ends[0], &port, sizeof port), static_cast<ssize_t>(sizeof port));
  close(ends[0]);
  close(ends[1]);
  ASSERT_NE(port, 0);
  EXPECT_TRUE(Connection(port).connected());
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  bool gone = false;
  for (int i = 0; i < 500 && !gone; ++i) {
    gone = !Connection(port).connected();
    if (!gone) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(gone);
}

TEST_F(ChildServer, SaysWhereToLookWhenItCannotStart) {
  ASSERT_EQ(setenv("PATH", folder_.c_str(), 1), 0);
  const auto server = DevRedis::start(folder_, password_);
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().message(), testing::HasSubstr("--redis"));
}

}  // namespace
}  // namespace keyward::cli
