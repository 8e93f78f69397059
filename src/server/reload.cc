// What changes while the server runs: policy, certificates, what is known of Redis, and how all of
// it is told.
#include "server/metric_families.h"
#include "server/redis_facts.h"
#include "server/state.h"

#include "keyward/base/log.h"
#include "keyward/server/static_user.h"

#include <boost/asio/post.hpp>

namespace keyward::server {

namespace {

constexpr std::chrono::seconds kInfoEvery{5};

std::vector<std::string> aliases(const Config& config) {
  std::vector<std::string> names;
  for (const identity::IssuerConfig& issuer : config.issuers) names.push_back(issuer.alias);
  return names;
}

// Complaints for a record: the first of them, and how many there are.
std::string first_of(const Diagnostics& diagnostics) {
  std::size_t errors = 0;
  std::string first;
  for (const Diagnostic& one : diagnostics.all()) {
    if (one.level != Diagnostic::Level::error) continue;
    if (++errors == 1) first = one.text();
  }
  if (errors > 1) first += " (and " + std::to_string(errors - 1) + " more)";
  return first;
}

}  // namespace

PolicySource Server::State::policy_source() const {
  return {.folder = config.policies,
          .catalog = catalog,
          .issuers = aliases(config),
          .signers = config.policy_signers,
          .static_user = config.lease.static_user,
          .connections = config.triggers.connections};
}

// At the start nothing is served yet: loaded here and now.
Result<> Server::State::load_policy() {
  const PolicyAttempt attempt = load_policies(policy_source(), "start", clock);
  if (attempt.snapshot == nullptr) return Error(Errc::invalid, attempt.diagnostics.text());
  for (const Diagnostic& diagnostic : attempt.diagnostics.all())
    spdlog::warn("{}", diagnostic.text());
  put_in_force(attempt);
  last_attempt = attempt;
  last_attempt.snapshot = nullptr;
  loader = std::make_unique<PolicyLoader>(io, clock, policy_source(),
                                          [this](const PolicyAttempt& one) { settle(one); });
  return {};
}

void Server::State::watch_policies() {
  if (!config.watch_policies) return;
  watch = std::make_unique<FolderWatch>(io, config.policies, FolderWatch::Pace{},
                                        [this] { (void)reload_policy("watch", {}); });
  if (const Result<> started = watch->start(); !started) {
    // Serving goes on: SIGHUP and the API work all the same.
    spdlog::error("{}", started.error().message());
    watch.reset();
  }
}

bool Server::State::reload_policy(const std::string& trigger, std::function<void()> done) {
  if (stopping) return false;
  PolicyLoader::Done told;
  if (done) told = [done = std::move(done)](const PolicyAttempt&) { done(); };
  return loader->request(trigger, std::move(told));
}

// Everything was read and checked; only then every shard gets the new version. Any failure keeps
// what is in force.
void Server::State::settle(const PolicyAttempt& attempt) {
  last_attempt = attempt;
  last_attempt.snapshot = nullptr;
  last_changed = false;
  if (attempt.snapshot == nullptr) {
    ++reload_failures;
    spdlog::error("policy reload ({}) refused, version {} stays in force:\n{}", attempt.trigger,
                  policy->version(), attempt.diagnostics.text());
    return record_policy(attempt);
  }
  for (const Diagnostic& diagnostic : attempt.diagnostics.all())
    spdlog::warn("{}", diagnostic.text());
  ++reloads;
  last_changed = attempt.snapshot->version() != policy->version() ||
                 attempt.snapshot->commit() != policy->commit();
  spdlog::info("policy reload ({}): version {} {}", attempt.trigger, attempt.snapshot->version(),
               last_changed ? "is now in force" : "unchanged");
  if (last_changed) put_in_force(attempt);
}

void Server::State::put_in_force(const PolicyAttempt& attempt) {
  policy = attempt.snapshot;
  policy_loaded_at = attempt.at;
  policy_loaded_by = attempt.trigger;
  // Its record stands before that of any decision by it.
  record_policy(attempt);
  if (const std::string note = static_user_note(*policy, config.lease.static_user); !note.empty())
    spdlog::warn("{}", note);
  renew_attestation();  // before sessions learn of the rules
  in_force.publish(policy);
  keeper->set_policy_version(policy->version());
  if (desk != nullptr) desk->policy_changed();
  for (auto& thread : shards) {
    asio::post(thread->io, [shard = thread->shard.get()] { shard->policy_changed(); });
  }
  make_trigger_user();
}

// The detail is the version in force afterwards.
void Server::State::record_policy(const PolicyAttempt& attempt) {
  const bool loaded = attempt.snapshot != nullptr;
  const std::string detail =
      policy->version() + (policy->commit().empty() ? "" : " commit " + policy->commit());
  std::string reason = attempt.trigger == "start" ? "start" : "reload by " + attempt.trigger;
  if (!loaded) reason += " refused: " + first_of(attempt.diagnostics);
  audit::Event event;
  event.kind = audit::Kind::policy_loaded;
  event.outcome = loaded ? audit::Outcome::ok : audit::Outcome::error;
  event.detail = detail;
  event.reason = reason;
  journal->append(event);
  (void)journal->flush();
}

admin::PolicyStatus Server::State::policy_status() const {
  admin::PolicyStatus out;
  out.version = policy->version();
  out.commit = policy->commit();
  out.folder = config.policies;
  out.number = in_force.number();
  out.loaded_at = policy_loaded_at;
  out.loaded_by = policy_loaded_by;
  out.grants = policy->grants().size();
  out.expectations = policy->expectations();
  out.signed_by = config.policy_signers;
  out.watching = watch != nullptr;
  out.reloads = reloads;
  out.failures = reload_failures;
  out.last_attempt = {.at = last_attempt.at,
                      .ok = !last_attempt.diagnostics.failed(),
                      .changed = last_changed,
                      .trigger = last_attempt.trigger,
                      .took = last_attempt.took,
                      .diagnostics = last_attempt.diagnostics};
  return out;
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
    tell_refused_calls(clock.mono());
    if (journal->outlived()) (void)journal->flush();
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
  // A password that Redis refuses does not hurt as long as the connection lasts; taking the
  // instance out of service for it would.
  const std::string& redis = control->trouble();
  checks.push_back(
      {"redis", control->up(), control->up() ? redis : "the control connection is down: " + redis});
  if (const std::string rival = leases->rival(); !rival.empty())
    checks.push_back({"instance", false, rival});
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
  if (policy != nullptr) {
    if (const std::string note = static_user_note(*policy, config.lease.static_user); !note.empty())
      checks.push_back({"static user", true, note});
  }
  // An instance that cannot exchange them serves on with those it knows.
  const fleet::Revocations::Counters known = revocations->counters();
  std::string trouble = known.trouble;
  if (trouble.empty() && known.unreadable > 0)
    trouble = std::to_string(known.unreadable) + " records in Redis cannot be opened";
  checks.push_back({"revocations", true, trouble});
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
  if (desk != nullptr) sources.credentials = desk->counters();
  sources.issuers = keys->status();
  sources.revocations = revocations->counters();
  if (sources.revocations.last)
    sources.revocations_age =
        std::chrono::duration<double>(clock.mono() - *sources.revocations.last).count();
  sources.redis_up = control->up();
  sources.admin_refused = control->up() && !control->trouble().empty();
  sources.policy_reloads = reloads;
  sources.policy_reload_failures = reload_failures;
  sources.policy_version = policy->version();
  sources.policy_last_ok = !last_attempt.diagnostics.failed();
  sources.policy_loaded_at = policy_loaded_at;
  sources.trail = keeper->counters();
  sources.forwarders = forwarders->statuses();
  if (triggers != nullptr) sources.triggers = triggers->engine->counters();
  return metric_families(sources);
}

}  // namespace keyward::server
