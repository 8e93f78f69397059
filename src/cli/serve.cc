#include "cli/output.h"
#include "cli/process.h"
#include "cli/verbs.h"

#include "keyward/base/log.h"
#include "keyward/server/config.h"
#include "keyward/server/server.h"

#include <algorithm>
#include <cstdio>
#include <memory>

namespace keyward::cli {
namespace {

struct ServeOptions {
  std::string config;
  bool allow_core = false;
  bool watch = false;
  bool without_audit = false;
};

// For bench/audit alone: what serves nobody but this machine cannot be production.
bool only_loopback(const server::Config& config) {
  return std::all_of(config.listeners.begin(), config.listeners.end(),
                     [](const auto& listener) { return listener.endpoint.is_loopback(); });
}

int serve(const ServeOptions& options) {
  Diagnostics diagnostics;
  auto config = server::load_config(options.config, diagnostics);
  std::fputs(diagnostics.text().c_str(), stderr);
  if (!config) return kDoesNotHold;
  log::setup(config->log_level, config->log_json);
  if (!options.allow_core) forbid_core_dumps();
  raise_file_limit();
  if (options.watch) config->watch_policies = true;
  if (options.without_audit) {
    if (!only_loopback(*config))
      return fail("--measure-without-audit serves loopback listeners only");
    spdlog::warn("commands are NOT recorded: --measure-without-audit is for measurements");
    config->limits.measure_without_audit = true;
  }
  const std::string place = config->listeners.front().endpoint.text();
  auto server = server::Server::create(std::move(*config));
  if (!server) return fail(server.error().message());
  return (*server)->run([&place] { print_line("ready " + place); });
}

}  // namespace

void add_serve(CLI::App& app, Chosen& chosen) {
  CLI::App* verb = app.add_subcommand("serve", "Serve by a configuration file");
  auto options = std::make_shared<ServeOptions>();
  verb->add_option("--config", options->config, "The configuration, keyward.yaml")
      ->required()
      ->type_name("FILE");
  verb->add_flag("--watch", options->watch,
                 "Reload the policies whenever something in their folder changes");
  verb->add_flag("--allow-core", options->allow_core,
                 "Leave core dumps and debuggers possible: memory holds secrets");
  verb->add_flag("--measure-without-audit", options->without_audit)->group("");  // not in --help
  verb->footer(
      "SIGHUP reloads policies, certificates and issuer files; SIGTERM drains and stops.\n"
      "Example:\n  keyward check /etc/keyward/keyward.yaml && keyward serve --config "
      "/etc/keyward/keyward.yaml");
  verb->callback([&chosen, options] { chosen.run = [options] { return serve(*options); }; });
}

}  // namespace keyward::cli
