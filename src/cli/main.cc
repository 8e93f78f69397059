#include "keyward/cli/main.h"

#include "cli/verbs.h"

#include "keyward/net/tls_memory.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>

namespace keyward::cli {
namespace {

void add_verbs(CLI::App& app, Chosen& chosen) {
  add_dev(app, chosen);
  add_serve(app, chosen);
  add_check(app, chosen);
  add_policy(app, chosen);
  add_audit(app, chosen);
  add_access(app, chosen);
  add_agent(app, chosen);
  add_exec(app, chosen);
  add_redis_cli(app, chosen);
  add_sessions(app, chosen);
  add_revoke(app, chosen);
  add_revocations(app, chosen);
  add_token(app, chosen);
  add_credentials(app, chosen);
  add_trigger(app, chosen);
  add_version(app, chosen);
}

int parse_and_run(int argc, char** argv) {
  CLI::App app(
      "Keyward: Redis for people and workloads with tokens, by policy, with an audit trail.",
      "keyward");
  app.require_subcommand(1);
  app.footer("Start here:\n  keyward dev\nEvery verb has --help with an example.");
  Chosen chosen;
  add_verbs(app, chosen);
  // What stands behind "--" is another program's command line.
  const auto dashes = std::find(argv, argv + argc, std::string_view("--"));
  if (dashes != argv + argc) chosen.behind_dashes.assign(dashes + 1, argv + argc);
  try {
    app.parse(static_cast<int>(dashes - argv), argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are answers; everything else is a wrong command line.
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  return chosen.run ? chosen.run() : kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  net::keep_record_buffers();
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return parse_and_run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "keyward: %s\n", error.what());
    return kDoesNotHold;
  }
}

}  // namespace keyward::cli
