#include "server/metric_families.h"

#include <limits>

namespace keyward::server {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

ClientMetric sample(MetricType type, double value, std::vector<ClientMetric::Label> labels) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return metric;
}

MetricFamily single(std::string name, std::string help, MetricType type, double value,
                    std::vector<ClientMetric::Label> labels = {}) {
  MetricFamily family{std::move(name), std::move(help), type, {}};
  family.metric.push_back(sample(type, value, std::move(labels)));
  return family;
}

struct ShardMetric {
  const char* name;
  const char* help;
  MetricType type;
  const proxy::Counter proxy::Metrics::*counter;
};

constexpr MetricType kCount = MetricType::Counter;
constexpr MetricType kGauge = MetricType::Gauge;
using M = proxy::Metrics;

const std::vector<ShardMetric>& shard_metrics() {
  static const std::vector<ShardMetric> kAll{
      {"keyward_connections", "Client connections now", kGauge, &M::connections},
      {"keyward_connections_total", "Client connections accepted", kCount, &M::connections_total},
      {"keyward_connections_refused_total", "Connections over limits.connections", kCount,
       &M::connections_refused},
      {"keyward_handshake_failures_total", "TLS handshakes that failed", kCount,
       &M::handshake_failures},
      {"keyward_logins_total", "Logins accepted", kCount, &M::logins},
      {"keyward_logins_refused_total", "Logins refused", kCount, &M::logins_refused},
      {"keyward_logins_undecided_total", "Logins that could not be decided", kCount,
       &M::logins_undecided},
      {"keyward_sessions_expired_total", "Commands refused because the session had ended", kCount,
       &M::sessions_expired},
      {"keyward_commands_total", "Commands received", kCount, &M::commands},
      {"keyward_denied_total", "Commands refused by policy", kCount, &M::denied},
      {"keyward_malformed_total", "Commands refused for their shape", kCount, &M::malformed},
      {"keyward_protocol_errors_total", "Connections closed for a protocol error", kCount,
       &M::protocol_errors},
      {"keyward_state_changing_total", "State-changing commands forwarded", kCount,
       &M::state_changing},
      {"keyward_outcome_unknown_total", "State-changing commands whose answer was lost", kCount,
       &M::outcome_unknown},
      {"keyward_drift_total", "Commands that Redis refused although policy allowed them", kCount,
       &M::drift},
      {"keyward_client_bytes_in_total", "Bytes from clients", kCount, &M::bytes_in},
      {"keyward_client_bytes_out_total", "Bytes to clients", kCount, &M::bytes_out},
      {"keyward_upstream_links", "Connections to Redis now", kGauge, &M::upstream_links},
      {"keyward_upstream_lent", "Of these, on loan to one client", kGauge, &M::upstream_lent},
      {"keyward_upstream_opened_total", "Connections to Redis opened", kCount, &M::upstream_opened},
      {"keyward_upstream_ended_total", "Connections to Redis that ended", kCount,
       &M::upstream_lost},
      {"keyward_audit_records_total", "Audit records written", kCount, &M::audit_records},
      {"keyward_audit_bytes_total", "Audit bytes written", kCount, &M::audit_bytes},
      {"keyward_audit_failures_total", "Audit writes that failed", kCount, &M::audit_failures},
      {"keyward_audit_healthy", "1 while the audit trail can be written", kGauge,
       &M::audit_healthy},
      {"keyward_stalled_clients_total", "Clients closed because they did not read", kCount,
       &M::stalled_clients},
      {"keyward_sessions_rejudged_total", "Sessions judged by a new policy version", kCount,
       &M::sessions_judged_anew},
      {"keyward_sessions_revoked_total", "Sessions that a new policy version ended or interrupted",
       kCount, &M::sessions_revoked},
      {"keyward_sessions_renewed_total", "Logins of the same identity on a session that goes on",
       kCount, &M::sessions_renewed},
      {"keyward_sessions_near_end", "Sessions that are past 80 % of their life", kGauge,
       &M::sessions_near_end},
      {"keyward_output_overruns_total", "Clients closed over limits.output_buffer of their grants",
       kCount, &M::output_overruns},
      {"keyward_break_glass_total", "Times that break-glass was activated", kCount,
       &M::break_glass},
      {"keyward_break_glass_sessions", "Connections under break-glass now", kGauge,
       &M::break_glass_sessions},
  };
  return kAll;
}

