#include "keyward/agent/config.h"

#include "keyward/base/secret_source.h"
#include "keyward/base/yaml.h"

#include <utility>

namespace keyward::agent {

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMostClients = 100'000;

Result<net::SslContext> issuer_tls(const TokenConfig& config) {
  net::ClientTlsConfig tls;
  tls.ca_file = config.ca_file;
  return net::make_client_context(tls);
}

// <name>_file, <name>_env or <name>_command of a map.
std::function<Result<Secret>()> read_secret(const yaml::Node& node, const std::string& name) {
  if (const auto path = node.get(name + "_file").text())
    return [path = *path] { return secret_from_file(path); };
  if (const auto variable = node.get(name + "_env").text())
    return [variable = *variable] { return secret_from_environment(variable); };
  if (const yaml::Node command = node.get(name + "_command"); command.present()) {
    return [argv = command.texts()] { return secret_from_command(argv, 10s); };
  }
  return nullptr;
}

void read_oauth(const yaml::Node& node, TokenConfig& out) {
  node.only({"issuer", "token_endpoint", "device_endpoint", "client_id", "client_secret_file",
             "client_secret_env", "client_secret_command", "client_auth", "key_file", "scope",
             "audience", "resource", "ca"});
  OAuthSettings& oauth = out.oauth;
  oauth.issuer = node.get("issuer").text().value_or("");
  oauth.token_endpoint = node.get("token_endpoint").text().value_or("");
  oauth.device_endpoint = node.get("device_endpoint").text().value_or("");
  oauth.client_id = node.need("client_id").text().value_or("");
  oauth.client_secret = read_secret(node, "client_secret");
  oauth.key_file = node.get("key_file").text().value_or("");
  oauth.scope = node.get("scope").text().value_or("");
  oauth.audience = node.get("audience").text().value_or("");
  oauth.resource = node.get("resource").text().value_or("");
  out.ca_file = node.get("ca").text().value_or("");
  if (const auto how = node.get("client_auth").text()) {
    oauth.secret_in_body = *how == "post";
    if (*how != "post" && *how != "basic")
      node.get("client_auth").error("client_auth is basic or post", "client_auth: basic");
  }
  if (oauth.issuer.empty() && oauth.token_endpoint.empty())
    node.error("where tokens come from is missing", "issuer: https://login.example.com");
}

void read_aws(const yaml::Node& node, TokenConfig& out) {
  node.only({"region", "audience", "profile", "endpoint", "duration", "ca"});
  out.aws.region = node.need("region").text().value_or("");
  out.aws.audience = node.need("audience").text().value_or("");
  out.aws.profile = node.get("profile").text().value_or("");
  out.aws.endpoint = node.get("endpoint").text().value_or("");
  out.ca_file = node.get("ca").text().value_or("");
  if (const auto life = node.get("duration").duration())
    out.aws.duration = std::chrono::duration_cast<std::chrono::seconds>(*life);
}

TokenConfig read_token(const yaml::Node& node) {
  using Kind = TokenConfig::Kind;
  TokenConfig out;
  node.only({"file", "command", "timeout", "client_credentials", "device", "aws_sts",
             "aws_web_identity"});
  int ways = 0;
  const auto take = [&](const char* name, Kind kind) {
    const yaml::Node way = node.get(name);
    if (way.present()) {
      out.kind = kind;
      ++ways;
    }
    return way;
  };
  if (const auto way = take("file", Kind::file); way.present()) out.file = way.text().value_or("");
  if (const auto way = take("command", Kind::command); way.present()) out.command = way.texts();
  if (const auto time = node.get("timeout").duration()) out.timeout = *time;
  if (const auto way = take("client_credentials", Kind::client_credentials); way.present())
    read_oauth(way, out);
  if (const auto way = take("device", Kind::device); way.present()) read_oauth(way, out);
  if (const auto way = take("aws_sts", Kind::aws_sts); way.present()) read_aws(way, out);
  if (const auto way = take("aws_web_identity", Kind::aws_web_identity); way.present())
    read_aws(way, out);
  if (node.present() && ways != 1)
    node.error("a token comes from one place",
               "one of file, command, client_credentials, device, aws_sts, aws_web_identity");
  return out;
}

void read_listener(const yaml::Node& node, AgentConfig& out) {
  node.only({"listen", "password_file", "password_env", "password_command", "allow_uids"});
  ListenerConfig listener;
  const yaml::Node place = node.need("listen");
  if (const auto text = place.text()) {
    if (auto endpoint = parse_local(*text)) {
      listener.endpoint = std::move(*endpoint);
    } else {
      place.error(endpoint.error().message(), "unix:///run/keyward/agent.sock or 127.0.0.1:6379");
    }
  }
  listener.password = read_secret(node, "password");
  for (const yaml::Node& uid : node.get("allow_uids").list()) {
    if (const auto number = uid.integer(0, 0xfffffffe))
      listener.allow_uids.push_back(static_cast<uid_t>(*number));
  }
  out.listeners.push_back(std::move(listener));
}

void read_upstream(const yaml::Node& node, AgentConfig& out) {
  node.only({"url", "ca", "server_name", "certificate", "key", "user"});
  const yaml::Node url = node.need("url");
  if (const auto text = url.text()) {
    if (auto endpoint = parse_upstream(*text)) {
      out.upstream = std::move(*endpoint);
    } else {
      url.error(endpoint.error().message(), "rediss://keyward.example.com:6380");
    }
  }
  out.tls.ca_file = node.get("ca").text().value_or("");
  out.tls.server_name = node.get("server_name").text().value_or("");
  out.tls.certificate_file = node.get("certificate").text().value_or("");
  out.tls.key_file = node.get("key").text().value_or("");
  out.user = node.get("user").text().value_or("default");
}

}  // namespace

