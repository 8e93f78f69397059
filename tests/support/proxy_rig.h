// A whole Keyward in this process: Server with one shard, a real redis-server behind a ChaosRedis,
// certificates, an issuer and policies of the test's own.
#pragma once

#include "support/chaos_redis.h"
#include "support/raw_client.h"
#include "support/redis_server.h"
#include "support/temp_dir.h"
#include "support/test_certs.h"

#include "keyward/audit/verify.h"
#include "keyward/base/log.h"
#include "keyward/identity/dev_issuer.h"
#include "keyward/server/server.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

namespace keyward::test {

using namespace std::chrono_literals;

// Groups: "workers" may everything below app:, "others" below other:, "slow" and "few" are limited.
inline constexpr const char* kRigPolicy = R"(apiVersion: keyward/v1
team: rig
owners: [rig@example.com]
grants:
  - name: worker
    who: [{issuer: dev, groups: [workers]}]
    databases: [0, 1]
    allow:
      - commands: ["@read", "@write", "@blocking", "@transaction", "-@dangerous"]
        keys: ["app:*"]
      - commands: [publish, subscribe, unsubscribe, psubscribe, punsubscribe]
        channels: ["app:*"]
  - name: other
    who: [{issuer: dev, groups: [others]}]
    allow:
      - commands: ["@read", "@write"]
        keys: ["other:*"]
  - name: slow
    who: [{issuer: dev, groups: [slow]}]
    allow:
      - {commands: ["@read", "@write", "@transaction"], keys: ["app:*"]}
    limits: {commands_per_second: 40}
  - name: few
    who: [{issuer: dev, groups: [few]}]
    allow:
      - {commands: ["@read", "@write"], keys: ["app:*"]}
    limits: {connections: 2, max_value: 1MiB}
  - name: scripts
    who: [{issuer: dev, groups: [scripts]}]
    allow:
      - {commands: [get, set, eval], keys: ["app:*"]}
)";

// Waits for something that other threads do.
inline bool eventually(const std::function<bool()>& condition,
                       std::chrono::milliseconds wait = 8000ms) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

// How much more than expected resident_bytes() may be: sanitizers keep freed memory for a while.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::size_t kSlack = 400UL * 1024 * 1024;
#else
inline constexpr std::size_t kSlack = 0;
#endif
inline std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

class ProxyRig {
 public:
  using Change = std::function<void(server::Config&)>;

  // `clock`: one of the test's own, which outlives the rig.
  explicit ProxyRig(const Change& change = {}, const std::string& policy = kRigPolicy,
                    const Clock* clock = nullptr)
      : clock_(clock), chaos_(redis_.port()), key_(std::move(*identity::SigningKey::generate())) {
    const char* level = std::getenv("KEYWARD_TEST_LOG");
    log::setup(level != nullptr ? level : "error", false);
    std::filesystem::create_directories(dir_.file("policies"));
    write_policy(policy);
    if (!key_.save_public_jwks(dir_.file("jwks.json"))) throw std::runtime_error("jwks");
    // Another test may have taken a port that was free a moment ago.
    for (int tries = 1;; ++tries) {
      config_ = config();
      if (change) change(config_);
      try {
        start();
        return;
      } catch (const std::runtime_error& error) {
        if (tries == 5 || std::string(error.what()).find("in use") == std::string::npos) throw;
      }
    }
  }
  ~ProxyRig() { stop(); }

  void start() {
    auto made = server::Server::create(config_, clock_);
    if (!made) throw std::runtime_error(made.error().message());
    server_ = std::move(*made);
    std::promise<void> ready;
    thread_ = std::thread([this, &ready] { server_->run([&ready] { ready.set_value(); }); });
    ready.get_future().wait();
  }
  // Drains and stops; the trail is closed afterwards.
  void stop() {
    if (!server_) return;
    server_->stop();
    thread_.join();
    server_.reset();
  }

  [[nodiscard]] RedisServer& redis() { return redis_; }
  [[nodiscard]] ChaosRedis& chaos() { return chaos_; }
  [[nodiscard]] std::uint16_t port() const { return config_.listeners[0].endpoint.port; }
  [[nodiscard]] std::uint16_t tls_port() const { return config_.listeners[1].endpoint.port; }
  [[nodiscard]] const TestCerts& certs() const { return certs_; }
  [[nodiscard]] std::string file(const std::string& name) const { return dir_.file(name); }

  [[nodiscard]] std::string token(const std::string& subject, const std::string& group = "workers",
                                  std::chrono::seconds life = 600s) {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    boost::json::object claims;
    claims["iss"] = "https://dev.example.com";
    claims["sub"] = subject;
    claims["aud"] = "keyward";
    claims["groups"] = boost::json::array{boost::json::string(group)};
    claims["iat"] = now;
    claims["exp"] = now + life.count();
    claims["jti"] = subject + std::to_string(++tokens_);
    return std::string(key_.sign(claims)->reveal());
  }
  [[nodiscard]] RawClient connect() const { return RawClient(port()); }
  // Logged in, with RESP2 or RESP3.
  [[nodiscard]] RawClient client(const std::string& subject = "alice", int protocol = 2,
                                 const std::string& group = "workers") {
    RawClient made = connect();
    const std::string secret = token(subject, group);
    const std::string answer = protocol == 3 ? made.call({"HELLO", "3", "AUTH", "default", secret})
                                             : made.call({"AUTH", secret});
    EXPECT_TRUE(answer.starts_with(protocol == 3 ? "%7" : "+OK")) << answer;
    return made;
  }