void add_would_deny(const MetricSources& sources, std::vector<MetricFamily>& families) {
  MetricFamily family{
      "keyward_would_deny_total",
      "Commands forwarded because a grant only observes, by what would have refused "
      "them",
      kCount,
      {}};
  for (std::size_t reason = 0; reason < policy::kDenialReasons; ++reason) {
    const std::string name(policy::name(static_cast<policy::DenialReason>(reason)));
    for (std::size_t shard = 0; shard < sources.shards.size(); ++shard) {
      const auto count = static_cast<double>(sources.shards[shard]->would_deny[reason].get());
      family.metric.push_back(
          sample(kCount, count, {{"reason", name}, {"shard", std::to_string(shard)}}));
    }
  }
  families.push_back(std::move(family));
}

// One histogram a way, of all shards: how long clients waited does not depend on the shard.
void add_logins(const MetricSources& sources, std::vector<MetricFamily>& families) {
  MetricFamily family{
      "keyward_login_duration_seconds",
      "From an AUTH that was accepted to its answer in the queue, by what it had to "
      "wait for",
      MetricType::Histogram,
      {}};
  constexpr auto& edges = proxy::Durations::kEdges;
  for (std::size_t way = 0; way < proxy::kLoginWays; ++way) {
    ClientMetric metric;
    metric.label = {{"way", proxy::name(static_cast<proxy::LoginWay>(way))}};
    std::uint64_t total = 0;
    std::chrono::nanoseconds sum{};
    for (std::size_t at = 0; at <= edges.size(); ++at) {
      for (const proxy::Metrics* shard : sources.shards) {
        total += shard->logins_took[way].in_bucket(at);
      }
      const double edge = at < edges.size() ? std::chrono::duration<double>(edges[at]).count()
                                            : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({total, edge});
    }
    for (const proxy::Metrics* shard : sources.shards) sum += shard->logins_took[way].sum();
    metric.histogram.sample_count = total;
    metric.histogram.sample_sum = std::chrono::duration<double>(sum).count();
    family.metric.push_back(std::move(metric));
  }
  families.push_back(std::move(family));
}

void add_sessions_ended(const MetricSources& sources, std::vector<MetricFamily>& families) {
  MetricFamily family{
      "keyward_sessions_ended_total", "Sessions that ended, by who or what ended them", kCount, {}};
  for (std::size_t by = 0; by < proxy::kEndedBy.size(); ++by) {
    for (std::size_t shard = 0; shard < sources.shards.size(); ++shard) {
      const auto count = static_cast<double>(sources.shards[shard]->sessions_ended[by].get());
      family.metric.push_back(
          sample(kCount, count,
                 {{"reason", std::string(proxy::kEndedBy[by])}, {"shard", std::to_string(shard)}}));
    }
  }
  families.push_back(std::move(family));
}

void add_credentials(const credential::Desk::Counters& counters,
                     std::vector<MetricFamily>& families) {
  const auto count = [&](const char* name, const char* help, std::uint64_t value) {
    families.push_back(single(name, help, kCount, static_cast<double>(value)));
  };
  count("keyward_credentials_given_total", "Credentials given out for tokens", counters.given);
  count("keyward_credentials_renewed_total", "Direct credentials renewed", counters.renewed);
  count("keyward_credentials_ended_total", "Credentials ended before their time", counters.ended);
  count("keyward_credentials_refused_total", "Exchanges and renewals that were refused",
        counters.refused);
  count("keyward_credential_logins_total", "Logins by credentials that were given out",
        counters.logins);
  count("keyward_credential_logins_refused_total", "Logins by credentials that were refused",
        counters.logins_refused);
  families.push_back(single("keyward_direct_credentials", "Redis users given out, in the fleet",
                            kGauge, static_cast<double>(counters.direct)));
}

