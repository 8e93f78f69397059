// The process's numbers as Prometheus families.
#pragma once

#include "keyward/audit/keeper.h"
#include "keyward/base/clock.h"
#include "keyward/credential/desk.h"
#include "keyward/fleet/revocations.h"
#include "keyward/forward/forwarders.h"
#include "keyward/identity/key_fetcher.h"
#include "keyward/lease/lease_service.h"
#include "keyward/proxy/metrics.h"
#include "keyward/trigger/engine.h"

#include <prometheus/metric_family.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace keyward::server {

struct MetricSources {
  std::vector<const proxy::Metrics*> shards;  // index = shard number
  lease::LeaseService::Counters leases;
  credential::Desk::Counters credentials;
  std::vector<identity::KeyFetcher::Status> issuers;
  fleet::Revocations::Counters revocations;
  double revocations_age = -1;  // seconds since they were exchanged; negative = never
  bool redis_up = false;
  bool admin_refused = false;
  std::uint64_t policy_reloads = 0, policy_reload_failures = 0;
  std::string policy_version;
  bool policy_last_ok = true;
  WallTime policy_loaded_at{};
  audit::Keeper::Counters trail;
  std::vector<forward::ForwarderStatus> forwarders;
  std::map<std::string, std::shared_ptr<const trigger::Counters>> triggers;  // by rule
};

[[nodiscard]] std::vector<prometheus::MetricFamily> metric_families(const MetricSources& sources);

}  // namespace keyward::server
