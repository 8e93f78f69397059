#include "policy/trigger_target_reader.h"

#include "policy/grant_reader.h"

#include "keyward/base/ascii.h"
#include "keyward/base/text.h"

#include <algorithm>
#include <functional>

namespace keyward::policy {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLongestText = 256;
constexpr std::size_t kLongestPath = 1024;
constexpr milliseconds kShortestTimeout{100};
constexpr milliseconds kLongestTimeout{60'000};
constexpr std::int64_t kLastVersion = 1'000'000;

struct KindName {
  std::string_view name;
  TargetKind kind;
};
constexpr KindName kKinds[] = {
    {"step_functions", TargetKind::step_functions},
    {"event_bridge", TargetKind::event_bridge},
    {"http", TargetKind::http},
    {"airflow", TargetKind::airflow},
    {"prefect", TargetKind::prefect},
    {"conductor", TargetKind::conductor},
};

bool visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

// A text that must be there, fit `good` and not be long; complains with the example.
std::string read_fitting(const yaml::Node& node, const std::string& what,
                         const std::string& example,
                         const std::function<bool(std::string_view)>& good) {
  const std::optional<std::string> text = node.text();
  if (!text) return {};
  if (!text->empty() && text->size() <= kLongestText && good(*text)) return *text;
  node.error(what, example);
  return {};
}

// arn:aws:states:REGION:ACCOUNT:stateMachine:NAME, and :VERSION or :ALIAS behind it.
bool is_state_machine(std::string_view arn) {
  if (!visible(arn) || !arn.starts_with("arn:aws")) return false;
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= arn.size();) {
    const std::size_t end = std::min(arn.find(':', at), arn.size());
    parts.push_back(arn.substr(at, end - at));
    at = end + 1;
  }
  if (parts.size() != 7 && parts.size() != 8) return false;
  const bool account =
      parts[4].size() == 12 && std::all_of(parts[4].begin(), parts[4].end(), is_digit);
  return parts[2] == "states" && !parts[3].empty() && account && parts[5] == "stateMachine" &&
         std::none_of(parts.begin(), parts.end(), [](auto part) { return part.empty(); });
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = is_digit(text[i]) || (to_lower(text[i]) >= 'a' && to_lower(text[i]) <= 'f');
    if (dash ? text[i] != '-' : !hex) return false;
  }
  return true;
}

// "." and ".." as a part of a path mean another path than the one that is read here.
bool is_path(std::string_view path) {
  if (!visible(path) || !path.starts_with('/') || path.size() > kLongestPath) return false;
  if (path.find_first_of("\\#") != std::string_view::npos) return false;
  const std::string parts = std::string(path.substr(0, path.find('?'))) + '/';
  const std::size_t empty = parts.find("//");
  return parts.find("/./") == std::string::npos && parts.find("/../") == std::string::npos &&
         (empty == std::string::npos || empty + 2 == parts.size());
}

void read_step_functions(const yaml::Node& node, TriggerTarget& out) {
  node.only({"kind", "via", "timeout", "state_machine"});
  out.resource =
      read_fitting(node.need("state_machine"), "a state machine is named by its ARN",
                   "arn:aws:states:eu-west-1:123456789012:stateMachine:orders", is_state_machine);
}

void read_event_bridge(const yaml::Node& node, TriggerTarget& out) {
  node.only({"kind", "via", "timeout", "bus", "source", "detail_type"});
  out.resource = "default";
  if (const yaml::Node bus = node.get("bus"); bus.present())
    out.resource = read_fitting(bus, "a bus is named by its name or ARN", "default", visible);
  // PutEvents: sources that begin with "aws." are AWS's own.
  out.source = read_fitting(
      node.need("source"), "a source is 1 to 256 visible characters and none of AWS's own",
      "shop.orders", [](auto text) { return visible(text) && !text.starts_with("aws."); });
  out.detail_type = read_fitting(node.need("detail_type"), "a detail type is printable text",
                                 "OrderPlaced", [](std::string_view text) {
                                   return text.size() <= 128 &&
                                          std::all_of(text.begin(), text.end(),
                                                      [](char c) { return c >= ' ' && c <= '~'; });
                                 });
}

