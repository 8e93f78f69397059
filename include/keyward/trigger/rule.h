// Rules as the trigger engine and the shards see them, and the names in Redis that go with one.
#pragma once

#include "keyward/policy/trigger_rule.h"

#include <string>
#include <string_view>

namespace keyward::trigger {

using Rule = policy::TriggerRule;
using SourceKind = policy::TriggerSource::Kind;
using policy::TargetKind;

// Beside a rule lie, under the reserved prefix that no client command can name, in database 0:
//   <base>events  stream: what a channel or an expiry caused, attested; read like any source stream
//   <base>due     sorted set of keys whose timers are to come, score = due time in ms since 1970
//   <base>timers  hash of the same keys, each with the attestation of its event (trigger/timers.h)
//   <base>seen:<nonce>  the entry that used the nonce, for max_age (engine)
[[nodiscard]] inline std::string own_base(std::string_view rule_name) {
  return policy::trigger_base(rule_name);
}

[[nodiscard]] std::string own_events(std::string_view rule_name);

// The stream that the engine reads: the source itself, or the own one.
[[nodiscard]] std::string event_stream(const Rule& rule);
// "step_functions", "http" ...
[[nodiscard]] std::string_view kind_name(TargetKind kind);
// The consumer group on it.
[[nodiscard]] inline std::string event_group(const Rule& rule) {
  return rule.source.kind == SourceKind::stream ? rule.source.group : "keyward";
}

}  // namespace keyward::trigger
