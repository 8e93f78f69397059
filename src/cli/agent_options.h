// The options that `agent`, `exec`, `redis-cli` and `token` share: where Keyward is, and how to get
// a token.
#pragma once

#include "keyward/agent/agent.h"

#include <CLI/App.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace keyward::cli {

// How to get a token, as given on the command line.
struct TokenOptions {
  std::string file, command, issuer, token_endpoint, device_endpoint, client_id, secret_file,
      secret_env, key_file, scope, audience, resource, issuer_ca, region, aws_profile;
  bool client_credentials = false, device = false, aws_sts = false, aws_web_identity = false;
  // The development issuer; `issuer` is its alias then.
  std::string state, subject, ttl = "1h";
  std::vector<std::string> groups, claims;
};
struct AgentOptions {
  std::string config, upstream, ca, server_name, certificate, key, user, password_file;
  std::vector<std::string> listen;
  std::vector<unsigned> allow_uids;
  TokenOptions token;
};

void add_source_options(CLI::App& verb, TokenOptions& options);
void add_agent_options(CLI::App& verb, AgentOptions& options);

// Which kind of source the options name; none when they name none but maybe the development issuer.
[[nodiscard]] Result<agent::TokenConfig> token_config(const TokenOptions& options);
// Configuration file or options; errors were said already when it is nothing.
[[nodiscard]] std::optional<agent::AgentConfig> agent_config(const AgentOptions& options);
// The source that these options name: the configuration's, or the development issuer's.
[[nodiscard]] agent::Agent::MakeSource source_maker(const AgentOptions& options,
                                                    const agent::TokenConfig& config);
// To standard error, for the device login.
void show_to_person(const std::string& text);

}  // namespace keyward::cli
