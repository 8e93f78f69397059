// `keyward trigger`: the rules of a configuration's policies, and what one would send.
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs.h"

#include "keyward/policy/signature.h"
#include "keyward/policy/snapshot.h"
#include "keyward/server/config.h"
#include "keyward/server/trigger_connections.h"
#include "keyward/trigger/input.h"
#include "keyward/trigger/target.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

namespace keyward::cli {
namespace {

namespace json = boost::json;
using trigger::Rule;
using trigger::SourceKind;

struct TriggerOptions {
  std::string config = "keyward.yaml", name;
  std::vector<std::string> fields;
  std::string message, key, id, principal = "issuer:subject", grant;
  bool json = false;
};

struct Loaded {
  server::Config config;
  std::shared_ptr<const policy::Snapshot> snapshot;
};

// Nothing after saying why.
std::optional<Loaded> load(const TriggerOptions& options) {
  Diagnostics found;
  auto config = server::load_config(options.config, found);
  std::shared_ptr<const policy::Snapshot> snapshot;
  if (config) {
    std::vector<std::string> issuers;
    for (const auto& issuer : config->issuers) issuers.push_back(issuer.alias);
    snapshot =
        policy::Snapshot::load(config->policies, command::Catalog::built_in(), issuers, found);
    if (snapshot && !server::has_connections(*snapshot, config->triggers.connections, found))
      snapshot = nullptr;
  }
  if (snapshot) return Loaded{std::move(*config), std::move(snapshot)};
  if (options.json)
    print_json(json::object{{"ok", false}, {"diagnostics", to_json(found)}});
  else
    std::fputs(found.text().c_str(), stderr);
  return std::nullopt;
}

std::string source_text(const Rule& rule) {
  switch (rule.source.kind) {
    case SourceKind::stream:
      return "stream " + rule.source.name + " group " + rule.source.group;
    case SourceKind::channel:
      return "channel " + rule.source.name;
    case SourceKind::expired:
      return "expired " + rule.source.name;
  }
  return {};
}

std::string joined_grants(const Rule& rule) {
  std::string out;
  for (const std::string& grant : rule.from) out += (out.empty() ? "" : ", ") + grant;
  return out;
}

int list(const TriggerOptions& options) {
  const auto loaded = load(options);
  if (!loaded) return kDoesNotHold;
  json::array all;
  std::vector<std::vector<std::string>> rows{
      {"TRIGGER", "TEAM", "SOURCE", "FROM", "TARGET", "VIA", "DEAD LETTERS", "RULE"}};
  for (const Rule& rule : loaded->snapshot->triggers()) {
    const std::string kind(trigger::kind_name(rule.target.kind));
    const std::string place = rule.file + ":" + std::to_string(rule.line);
    rows.push_back({rule.name, rule.team, source_text(rule), joined_grants(rule),
                    kind + " " + rule.target.resource, rule.target.via, rule.dead_letter.stream,
                    place});
    all.push_back(json::object{{"name", rule.name},
                               {"team", rule.team},
                               {"source", source_text(rule)},
                               {"stream", trigger::event_stream(rule)},
                               {"group", trigger::event_group(rule)},
                               {"from", json::array(rule.from.begin(), rule.from.end())},
                               {"kind", kind},
                               {"resource", rule.target.resource},
                               {"via", rule.target.via},
                               {"dead_letter", rule.dead_letter.stream},
                               {"rule", place}});
  }
  if (options.json) {
    print_json(json::object{{"triggers", std::move(all)}});
  } else if (rows.size() == 1) {
    print_line("no triggers in " + loaded->config.policies);
  } else {
    std::fputs(table(rows).c_str(), stdout);
  }
  return kDone;
}

// The event that the options describe; an error says which option is missing.
Result<trigger::Event> event_of(const TriggerOptions& options, const Rule& rule) {
  trigger::Event event;
  event.stream = trigger::event_stream(rule);
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count();
  event.id = {static_cast<std::uint64_t>(ms), 0};
  if (!options.id.empty()) {
    const auto id = trigger::parse_entry_id(options.id);
    if (!id) return Error(Errc::invalid, "--id is the id of a stream entry: 1700000000000-0");
    event.id = *id;
  }
  event.by = {options.principal, options.grant.empty() ? rule.from.front() : options.grant, now,
              now, ""};
  for (const std::string& field : options.fields) {
    const std::size_t equals = field.find('=');
    if (equals == std::string::npos)
      return Error(Errc::invalid, "--field is NAME=VALUE: --field order=42");
    event.fields.push_back({field.substr(0, equals), field.substr(equals + 1)});
  }
  if (rule.source.kind == SourceKind::channel)
    event.fields = {{std::string(trigger::kChannelField), rule.source.name},
                    {std::string(trigger::kMessageField), options.message}};
  if (rule.source.kind == SourceKind::expired) {
    if (options.key.empty())
      return Error(Errc::invalid, "this trigger is caused by a key: --key shop:timer:1");
    event.fields = {{std::string(trigger::kKeyField), options.key}};
  }
  return event;
}

void show(const Rule& rule, const trigger::Start& start, const trigger::Preview& shown,
          bool as_json) {
  if (as_json) {
    json::array headers;
    for (const auto& [name, value] : shown.headers) headers.push_back(json::array{name, value});
    print_json(json::object{{"trigger", rule.name},
                            {"name", start.name},
                            {"input", start.input},
                            {"method", shown.method},
                            {"url", shown.url},
                            {"headers", std::move(headers)},
                            {"body", shown.body}});
    return;
  }
  print_line("name   " + start.name);
  print_line("input  " + start.input);
  print_line("");
  print_line(shown.method + " " + shown.url);
  for (const auto& [name, value] : shown.headers) print_line(name + ": " + value);
  print_line("");
  print_line(shown.body);
}

int test(const TriggerOptions& options) {
  const auto loaded = load(options);
  if (!loaded) return kDoesNotHold;
  const auto& rules = loaded->snapshot->triggers();
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&](const Rule& rule) { return rule.name == options.name; });
  if (found == rules.end()) {
    std::vector<std::string> names;
    for (const Rule& rule : rules) names.push_back(rule.name);
    const std::string near = nearest(options.name, names);
    return fail("no trigger is called '" + options.name + "'" +
                    (near.empty() ? "; `keyward trigger list` lists them"
                                  : "; did you mean '" + near + "'?"),
                options.json);
  }
  const auto event = event_of(options, *found);
  if (!event) return usage(event.error().message());
  const auto input = trigger::render_input(*found, *event);
  if (!input)
    return fail(
        "this event would go to " + found->dead_letter.stream + ": " + input.error().message(),
        options.json);
  trigger::Start start;
  start.name = trigger::execution_name(found->name, event->id);
  start.input = *input;
  start.rule = found->name;
  start.subject = trigger::subject_of(*found, *event);
  start.principal = event->by.principal;
  start.time = event->by.at;
  Diagnostics ignored;
  const trigger::Connection* connection =
      trigger::connection_of(*found, loaded->config.triggers.connections, ignored);
  const auto shown = trigger::preview(*found, *connection, start);
  if (!shown) return fail(shown.error().message(), options.json);
  show(*found, start, *shown, options.json);
  return kDone;
}

}  // namespace

