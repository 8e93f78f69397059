#include "cli/agent_options.h"
#include "cli/dev_source.h"
#include "cli/output.h"
#include "cli/process.h"
#include "cli/verbs.h"

#include "keyward/base/log.h"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdio>
#include <memory>
#include <unistd.h>

namespace keyward::cli {
namespace {

struct TokenVerbOptions {
  TokenOptions token;
  bool json = false;
};

int print_dev_token(const TokenVerbOptions& options) {
  if (options.token.subject.empty()) return usage("--subject is required");
  const auto token = make_dev_token(options.token);
  if (!token && token.error().code() == Errc::invalid) return usage(token.error().message());
  if (!token) return fail(token.error().message(), options.json);
  if (options.json) {
    print_json(boost::json::object{{"token", token->value.reveal()},
                                   {"issuer", token->alias},
                                   {"subject", options.token.subject},
                                   {"expires_at", token->claims.at("exp")}});
    return kDone;
  }
  if (isatty(STDERR_FILENO) == 1) {
    std::fprintf(stderr, "issuer %s, subject %s, for %s\n", token->alias.c_str(),
                 options.token.subject.c_str(), options.token.ttl.c_str());
  }
  return print_line(token->value.reveal()) ? kDone : kDoesNotHold;
}

int print_token(const TokenVerbOptions& options) {
  const auto config = token_config(options.token);
  if (!config) return usage(config.error().message());
  if (config->kind == agent::TokenConfig::Kind::none) return print_dev_token(options);
  log::setup("warn", false);
  forbid_core_dumps();
  boost::asio::io_context io;
  const auto source = agent::make_source(io, *config, show_to_person);
  if (!source) return usage(source.error().message());
  Result<agent::Token> token = Error(Errc::internal, "no answer");
  (*source)->fetch([&token](Result<agent::Token> made) { token = std::move(made); });
  io.run();
  if (!token) return fail(token.error().message(), options.json);
  if (!options.json) return print_line(token->value.reveal()) ? kDone : kDoesNotHold;
  boost::json::object out{{"token", token->value.reveal()}, {"source", (*source)->name()}};
  if (token->expires)
    out["expires_at"] =
        std::chrono::floor<std::chrono::seconds>(*token->expires).time_since_epoch().count();
  return print_json(out) ? kDone : kDoesNotHold;
}

}  // namespace

void add_token(CLI::App& app, Chosen& chosen) {
  CLI::App* verb = app.add_subcommand("token", "Get a token");
  auto options = std::make_shared<TokenVerbOptions>();
  TokenOptions& token = options->token;
  add_source_options(*verb, token);
  const std::string group = "The development issuer, when no other source is named";
  verb->add_option("--state", token.state,
                   "The folder of `keyward dev` (default: $KEYWARD_STATE, .keyward)")
      ->type_name("DIR")
      ->group(group);
  verb->add_option("--subject", token.subject, "Who: the claim sub")->group(group);
  verb->add_option("--group", token.groups, "A group; may be repeated")->group(group);
  verb->add_option("--ttl", token.ttl, "How long it is good")->capture_default_str()->group(group);
  verb->add_option("--claim", token.claims, "name=text or name:=JSON; may be repeated")
      ->group(group);
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      "Prints the token on standard output.\n"
      "Examples:\n  keyward token --state .keyward --subject alice --group airflow-workers --ttl "
      "1h\n"
      "  keyward token --client-credentials --issuer https://login.example.com --client-id worker "
      "\\\n    --client-secret-file /run/secrets/worker --audience keyward\n"
      "  keyward token --aws-sts --region eu-west-1 --audience keyward");
  verb->callback([&chosen, options] { chosen.run = [options] { return print_token(*options); }; });
}

}  // namespace keyward::cli
