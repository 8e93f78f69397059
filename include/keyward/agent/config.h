// What an agent does: where it listens, where it goes, how it gets tokens.
#pragma once

#include "keyward/agent/sources.h"
#include "keyward/base/diagnostics.h"
#include "keyward/net/endpoint.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace keyward::agent {

// One way to get tokens, as it is written down.
struct TokenConfig {
  enum class Kind : std::uint8_t {
    none,
    file,
    command,
    client_credentials,
    device,
    aws_sts,
    aws_web_identity,
  };
  Kind kind = Kind::none;
  std::string file;
  std::vector<std::string> command;
  std::chrono::milliseconds timeout{10'000};  // of the command
  OAuthSettings oauth;                        // without tls
  AwsSettings aws;                            // without tls
  std::string ca_file;                        // of the authorization server; empty: the system's
};

// A local endpoint: a unix socket, or loopback.
struct ListenerConfig {
  net::Endpoint endpoint;
  std::function<Result<Secret>()> password;  // what clients must AUTH with; empty: anything will do
  std::vector<uid_t> allow_uids;             // besides the agent's own
};

struct AgentConfig {
  net::Endpoint upstream;  // Kind::tls
  net::ClientTlsConfig tls;
  std::string user = "default";
  TokenConfig token;
  std::vector<ListenerConfig> listeners;
  std::size_t max_clients = 1000;
  std::chrono::milliseconds connect_wait{5'000};  // for a token and for Keyward, per client
  std::chrono::milliseconds drain{10'000};
  std::string log_level = "info";
  bool log_json = false;
};

// Errors name the setting and what to write instead.
[[nodiscard]] Result<net::Endpoint> parse_upstream(const std::string& text);
[[nodiscard]] Result<net::Endpoint> parse_local(const std::string& text);

// A file; all that is wrong goes to the Diagnostics.
[[nodiscard]] std::optional<AgentConfig> load_config(const std::string& path,
                                                     Diagnostics& diagnostics);

// `show` tells a person what to do, for the device login.
[[nodiscard]] Result<std::unique_ptr<TokenSource>> make_source(
    boost::asio::io_context& io, const TokenConfig& config,
    std::function<void(const std::string&)> show);

}  // namespace keyward::agent