void add_trigger(CLI::App& app, Chosen& chosen) {
  CLI::App* verb = app.add_subcommand("trigger", "Events that start workflows");
  verb->require_subcommand(1);
  auto options = std::make_shared<TriggerOptions>();
  CLI::App* lists = verb->add_subcommand("list", "The triggers of the policies");
  CLI::App* tests = verb->add_subcommand("test", "What an event would send; nothing is sent");
  for (CLI::App* one : {lists, tests}) {
    one->add_option("--config", options->config, "The configuration")->capture_default_str();
    one->add_flag("--json", options->json, "One JSON object");
  }
  lists->footer("Example:\n  keyward trigger list --config keyward.yaml");
  lists->callback([&chosen, options] { chosen.run = [options] { return list(*options); }; });
  tests->add_option("NAME", options->name, "The trigger")->required();
  tests->add_option("--field", options->fields, "NAME=VALUE of the entry; may be repeated");
  tests->add_option("--message", options->message, "Of a channel");
  tests->add_option("--key", options->key, "That expired");
  tests->add_option("--id", options->id, "Of the entry, 1700000000000-0; default: now");
  tests->add_option("--principal", options->principal, "Who caused it")->capture_default_str();
  tests->add_option("--grant", options->grant, "Under which grant; default: the first of `from`");
  tests->footer(
      "No secret and no signature is shown.\n"
      "Example:\n  keyward trigger test orders --field order=42 --field total=9.90");
  tests->callback([&chosen, options] { chosen.run = [options] { return test(*options); }; });
}

}  // namespace keyward::cli
