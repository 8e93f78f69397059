// What changes while the server runs: policy, certificates, what is known of Redis, and how all of
// it is told.
#include "server/metric_families.h"
#include "server/redis_facts.h"
#include "server/state.h"

#include "keyward/base/log.h"

#include <boost/asio/post.hpp>

namespace keyward::server {

namespace {

constexpr std::chrono::seconds kInfoEvery{5};

std::vector<std::string> aliases(const Config& config) {
  std::vector<std::string> names;
  for (const identity::IssuerConfig& issuer : config.issuers) names.push_back(issuer.alias);
  return names;
}

}  // namespace

Result<> Server::State::load_policy() {
  Diagnostics diagnostics;
  auto loaded = policy::Snapshot::load(config.policies, catalog, aliases(config), diagnostics);
  if (loaded == nullptr) return Error(Errc::invalid, diagnostics.text());
  for (const Diagnostic& diagnostic : diagnostics.all()) spdlog::warn("{}", diagnostic.text());
  policy = std::move(loaded);
  in_force.publish(policy);
  record_policy(true);
  return {};
}

void Server::State::record_policy(bool initial) {
  audit::Event event;
  event.kind = audit::Kind::policy_loaded;
  const std::string detail =
      policy->version() + (policy->commit().empty() ? "" : " commit " + policy->commit());
  event.detail = detail;
  event.reason = initial ? "start" : "reload";
  journal->append(event);
  (void)journal->flush();
}

// Everything is read and checked first; only then every shard gets the new values. Any failure
// keeps what is in force.
void Server::State::reload() {
  Diagnostics diagnostics;
  auto fresh = policy::Snapshot::load(config.policies, catalog, aliases(config), diagnostics);
  reload_certificates();
  if (fresh == nullptr) {
    ++reload_failures;
    spdlog::error("policy reload refused, version {} stays in force:\n{}", policy->version(),
                  diagnostics.text());
    return;
  }
  ++reloads;
  const bool changed = fresh->version() != policy->version();
  spdlog::info("policy reload: version {} {}", fresh->version(),
               changed ? "is now in force" : "unchanged");
  if (!changed) return;
  policy = std::move(fresh);
  record_policy(false);
  in_force.publish(policy);
  for (auto& thread : shards) {
    asio::post(thread->io, [shard = thread->shard.get()] { shard->policy_changed(); });
  }
}

// A command waits in Redis that the policy no longer allows. ERROR, so that its client is told
// apart from a wait that ran out.
void Server::State::unblock(std::uint64_t client) {
  control->call({"CLIENT", "UNBLOCK", std::to_string(client), "ERROR"},
                [](const Result<upstream::ControlReply>& reply) {
                  if (!reply) {
                    spdlog::warn("cannot end a wait in Redis: {}", reply.error().message());
                  } else if (reply->type == upstream::ControlReply::Type::error) {
                    spdlog::warn(
                        "Redis refused to end a wait: {}; grant +client|unblock to Keyward's user",
                        log::printable(reply->text));
                  }
                });
}

void Server::State::reload_certificates() {
  if (admin != nullptr && config.admin.endpoint.kind == net::Endpoint::Kind::tls) {
    if (auto made = net::make_server_context(config.admin.tls)) {
      admin->set_tls(*made);
    } else {
      spdlog::error("admin listener: new certificate refused, the old one stays: {}",
                    made.error().message());
    }
  }
  for (const proxy::ListenerConfig& listener : config.listeners) {
    if (listener.endpoint.kind != net::Endpoint::Kind::tls) continue;
    auto made = net::make_server_context(listener.tls);
    if (!made) {
      spdlog::error("listener {}: new certificate refused, the old one stays: {}", listener.name,
                    made.error().message());
      continue;
    }
    for (auto& thread : shards) {
      asio::post(thread->io, [shard = thread->shard.get(), name = listener.name, tls = *made] {
        shard->set_tls(name, tls);
      });
    }
  }
}

// INFO changes rarely; what clients see of it (loading, role) is at most this old.
void Server::State::poll_info() {
  timer->expires_after(kInfoEvery);
  timer->async_wait([this](const boost::system::error_code& error) {
    if (error || stopping) return;
    control->call({"INFO"}, [this](Result<upstream::ControlReply> reply) {
      if (!reply || reply->type != upstream::ControlReply::Type::string) return;
      auto fresh = std::make_shared<const proxy::ServerFacts>(reduce_info(reply->text));
      if (fresh->info == facts->info) return;
      facts = fresh;
      for (auto& thread : shards) {
        asio::post(thread->io, [shard = thread->shard.get(), fresh] { shard->set_facts(fresh); });
      }
    });
    poll_info();
  });
}

std::vector<admin::ReadyCheck> Server::State::readiness() const {
  std::vector<admin::ReadyCheck> checks;
  checks.push_back({"redis", control->up(), control->up() ? "" : "the control connection is down"});
  checks.push_back({"policy", policy != nullptr, policy != nullptr ? "" : "no policy is loaded"});
  bool healthy = journal->healthy();
  for (const auto& thread : shards)
    healthy = healthy && thread->shard->metrics().audit_healthy.get() == 1;
  checks.push_back(
      {"audit", healthy || !ready, healthy || !ready ? "" : "the audit trail cannot be written"});
  for (const auto& issuer : keys->status()) {
    checks.push_back(
        {"issuer " + issuer.alias, issuer.has_keys, issuer.has_keys ? "" : issuer.last_error});
  }
  checks.push_back({"serving", ready && !stopping,
                    stopping ? "shutting down"
                    : ready  ? ""
                             : "starting"});
  return checks;
}

std::vector<prometheus::MetricFamily> Server::State::metrics() const {
  MetricSources sources;
  for (const auto& thread : shards) sources.shards.push_back(&thread->shard->metrics());
  sources.leases = leases->counters();
  sources.issuers = keys->status();
  sources.redis_up = control->up();
  sources.policy_reloads = reloads;
  sources.policy_reload_failures = reload_failures;
  sources.policy_version = policy->version();
  return metric_families(sources);
}

}  // namespace keyward::server
