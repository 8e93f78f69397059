#include "keyward/trigger/rule.h"

namespace keyward::trigger {

std::string own_events(std::string_view rule_name) { return own_base(rule_name).append("events"); }

std::string event_stream(const Rule& rule) {
  return rule.source.kind == SourceKind::stream ? rule.source.name : own_events(rule.name);
}

std::string_view kind_name(TargetKind kind) {
  switch (kind) {
    case TargetKind::step_functions:
      return "step_functions";
    case TargetKind::event_bridge:
      return "event_bridge";
    case TargetKind::http:
      return "http";
    case TargetKind::airflow:
      return "airflow";
    case TargetKind::prefect:
      return "prefect";
    case TargetKind::conductor:
      return "conductor";
  }
  return "unknown";
}

}  // namespace keyward::trigger