Result<net::Endpoint> parse_upstream(const std::string& text) {
  auto endpoint = net::parse_redis_url(text);
  if (!endpoint) return endpoint.error();
  if (endpoint->kind != net::Endpoint::Kind::tls)
    return Error(
        Errc::invalid,
        "tokens go over TLS only: write rediss:// with the port of Keyward's TLS listener");
  return endpoint;
}

Result<net::Endpoint> parse_local(const std::string& text) {
  auto endpoint =
      text.starts_with("unix://") ? net::parse_redis_url(text) : net::parse_listen(text);
  if (!endpoint) return endpoint.error();
  if (!endpoint->is_loopback())
    return Error(Errc::invalid, "an agent listens on loopback or a unix socket only");
  return endpoint;
}

std::optional<AgentConfig> load_config(const std::string& path, Diagnostics& diagnostics) {
  const yaml::Node root = yaml::load(path, diagnostics);
  AgentConfig out;
  root.only({"upstream", "token", "listeners", "max_clients", "connect_wait", "drain", "log"});
  read_upstream(root.need("upstream"), out);
  out.token = read_token(root.need("token"));
  const yaml::Node listeners = root.need("listeners");
  for (const yaml::Node& listener : listeners.list()) read_listener(listener, out);
  if (const auto most = root.get("max_clients").integer(1, kMostClients))
    out.max_clients = static_cast<std::size_t>(*most);
  if (const auto wait = root.get("connect_wait").duration()) out.connect_wait = *wait;
  if (const auto wait = root.get("drain").duration()) out.drain = *wait;
  const yaml::Node log = root.get("log");
  log.only({"level", "json"});
  out.log_level = log.get("level").text().value_or("info");
  out.log_json = log.get("json").boolean().value_or(false);
  if (diagnostics.failed()) return std::nullopt;
  return out;
}

Result<std::unique_ptr<TokenSource>> make_source(boost::asio::io_context& io,
                                                 const TokenConfig& config,
                                                 std::function<void(const std::string&)> show) {
  using Kind = TokenConfig::Kind;
  OAuthSettings oauth = config.oauth;
  AwsSettings aws = config.aws;
  aws.session = "keyward-agent";
  if (config.kind != Kind::none && config.kind != Kind::file && config.kind != Kind::command) {
    auto tls = issuer_tls(config);
    if (!tls) return tls.error();
    oauth.tls = aws.tls = *tls;
  }
  switch (config.kind) {
    case Kind::file:
      return file_source(io, config.file);
    case Kind::command:
      if (config.command.empty()) return Error(Errc::invalid, "the token command is empty");
      return command_source(io, config.command, config.timeout);
    case Kind::client_credentials:
      if (!oauth.client_secret && oauth.key_file.empty())
        return Error(Errc::invalid,
                     "client credentials need a secret or a key: name client_secret_file or "
                     "key_file");
      return client_credentials_source(io, std::move(oauth));
    case Kind::device:
      return device_source(io, std::move(oauth), std::move(show));
    case Kind::aws_sts:
      return aws_sts_source(io, std::move(aws));
    case Kind::aws_web_identity:
      return aws_web_identity_source(io, std::move(aws));
    case Kind::none:
      break;
  }
  return Error(Errc::invalid, "where tokens come from is missing: --token-file FILE, for example");
}

}  // namespace keyward::agent