void read_http(const yaml::Node& node, TriggerTarget& out) {
  node.only({"kind", "via", "timeout", "path", "type", "mode"});
  out.resource = "/";
  if (const yaml::Node path = node.get("path"); path.present())
    out.resource = read_fitting(
        path, "a path begins with / and has no spaces, no #, and no empty, . or .. part",
        "/hooks/orders", is_path);
  out.type = "keyward.trigger";
  if (const yaml::Node type = node.get("type"); type.present())
    out.type = read_fitting(type, "a CloudEvents type is 1 to 256 visible characters",
                            "com.example.order.placed", visible);
  const yaml::Node mode = node.get("mode");
  const std::string word = mode.text().value_or("structured");
  out.binary = word == "binary";
  if (!out.binary && word != "structured")
    mode.error("unknown mode of CloudEvents", "structured or binary");
}

void read_airflow(const yaml::Node& node, TriggerTarget& out) {
  node.only({"kind", "via", "timeout", "dag", "api"});
  out.resource =
      read_fitting(node.need("dag"), "a DAG's id has letters, digits, _ . - and ~ only",
                   "load_orders", [](std::string_view text) {
                     return std::all_of(text.begin(), text.end(),
                                        [](char c) { return is_plain(c) || c == '~'; }) &&
                            text != "." && text != "..";
                   });
  const yaml::Node api = node.get("api");
  out.api = api.text().value_or("v2");
  if (out.api != "v1" && out.api != "v2")
    api.error("unknown API of Airflow", "v2 for Airflow 3, v1 for Airflow 2");
}

void read_prefect(const yaml::Node& node, TriggerTarget& out) {
  node.only({"kind", "via", "timeout", "deployment"});
  out.resource = read_fitting(node.need("deployment"), "a deployment is named by its id, a UUID",
                              "8c0d7e6e-41a1-4f0c-a9a0-0b8f0b8f0b8f", is_uuid);
}

void read_conductor(const yaml::Node& node, TriggerTarget& out) {
  node.only({"kind", "via", "timeout", "workflow", "version"});
  out.resource =
      read_fitting(node.need("workflow"), "a workflow's name is 1 to 256 visible characters",
                   "process_order", visible);
  const yaml::Node version = node.get("version");
  if (version.present()) out.version = version.integer(1, kLastVersion).value_or(0);
}

}  // namespace

TriggerTarget read_target(const yaml::Node& node) {
  TriggerTarget out;
  if (!node.present()) return out;
  if (!node.is_map()) {
    node.error("a target must be a map",
               "{kind: step_functions, via: aws, state_machine: arn:aws:states:...}");
    return out;
  }
  const yaml::Node kind = node.need("kind");
  out.via = read_name(node.need("via"));
  if (const yaml::Node timeout = node.get("timeout"); timeout.present()) {
    out.timeout = timeout.duration().value_or(out.timeout);
    if (out.timeout < kShortestTimeout || out.timeout > kLongestTimeout)
      timeout.error("a timeout is 100ms to 60s", "10s");
  }
  const std::optional<std::string> word = kind.text();
  if (!word) return out;
  std::vector<std::string> names;
  for (const KindName& one : kKinds) names.emplace_back(one.name);
  const auto found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [&](const KindName& one) { return one.name == *word; });
  if (found == std::end(kKinds)) {
    const std::string near = nearest(*word, names);
    kind.error("unknown kind of target", near.empty() ? joined(names, ", ") : near);
    return out;
  }
  out.kind = found->kind;
  switch (out.kind) {
    case TargetKind::step_functions:
      read_step_functions(node, out);
      break;
    case TargetKind::event_bridge:
      read_event_bridge(node, out);
      break;
    case TargetKind::http:
      read_http(node, out);
      break;
    case TargetKind::airflow:
      read_airflow(node, out);
      break;
    case TargetKind::prefect:
      read_prefect(node, out);
      break;
    case TargetKind::conductor:
      read_conductor(node, out);
      break;
  }
  return out;
}

}  // namespace keyward::policy
