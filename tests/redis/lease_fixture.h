// A LeaseService in front of a real redis-server, driven by the test's own loop.
#pragma once

#include "lease/acl_user.h"
#include "support/loop.h"
#include "support/redis_server.h"
#include "support/temp_dir.h"
#include "unit/policy/policy_folder.h"

#include "keyward/lease/lease_service.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace keyward::lease {

using namespace std::chrono_literals;
using policy::test::PolicyFolder;
using test::RedisServer;
using test::run_until;
using test::text_of;

inline constexpr const char* kTeam =
    "    allow:\n"
    "      - {commands: [get, set, blpop, lpush], keys: [\"team:*\"]}\n"
    "      - {commands: [psubscribe, punsubscribe, subscribe, publish], channels: [\"news:*\"]}\n";

inline std::vector<std::string> users(const RedisServer& redis) {
  const auto reply = redis.hiredis().call({"ACL", "USERS"});
  std::vector<std::string> names;
  for (std::size_t index = 0; index < reply->elements; ++index)
    names.emplace_back(reply->element[index]->str);
  return names;
}

inline bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

inline std::string login(test::Hiredis& client, const Lease& lease) {
  return text_of(client.call({"AUTH", lease.user, lease.password.reveal()}));
}

class LeaseTest : public testing::Test {
 protected:
  void SetUp() override {
    grants = policy::test::grants_of(folder.grant(kTeam));
    ASSERT_TRUE(grants) << folder.said();
    auto made = audit::Journal::open({trail.path(), "test", "control", "redis"}, clock);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    journal = std::move(*made);
    open(redis.port());
  }
  // A service whose Redis is there.
  void open(std::uint16_t port) {
    upstream::UpstreamConfig config;
    config.endpoint = {net::Endpoint::Kind::tcp, "127.0.0.1", port};
    service.reset();
    control = std::make_unique<upstream::Control>(io, config);
    service = std::make_unique<LeaseService>(io, *control, settings, *journal, clock);
  }
  void start() {
    control->start(
        [this] {
          service->on_control_up(
              [this](const Result<>& done) { reconciled += done.has_value() ? 1 : 0; });
        },
        [](const std::string&) {});
    ASSERT_TRUE(run_until(io, [this] { return reconciled == 1; }));
  }
  Result<LeasePtr> acquire(const std::string& principal,
                           std::shared_ptr<const policy::Grants> rights = nullptr) {
    std::optional<Result<LeasePtr>> result;
    service->acquire(principal, rights ? rights : grants,
                     [&result](Result<LeasePtr> one) { result = std::move(one); });
    EXPECT_FALSE(result.has_value()) << "never from inside the call";
    if (!run_until(io, [&result] { return result.has_value(); }))
      return Error(Errc::timeout, "no answer");
    return std::move(*result);
  }
  template <class Start>
  Result<> wait(Start start_it) {
    std::optional<Result<>> result;
    start_it([&result](Result<> one) { result = one; });
    if (!run_until(io, [&result] { return result.has_value(); }))
      return Error(Errc::timeout, "no answer");
    return *result;
  }
  Result<> repair(const std::string& user) {
    return wait([&](auto done) { service->repair(user, Refusal::login, done); });
  }
  Result<> allow(const std::string& user, const std::string& pattern) {
    return wait([&](auto done) { service->allow_literal_channel(user, pattern, done); });
  }
  std::string records() const {
    std::ifstream file(journal->path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Records that name both.
  std::size_t count(const std::string& one, const std::string& other) const {
    std::istringstream lines(records());
    std::size_t found = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.find(one) != std::string::npos && line.find(other) != std::string::npos) ++found;
    }
    return found;
  }

  // With a file for ACL LOAD, which knows nobody but the default user.
  static std::string acl_file(const test::TempDir& in) {
    const std::string path = in.file("users.acl");
    std::ofstream(path) << "user default on nopass ~* &* +@all\n";
    return path;
  }

  test::TempDir acl;
  RedisServer redis{{"--aclfile", acl_file(acl)}};
  LeaseConfig settings{.instance = "test", .linger = 200ms, .max_users = 3, .acl_log_every = 50ms};
  PolicyFolder folder;
  test::TempDir trail;
  SystemClock clock;
  boost::asio::io_context io;
  std::shared_ptr<const policy::Grants> grants;
  std::unique_ptr<audit::Journal> journal;
  std::unique_ptr<upstream::Control> control;
  std::unique_ptr<LeaseService> service;
  int reconciled = 0;
};

}  // namespace keyward::lease