  void write_policy(const std::string& policy) {
    std::ofstream(dir_.file("policies/rig.yaml"), std::ios::binary | std::ios::trunc) << policy;
  }
  // Takes effect in every shard before it returns.
  void reload(const std::string& policy) {
    const auto before = metric("keyward_policy_reloads_total");
    write_policy(policy);
    ::kill(::getpid(), SIGHUP);
    ASSERT_TRUE(eventually([&] { return metric("keyward_policy_reloads_total") > before; }));
  }

  [[nodiscard]] double metric(const std::string& name) const {
    RawClient admin(config_.admin.endpoint.port);
    admin.send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const std::string page = admin.read_to_end();
    for (std::size_t at = page.find("\n" + name); at != std::string::npos;
         at = page.find("\n" + name, at + 1)) {
      const char next = page[at + 1 + name.size()];
      if (next == ' ' || next == '{') return std::stod(page.substr(page.find(' ', at + 1) + 1));
    }
    ADD_FAILURE() << "no metric " << name << " in\n" << page;
    return -1;
  }
  // What the API below /v1/ answers, head and body.
  [[nodiscard]] std::string post(const std::string& path, const std::string& body) const {
    RawClient admin(config_.admin.endpoint.port);
    admin.send("POST " + path +
               " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Keyward-Request: 1\r\n"
               "Content-Type: application/json\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body);
    return admin.read_to_end();
  }
  // Gauges are published once a second.
  [[nodiscard]] bool becomes(const std::string& name, double value) const {
    return eventually([&] { return metric(name) == value; });
  }

  // Records of a kind of outcome whose line holds `text`; "" for any outcome.
  [[nodiscard]] std::vector<std::string> records(const std::string& text,
                                                 const std::string& outcome = "") const {
    // Of what went well OCSF's status says all.
    const std::string wanted =
        outcome == "ok" ? "\"status_id\":1," : "\"outcome\":\"" + outcome + "\"";
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.file("audit"))) {
      if (entry.path().extension() != ".jsonl") continue;
      std::ifstream file(entry.path());
      EXPECT_TRUE(file.is_open()) << entry.path() << ": " << std::strerror(errno);
      for (std::string line; std::getline(file, line);) {
        if (line.find(text) == std::string::npos) continue;
        if (!outcome.empty() && line.find(wanted) == std::string::npos) continue;
        found.push_back(line);
      }
      EXPECT_TRUE(file.eof() && !file.bad()) << entry.path() << " was read only in part";
    }
    return found;
  }
  [[nodiscard]] std::string audit_directory() const { return dir_.file("audit"); }
  // Stops, then asks the verifier.
  void expect_whole_trail() {
    stop();
    const auto report = audit::verify(audit_directory());
    ASSERT_TRUE(report) << report.error().message();
    for (const auto& stream : report->streams) {
      EXPECT_TRUE(stream.whole) << stream.stream << ": " << stream.problem << " " << stream.file
                                << ":" << stream.line;
      EXPECT_EQ(stream.crashes, 0U) << stream.stream;
    }
  }

 private:
  [[nodiscard]] server::Config config() const {
    server::Config made;
    made.instance = "rig";
    made.shards = 1;
    proxy::ListenerConfig plain;
    plain.name = "plain";
    plain.endpoint = {net::Endpoint::Kind::tcp, "127.0.0.1", free_port()};
    proxy::ListenerConfig tls;
    tls.name = "tls";
    tls.endpoint = {net::Endpoint::Kind::tls, "127.0.0.1", free_port()};
    tls.tls = certs_.server();
    made.listeners = {plain, tls};
    made.upstream.endpoint = {net::Endpoint::Kind::tcp, "127.0.0.1", chaos_.port()};
    identity::IssuerConfig issuer;
    issuer.alias = "dev";
    issuer.issuer = "https://dev.example.com";
    issuer.audiences = {"keyward"};
    issuer.algorithms = {"ES256"};
    issuer.jwks_file = dir_.file("jwks.json");
    made.issuers = {issuer};
    made.policies = dir_.file("policies");
    made.audit_directory = dir_.file("audit");
    made.admin.endpoint = {net::Endpoint::Kind::tcp, "127.0.0.1", free_port()};
    made.lease.instance = made.instance;
    made.lease.linger = 500ms;
    made.limits.drain_deadline = 1000ms;
    return made;
  }

  const Clock* clock_;
  TempDir dir_;
  TestCerts certs_;
  RedisServer redis_;
  ChaosRedis chaos_;
  identity::SigningKey key_;
  server::Config config_;
  std::unique_ptr<server::Server> server_;
  std::thread thread_;
  int tokens_ = 0;
};

// Fixture of tests that start their rig when they know how.
class RigTest : public ::testing::Test {
 protected:
  void start(const ProxyRig::Change& change = {}) { rig_ = std::make_unique<ProxyRig>(change); }
  ProxyRig& rig() {
    if (!rig_) start();
    return *rig_;
  }
  std::string at_redis(std::initializer_list<std::string_view> args) {
    return rig().redis().raw().call(args);
  }
  // The first one of an answer: "+OK", "-NOPERM".
  static std::string word(const std::string& reply) {
    return reply.substr(0, reply.find_first_of(" \r"));
  }

 private:
  std::unique_ptr<ProxyRig> rig_;
};

}  // namespace keyward::test
