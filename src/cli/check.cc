#include "keyward/trigger/check.h"

#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/base/yaml.h"
#include "keyward/forward/forwarders.h"
#include "keyward/net/https_client.h"
#include "keyward/net/tls.h"
#include "keyward/policy/signature.h"
#include "keyward/policy/snapshot.h"
#include "keyward/server/config.h"
#include "keyward/server/static_user.h"
#include "keyward/server/trigger_connections.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

namespace keyward::cli {
namespace {

namespace json = boost::json;

struct CheckOptions {
  std::vector<std::string> paths;
  bool json = false, connect = false;
};

struct Checked {
  Diagnostics diagnostics;
  json::array things;
  std::vector<std::string> lines;  // one a thing that holds
};

std::shared_ptr<const policy::Snapshot> check_policies(const std::string& path,
                                                       const server::Config* config, Checked& out,
                                                       const policy::Signers* signers = nullptr) {
  Diagnostics found;
  std::vector<std::string> issuers;
  if (config != nullptr) {
    for (const auto& issuer : config->issuers) issuers.push_back(issuer.alias);
  }
  auto snapshot =
      policy::Snapshot::load(path, command::Catalog::built_in(), issuers, found, signers);
  if (snapshot && config != nullptr &&
      !server::has_static_user(*snapshot, config->lease.static_user, found))
    snapshot = nullptr;
  if (snapshot && config != nullptr &&
      !server::has_connections(*snapshot, config->triggers.connections, found))
    snapshot = nullptr;
  out.diagnostics.append(found);
  json::object thing{{"path", path}, {"kind", "policies"}, {"ok", snapshot != nullptr}};
  if (snapshot) {
    thing["version"] = snapshot->version();
    thing["grants"] = snapshot->grants().size();
    thing["expectations"] = snapshot->expectations();
    out.lines.push_back(path + ": policies, " + std::to_string(snapshot->grants().size()) +
                        " grants, " + std::to_string(snapshot->expectations()) +
                        " expect cases hold, version " + snapshot->version());
  }
  out.things.push_back(std::move(thing));
  return snapshot;
}

// Reaches every receiver of the trail, and sends no record.
void try_forwarders(const std::string& path, const server::Config& config, Checked& out) {
  for (const forward::ForwarderConfig& one : config.audit.forward) {
    const auto reached = forward::probe(one, config.instance);
    out.things.push_back(json::object{{"path", path},
                                      {"kind", "forwarder"},
                                      {"name", one.name},
                                      {"destination", one.destination()},
                                      {"ok", reached.has_value()}});
    if (reached)
      out.lines.push_back(path + ": forwarder " + one.name + " reaches " + one.destination());
    else
      out.diagnostics.error(
          path, 0, 0,
          "forwarder " + one.name + " (" + one.destination() + "): " + reached.error().message());
  }
}

// Any answer will do: no credential and no event is sent.
Result<> reach(const trigger::Connection& connection, const std::string& url) {
  net::ClientTlsConfig settings;
  settings.ca_file = connection.ca_file;
  auto tls = net::make_client_context(settings);
  if (!tls) return tls.error();
  boost::asio::io_context io{1};
  net::HttpRequest request;
  request.url = url;
  request.allow_plain = url.starts_with("http://");
  request.allow_private = connection.internal;
  Result<> out;
  net::http_fetch(io, *tls, request, [&out](const Result<net::HttpResponse>& response) {
    if (!response) out = response.error();
  });
  io.run();
  return out;
}

// Where the targets of triggers are.
void try_connections(const std::string& path, const server::Config& config, Checked& out) {
  for (const trigger::Connection& one : config.triggers.connections) {
    const bool aws = one.kind == trigger::Connection::Kind::aws;
    const std::string url =
        aws && one.url.empty() ? "https://states." + one.region + ".amazonaws.com/" : one.url;
    const auto reached = reach(one, url);
    out.things.push_back(json::object{{"path", path},
                                      {"kind", "connection"},
                                      {"name", one.name},
                                      {"destination", url},
                                      {"ok", reached.has_value()}});
    if (reached)
      out.lines.push_back(path + ": connection " + one.name + " reaches " + url);
    else
      out.diagnostics.error(
          path, 0, 0, "connection " + one.name + " (" + url + "): " + reached.error().message());
  }
}

// What the rules would start, asked for with the credentials of their connections.
void try_targets(const std::string& path, const policy::Snapshot& policy,
                 const server::Config& config, Checked& out) {
  for (const trigger::Rule& rule : policy.triggers()) {
    Diagnostics known;
    const trigger::Connection* connection =
        trigger::connection_of(rule, config.triggers.connections, known);
    if (connection == nullptr) continue;
    const auto tried = trigger::try_target(rule, *connection);
    if (!tried) continue;
    out.things.push_back(json::object{{"path", path},
                                      {"kind", "target"},
                                      {"name", rule.name},
                                      {"destination", connection->name},
                                      {"ok", tried->has_value()}});
    const std::string what = "trigger " + rule.name + ": " +
                             std::string(trigger::kind_name(rule.target.kind)) + " behind " +
                             connection->name;
    if (*tried)
      out.lines.push_back(path + ": " + what + " can be started");
    else
      out.diagnostics.error((std::filesystem::path(path) / rule.file).string(), rule.line, 1,
                            what + ": " + tried->error().message());
  }
}

void check_config(const std::string& path, bool connect, Checked& out) {
  const auto config = server::load_config(path, out.diagnostics);
  out.things.push_back(
      json::object{{"path", path}, {"kind", "configuration"}, {"ok", config.has_value()}});
  if (!config) return;
  out.lines.push_back(path + ": configuration, " + std::to_string(config->listeners.size()) +
                      " listeners, " + std::to_string(config->issuers.size()) + " issuers");
  if (connect) {
    try_forwarders(path, *config, out);
    try_connections(path, *config, out);
  }
  std::optional<policy::Signers> signers;
  if (!config->policy_signers.empty()) {
    // They were read once already, by the configuration.
    auto loaded = policy::Signers::load(config->policy_signers);
    if (!loaded) return out.diagnostics.error(path, 0, 0, loaded.error().message());
    signers.emplace(*std::move(loaded));
  }
  const auto policy =
      check_policies(config->policies, &*config, out, signers ? &*signers : nullptr);
  if (policy && connect) try_targets(config->policies, *policy, *config, out);
}

// A policy file names its apiVersion; everything else is taken for a configuration.
bool is_policy_file(const std::string& path) {
  Diagnostics ignored;
  const yaml::Node root = yaml::load(path, ignored);
  return root.is_map() && (root.get("apiVersion").present() || root.get("grants").present());
}

void check_path(const std::string& path, bool connect, Checked& out) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored) || is_policy_file(path)) {
    check_policies(path, nullptr, out);
  } else {
    check_config(path, connect, out);
  }
}