void add_trigger_lag(const MetricSources& sources, std::vector<MetricFamily>& families) {
  MetricFamily family{"keyward_trigger_lag_seconds",
                      "From the time in an entry's id to the target's answer that it runs",
                      MetricType::Histogram,
                      {}};
  for (const auto& [name, counters] : sources.triggers) {
    ClientMetric metric;
    metric.label = {{"rule", name}};
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counters->lag.size(); ++i) {
      sum += counters->lag[i].load();
      const double bound = i < trigger::Counters::kLagBounds.size()
                               ? trigger::Counters::kLagBounds[i]
                               : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({sum, bound});
    }
    metric.histogram.sample_count = sum;
    metric.histogram.sample_sum = static_cast<double>(counters->lag_ms.load()) / 1000.0;
    family.metric.push_back(std::move(metric));
  }
  families.push_back(std::move(family));
}

void add_triggers(const MetricSources& sources, std::vector<MetricFamily>& families) {
  if (sources.triggers.empty()) return;
  const auto family = [&](const char* name, const char* help, MetricType type, auto value) {
    MetricFamily out{name, help, type, {}};
    for (const auto& [rule, counters] : sources.triggers)
      out.metric.push_back(
          sample(type, static_cast<double>(((*counters).*value).load()), {{"rule", rule}}));
    families.push_back(std::move(out));
  };
  using C = trigger::Counters;
  family("keyward_trigger_started_total", "Events that started what the rule says", kCount,
         &C::started);
  family("keyward_trigger_already_started_total", "Events that an earlier attempt had started",
         kCount, &C::already);
  family("keyward_trigger_refused_total", "Events whose publisher is not verified", kCount,
         &C::refused);
  family("keyward_trigger_dead_total", "Events that could not be started", kCount, &C::dead);
  family("keyward_trigger_retries_total", "Attempts that are repeated", kCount, &C::retries);
  family("keyward_trigger_claimed_total", "Events taken over from another instance", kCount,
         &C::claimed);
  family("keyward_trigger_under_way", "Calls of the target under way", kGauge, &C::under_way);
  family("keyward_trigger_waiting", "Events read and waiting for a start", kGauge, &C::waiting);
  family("keyward_trigger_breaker_open", "1 while the target is left alone", kGauge,
         &C::breaker_open);
  family("keyward_trigger_up", "1 while the rule's stream is read", kGauge, &C::up);
  add_trigger_lag(sources, families);
}

void add_issuers(const MetricSources& sources, std::vector<MetricFamily>& families) {
  MetricFamily keys{"keyward_issuer_keys", "Usable keys of an issuer", kGauge, {}};
  MetricFamily fetches{"keyward_issuer_fetches_total", "Key fetches of an issuer", kCount, {}};
  MetricFamily failures{
      "keyward_issuer_fetch_failures_total", "Key fetches that failed", kCount, {}};
  for (const auto& issuer : sources.issuers) {
    const std::vector<ClientMetric::Label> labels{{"issuer", issuer.alias}};
    keys.metric.push_back(sample(kGauge, static_cast<double>(issuer.keys), labels));
    fetches.metric.push_back(sample(kCount, static_cast<double>(issuer.fetches), labels));
    failures.metric.push_back(sample(kCount, static_cast<double>(issuer.failures), labels));
  }
  families.push_back(std::move(keys));
  families.push_back(std::move(fetches));
  families.push_back(std::move(failures));
}

