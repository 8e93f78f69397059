#include "cli/agent_options.h"

#include "cli/dev_files.h"
#include "cli/dev_source.h"

#include "keyward/base/secret_source.h"
#include "keyward/base/yaml.h"

#include <CLI/Option.hpp>

#include <cstdio>
#include <sstream>
#include <utility>

namespace keyward::cli {

namespace {

using Kind = agent::TokenConfig::Kind;

// Words as a shell would split them, without quoting: who needs more writes a configuration file.
std::vector<std::string> words_of(const std::string& command) {
  std::istringstream in(command);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

std::optional<agent::AgentConfig> complain(const std::string& text) {
  std::fprintf(stderr, "keyward: %s\n", text.c_str());
  return std::nullopt;
}

bool names_source(const TokenOptions& options) {
  return !options.file.empty() || !options.command.empty() || options.client_credentials ||
         options.device || options.aws_sts || options.aws_web_identity;
}

void fill_oauth(const TokenOptions& options, agent::TokenConfig& out) {
  agent::OAuthSettings& oauth = out.oauth;
  oauth.issuer = options.issuer;
  oauth.token_endpoint = options.token_endpoint;
  oauth.device_endpoint = options.device_endpoint;
  oauth.client_id = options.client_id;
  oauth.key_file = options.key_file;
  oauth.scope = options.scope;
  oauth.audience = options.audience;
  oauth.resource = options.resource;
  if (!options.secret_file.empty())
    oauth.client_secret = [path = options.secret_file] { return secret_from_file(path); };
  if (!options.secret_env.empty())
    oauth.client_secret = [name = options.secret_env] { return secret_from_environment(name); };
}

Result<> check_oauth(const TokenOptions& options) {
  if (options.client_id.empty()) return Error(Errc::invalid, "--client-id is missing");
  if (options.issuer.empty() && options.token_endpoint.empty())
    return Error(Errc::invalid,
                 "where tokens come from is missing: --issuer URL or --token-endpoint URL");
  return {};
}

}  // namespace

void add_source_options(CLI::App& verb, TokenOptions& options) {
  const std::string group = "Where the token comes from";
  const auto option = [&](const char* name, auto& value, const char* text) {
    return verb.add_option(name, value, text)->group(group);
  };
  option("--token-file", options.file, "A file that somebody renews; read again when it changes")
      ->type_name("FILE");
  option("--token-command", options.command, "A command that prints one")->type_name("COMMAND");
  verb.add_flag("--client-credentials", options.client_credentials,
                "OAuth 2 client credentials, for programs")
      ->group(group);
  verb.add_flag("--device", options.device, "Log in with a browser (RFC 8628), for people")
      ->group(group);
  option("--issuer", options.issuer,
         "The authorization server, https://... (of the development issuer: an alias)")
      ->type_name("URL");
  option("--token-endpoint", options.token_endpoint, "Its token endpoint, instead of --issuer")
      ->type_name("URL");
  option("--device-endpoint", options.device_endpoint, "Its device authorization endpoint")
      ->type_name("URL");
  option("--client-id", options.client_id, "As what program");
  option("--client-secret-file", options.secret_file, "The program's secret")->type_name("FILE");
  option("--client-secret-env", options.secret_env, "The same, from the environment")
      ->type_name("NAME");
  option("--client-key", options.key_file, "Its private JWK instead of a secret (RFC 7523)")
      ->type_name("FILE");
  option("--scope", options.scope, "What is asked for");
  option("--audience", options.audience, "For whom: Keyward's audience");
  option("--resource", options.resource, "The same, where the server wants RFC 8707");
  option("--issuer-ca", options.issuer_ca, "Its authority (default: the system's)")
      ->type_name("FILE");
  verb.add_flag("--aws-sts", options.aws_sts, "A presigned STS request, for roles at AWS")
      ->group(group);
  verb.add_flag("--aws-web-identity", options.aws_web_identity,
                "A token of the AWS account (sts:GetWebIdentityToken)")
      ->group(group);
  option("--region", options.region, "The AWS region");
  option("--aws-profile", options.aws_profile, "Of the shared credentials file");
}

void add_agent_options(CLI::App& verb, AgentOptions& options) {
  verb.add_option("--config", options.config, "agent.yaml, instead of the options below")
      ->type_name("FILE");
  verb.add_option("--upstream", options.upstream, "Keyward, rediss://host:port")->type_name("URL");
  verb.add_option("--ca", options.ca, "Keyward's authority (default: the system's)")
      ->type_name("FILE");
  verb.add_option("--server-name", options.server_name, "The name in Keyward's certificate");
  verb.add_option("--certificate", options.certificate, "A client certificate")->type_name("FILE");
  verb.add_option("--key", options.key, "Its key")->type_name("FILE");
  verb.add_option("--user", options.user, "The user beside the token (default: default)");
  add_source_options(verb, options.token);
  verb.add_option("--state", options.token.state,
                  "The folder of `keyward dev`: upstream, authority and tokens of its issuer")
      ->type_name("DIR");
  verb.add_option("--subject", options.token.subject, "With --state: who");
  verb.add_option("--group", options.token.groups, "With --state: a group; may be repeated");
  verb.add_option("--ttl", options.token.ttl, "With --state: how long each token is good")
      ->capture_default_str();
}

Result<agent::TokenConfig> token_config(const TokenOptions& options) {
  agent::TokenConfig out;
  const int ways = static_cast<int>(!options.file.empty()) + !options.command.empty() +
                   options.client_credentials + options.device + options.aws_sts +
                   options.aws_web_identity;
  if (ways > 1) return Error(Errc::invalid, "a token comes from one place: name one source");
  out.ca_file = options.issuer_ca;
  if (!options.file.empty()) {
    out.kind = Kind::file;
    out.file = options.file;
  } else if (!options.command.empty()) {
    out.kind = Kind::command;
    out.command = words_of(options.command);
  } else if (options.client_credentials || options.device) {
    out.kind = options.device ? Kind::device : Kind::client_credentials;
    if (Result<> fine = check_oauth(options); !fine) return fine.error();
    fill_oauth(options, out);
  } else if (options.aws_sts || options.aws_web_identity) {
    out.kind = options.aws_sts ? Kind::aws_sts : Kind::aws_web_identity;
    if (options.region.empty() || options.audience.empty())
      return Error(Errc::invalid, "AWS needs --region and --audience (the one Keyward expects)");
    out.aws.region = options.region;
    out.aws.audience = options.audience;
    out.aws.profile = options.aws_profile;
  }
  return out;
}

std::optional<agent::AgentConfig> agent_config(const AgentOptions& options) {
  agent::AgentConfig out;
  if (!options.config.empty()) {
    Diagnostics diagnostics;
    auto loaded = agent::load_config(options.config, diagnostics);
    std::fputs(diagnostics.text().c_str(), stderr);
    if (!loaded) return std::nullopt;
    out = std::move(*loaded);
  }
  std::string upstream = options.upstream;
  if (!options.token.state.empty()) {
    auto place = dev_upstream(options.token.state);
    if (!place) return complain(place.error().message());
    if (upstream.empty()) upstream = place->url;
    out.tls.ca_file = place->ca;
  }
  if (!upstream.empty()) {
    auto endpoint = agent::parse_upstream(upstream);
    if (!endpoint) return complain("--upstream: " + endpoint.error().message());
    out.upstream = std::move(*endpoint);
  }
  if (out.upstream.host.empty())
    return complain(
        "where Keyward is is missing: --upstream rediss://host:6380, --config FILE, or "
        "--state DIR of `keyward dev`");
  if (!options.ca.empty()) out.tls.ca_file = options.ca;
  if (!options.server_name.empty()) out.tls.server_name = options.server_name;
  if (!options.certificate.empty()) out.tls.certificate_file = options.certificate;
  if (!options.key.empty()) out.tls.key_file = options.key;
  if (!options.user.empty()) out.user = options.user;
  if (names_source(options.token)) {
    auto token = token_config(options.token);
    if (!token) return complain(token.error().message());
    out.token = std::move(*token);
  }
  for (const std::string& place : options.listen) {
    auto endpoint = agent::parse_local(place);
    if (!endpoint) return complain("--listen: " + endpoint.error().message());
    agent::ListenerConfig listener;
    listener.endpoint = std::move(*endpoint);
    listener.allow_uids.assign(options.allow_uids.begin(), options.allow_uids.end());
    if (!options.password_file.empty())
      listener.password = [path = options.password_file] { return secret_from_file(path); };
    out.listeners.push_back(std::move(listener));
  }
  return out;
}

agent::Agent::MakeSource source_maker(const AgentOptions& options,
                                      const agent::TokenConfig& config) {
  return [options,
          config](boost::asio::io_context& io) -> Result<std::unique_ptr<agent::TokenSource>> {
    if (config.kind == Kind::none && !options.token.state.empty())
      return dev_source(io, options.token);
    return agent::make_source(io, config, show_to_person);
  };
}

void show_to_person(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::fflush(stderr);
}

}  // namespace keyward::cli