int check(CheckOptions options) {
  if (options.paths.empty()) {
    for (const char* usual : {"keyward.yaml", "policies"}) {
      if (std::filesystem::exists(usual)) options.paths.emplace_back(usual);
    }
  }
  if (options.paths.empty())
    return usage("nothing to check: name a configuration or a policy folder");
  Checked out;
  for (const std::string& path : options.paths) check_path(path, options.connect, out);
  const bool good = !out.diagnostics.failed();
  if (options.json) {
    print_json(json::object{
        {"ok", good}, {"checked", out.things}, {"diagnostics", to_json(out.diagnostics)}});
  } else {
    std::fputs(out.diagnostics.text().c_str(), stderr);
    for (const std::string& line : out.lines) print_line(line);
  }
  return good ? kDone : kDoesNotHold;
}

}  // namespace

void add_check(CLI::App& app, Chosen& chosen) {
  CLI::App* verb = app.add_subcommand("check", "Check configuration and policies, offline");
  auto options = std::make_shared<CheckOptions>();
  verb->add_option(
      "PATH", options->paths,
      "Configurations, policy folders or policy files (default: keyward.yaml, policies)");
  verb->add_flag("--connect", options->connect,
                 "Also connect to the receivers of audit.forward and to the targets of triggers, "
                 "with their credentials, and ask for what the triggers name; no record and no "
                 "event is sent");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      "All errors at once, as file:line:column: what; write: instead.\n"
      "Example:\n  keyward check keyward.yaml policies/");
  verb->callback([&chosen, options] { chosen.run = [options] { return check(*options); }; });
}

}  // namespace keyward::cli
