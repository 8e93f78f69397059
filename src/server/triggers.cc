// The engine of triggers with its thread, its Redis user and its audit stream.
#include "server/state.h"

#include "keyward/base/hash.h"
#include "keyward/base/log.h"
#include "keyward/base/thread_name.h"
#include "keyward/server/trigger_connections.h"
#include "keyward/trigger/redis_user.h"

#include <boost/asio/post.hpp>

namespace keyward::server {
namespace {

constexpr std::chrono::seconds kAnswersUnderWay{10};
constexpr std::chrono::milliseconds kMakeUserAgain{1000};
constexpr std::size_t kPasswordBytes = 32;

}  // namespace

bool has_connections(const policy::Snapshot& policy,
                     const std::vector<trigger::Connection>& connections,
                     Diagnostics& diagnostics) {
  if (connections.empty() && !policy.triggers().empty()) {
    const trigger::Rule& first = policy.triggers().front();
    diagnostics.warning(first.file, first.line, 0,
                        "this instance attests what triggers wait for, and starts nothing",
                        "triggers: {connections: [...]} in keyward.yaml of the instances that do");
    return true;
  }
  bool all = true;
  for (const trigger::Rule& rule : policy.triggers())
    all = trigger::connection_of(rule, connections, diagnostics) != nullptr && all;
  return all;
}

// Without connections an instance leaves triggers to others.
Result<> Server::State::build_triggers() {
  if (config.triggers.connections.empty()) return {};
  auto thread = std::make_unique<TriggerThread>(io);
  thread->password = Secret(base64url_encode(random_bytes(kPasswordBytes)));
  auto opened = open_journal("trigger");
  if (!opened) return opened.error();
  trigger::EngineConfig engine;
  engine.redis = config.upstream;
  engine.redis.admin_user = trigger::redis_user(config.instance);
  engine.redis.admin_password_file.clear();
  engine.redis.admin_password = [password = thread->password]() -> Result<Secret> {
    return password;
  };
  engine.instance = config.instance;
  engine.connections = config.triggers.connections;
  engine.claim_after = config.triggers.claim_after;
  thread->engine = std::make_unique<trigger::Engine>(
      thread->io, std::move(engine), std::move(*opened), clock,
      [this] { asio::post(io, [this] { make_trigger_user(); }); });
  triggers = std::move(thread);
  return {};
}

// Its rights are those of the rules in force; only then the engine hears of the rules.
void Server::State::make_trigger_user() {
  if (triggers == nullptr || stopping || policy == nullptr) return;
  triggers->retry.cancel();
  const std::vector<trigger::Rule> rules = policy->triggers();
  if (rules.empty()) return triggers->engine->set_rules({});
  if (!control->up()) return;  // the next control connection comes here
  control->call(trigger::make_redis_user(config.instance, triggers->password, rules,
                                         catalog->has_selectors()),
                [this, rules](const Result<upstream::ControlReply>& reply) {
                  if (stopping) return;
                  const bool refused =
                      reply.has_value() && reply->type == upstream::ControlReply::Type::error;
                  if (reply.has_value() && !refused) return triggers->engine->set_rules(rules);
                  spdlog::error("triggers: their Redis user cannot be made: {}",
                                refused ? reply->text : reply.error().message());
                  triggers->retry.expires_after(kMakeUserAgain);
                  triggers->retry.async_wait([this](const boost::system::error_code& error) {
                    if (!error) make_trigger_user();
                  });
                });
}

void Server::State::start_triggers() {
  if (triggers == nullptr) return;
  triggers->thread = std::thread([this] {
    name_thread("trigger");
    triggers->io.run();
  });
  triggers->engine->set_keys(attestation);
  make_trigger_user();
}

// What is under way is waited for; the user goes before those of the clients.
void Server::State::drain_triggers(std::function<void()> done) {
  if (triggers == nullptr) return done();
  triggers->retry.cancel();
  triggers->engine->drain(kAnswersUnderWay, [this, done = std::move(done)] {
    asio::post(io, [this, done] {
      control->call({"ACL", "DELUSER", trigger::redis_user(config.instance)},
                    [](const Result<upstream::ControlReply>&) {});
      done();
    });
  });
}

}  // namespace keyward::server