void add_trail(const audit::Keeper::Counters& trail, std::vector<MetricFamily>& families) {
  families.push_back(single("keyward_audit_checkpoints_total", "Checkpoints signed", kCount,
                            static_cast<double>(trail.checkpoints)));
  families.push_back(single("keyward_audit_last_checkpoint_timestamp_seconds",
                            "When the newest checkpoint was signed", kGauge,
                            static_cast<double>(trail.last_us) / 1e6));
  families.push_back(
      single("keyward_audit_upkeep_failures_total",
             "Checkpoints that could not be written or copied, segments that could not be "
             "compressed or removed",
             kCount, static_cast<double>(trail.failures)));
  families.push_back(single("keyward_audit_stored_bytes", "Bytes of the trail on the disk", kGauge,
                            static_cast<double>(trail.stored_bytes)));
  families.push_back(single("keyward_audit_waiting_bytes",
                            "Bytes of closed segments that are not compressed yet", kGauge,
                            static_cast<double>(trail.waiting_bytes)));
}

void add_forwarders(const std::vector<forward::ForwarderStatus>& all,
                    std::vector<MetricFamily>& families) {
  using Status = forward::ForwarderStatus;
  const auto add = [&](const char* name, const char* help, MetricType type, auto value) {
    MetricFamily family{name, help, type, {}};
    for (const Status& one : all)
      family.metric.push_back(
          sample(type, static_cast<double>(value(one)), {{"forwarder", one.name}}));
    families.push_back(std::move(family));
  };
  add("keyward_forward_up", "1 while the receiver takes records", kGauge,
      [](const Status& one) { return one.up ? 1 : 0; });
  add("keyward_forward_records_total", "Records that the receiver has or refused for good", kCount,
      [](const Status& one) { return one.records; });
  add("keyward_forward_bytes_total", "Their bytes, as they stand in the trail", kCount,
      [](const Status& one) { return one.bytes; });
  add("keyward_forward_retries_total", "Attempts after which something had to be sent again",
      kCount, [](const Status& one) { return one.retries; });
  add("keyward_forward_refused_total", "Records that the receiver will never take", kCount,
      [](const Status& one) { return one.refused; });
  add("keyward_forward_lost_total", "Records that were gone before they were sent", kCount,
      [](const Status& one) { return one.lost; });
  add("keyward_forward_lag_records", "Records that the receiver does not have yet", kGauge,
      [](const Status& one) { return one.lag_records; });
  add("keyward_forward_lag_seconds", "Age of the oldest of them", kGauge,
      [](const Status& one) { return one.lag_seconds; });
}

void add_revocations(const MetricSources& sources, std::vector<MetricFamily>& families) {
  const fleet::Revocations::Counters& known = sources.revocations;
  families.push_back(single("keyward_revocations", "Revocations that count now", kGauge,
                            static_cast<double>(known.active)));
  families.push_back(single("keyward_revocations_unreadable",
                            "Records in Redis that are no revocations of this fleet", kGauge,
                            static_cast<double>(known.unreadable)));
  families.push_back(single("keyward_revocations_put_back_total",
                            "Revocations that vanished from Redis and were put back", kCount,
                            static_cast<double>(known.put_back)));
  families.push_back(single("keyward_revocations_age_seconds",
                            "Since the fleet's revocations were read last; -1 = never", kGauge,
                            sources.revocations_age));
  families.push_back(single("keyward_revocations_kept",
                            "1 while this instance can write its revocations to its disk", kGauge,
                            known.kept ? 1 : 0));
}

// What others do to the users, and to the Redis that has them.
void add_lease_drift(const lease::LeaseService::Counters& leases,
                     std::vector<MetricFamily>& families) {
  const auto count = [&families](const char* name, const char* help, std::uint64_t value) {
    families.push_back(single(name, help, kCount, static_cast<double>(value)));
  };
  count("keyward_lease_drift_total", "Leased users that somebody else had changed", leases.edited);
  count("keyward_lease_drift_repeats_total",
        "Drift of a leased user that was mended less than a minute before", leases.drift_again);
  count("keyward_lease_passwords_replaced_total", "Passwords of leased users replaced by age",
        leases.rotated);
  count("keyward_redis_moves_total", "Times that Redis was another process or lost its role",
        leases.moves);
  count("keyward_redis_acl_loads_total", "Times that somebody let Redis load its ACL file",
        leases.reloads);
  families.push_back(single("keyward_lease_users_of_others",
                            "ACL users on the server that other instances issued", kGauge,
                            static_cast<double>(leases.others)));
}

}  // namespace

std::vector<MetricFamily> metric_families(const MetricSources& sources) {
  std::vector<MetricFamily> families;
  for (const ShardMetric& metric : shard_metrics()) {
    MetricFamily family{metric.name, metric.help, metric.type, {}};
    for (std::size_t shard = 0; shard < sources.shards.size(); ++shard) {
      family.metric.push_back(
          sample(metric.type, static_cast<double>((sources.shards[shard]->*metric.counter).get()),
                 {{"shard", std::to_string(shard)}}));
    }
    families.push_back(std::move(family));
  }
  const auto& leases = sources.leases;
  families.push_back(single("keyward_leases", "Redis ACL users issued now", kGauge,
                            static_cast<double>(leases.live)));
  families.push_back(single("keyward_leases_created_total", "ACL users created", kCount,
                            static_cast<double>(leases.created)));
  families.push_back(single("keyward_leases_deleted_total", "ACL users deleted", kCount,
                            static_cast<double>(leases.deleted)));
  families.push_back(single("keyward_leases_swept_total", "Leftover ACL users deleted", kCount,
                            static_cast<double>(leases.swept)));
  families.push_back(single("keyward_leases_repaired_total", "ACL users made again", kCount,
                            static_cast<double>(leases.repaired)));
  families.push_back(single("keyward_lease_failures_total", "ACL users that could not be made",
                            kCount, static_cast<double>(leases.failed)));
  families.push_back(single("keyward_acl_drift_total",
                            "Refusals of leased users that Redis logged in ACL LOG", kCount,
                            static_cast<double>(leases.acl_drift)));
  add_credentials(sources.credentials, families);
  add_sessions_ended(sources, families);
  add_lease_drift(leases, families);
  add_would_deny(sources, families);
  add_logins(sources, families);
  add_trail(sources.trail, families);
  add_forwarders(sources.forwarders, families);
  add_triggers(sources, families);
  add_issuers(sources, families);
  add_revocations(sources, families);
  families.push_back(single("keyward_redis_up", "1 while the control connection to Redis is up",
                            kGauge, sources.redis_up ? 1 : 0));
  families.push_back(single("keyward_redis_admin_refused",
                            "1 while Redis refuses the admin password that is configured now, and "
                            "the connection of before goes on",
                            kGauge, sources.admin_refused ? 1 : 0));
  families.push_back(single("keyward_policy_reloads_total", "Policy reloads that took effect",
                            kCount, static_cast<double>(sources.policy_reloads)));
  families.push_back(single("keyward_policy_reload_failures_total",
                            "Policy reloads that were refused", kCount,
                            static_cast<double>(sources.policy_reload_failures)));
  families.push_back(single("keyward_policy_last_reload_success",
                            "1 when the last attempt to load the policies succeeded", kGauge,
                            sources.policy_last_ok ? 1 : 0));
  const std::chrono::duration<double> loaded = sources.policy_loaded_at.time_since_epoch();
  families.push_back(single("keyward_policy_loaded_timestamp_seconds",
                            "When the policy in force was loaded", kGauge, loaded.count()));
  families.push_back(single("keyward_build_info", "Version in a label", kGauge, 1,
                            {{"version", KEYWARD_VERSION}, {"policy", sources.policy_version}}));
  return families;
}

}  // namespace keyward::server
