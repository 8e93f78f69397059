#include "keyward/server/config.h"

#include "server/config_fields.h"
#include "server/config_sections.h"

#include "keyward/base/yaml.h"
#include "keyward/policy/signature.h"

#include <algorithm>
#include <filesystem>
#include <unistd.h>

namespace keyward::server {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kAdminPort = 9380;

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "keyward";
  std::string out(name);
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '-'; },
      '-');
  return out.substr(0, 48);
}

void read_signers(const yaml::Node& node, const Folder& folder, Config& config) {
  if (!node.present()) return;
  std::vector<std::string> files;
  for (const std::string& name : node.texts()) files.push_back(folder.resolve(name));
  if (files.empty()) {
    node.error("nobody could sign the policies", "[policy-signing.pub], or leave signed_by out");
    return;
  }
  if (const auto read = policy::Signers::load(files); !read) {
    node.error(read.error().message(), "the public half of a key of keyward policy keygen");
    return;
  }
  config.policy_signers = std::move(files);
}

// The folder by its path, or {path, signed_by, watch}.
void read_policies(const yaml::Node& root, const Folder& folder, Config& config) {
  yaml::Node node = root.need("policies");
  if (node.is_map()) {
    node.only({"path", "signed_by", "watch"});
    read_signers(node.get("signed_by"), folder, config);
    read_bool(node.get("watch"), config.watch_policies);
    node = node.need("path");
  }
  std::string path;
  read_path(node, folder, path);
  std::error_code ignored;
  if (path.empty()) return;
  if (!std::filesystem::is_directory(path, ignored)) {
    node.error("the policy folder does not exist", "the path of a folder of policy files");
    return;
  }
  config.policies = std::move(path);
}

// HTTPS with the certificate of the first TLS listener, unless the section says otherwise.
void read_admin(const yaml::Node& root, const Folder& folder, Config& config) {
  auto& out = config.admin;
  out.endpoint = net::Endpoint{net::Endpoint::Kind::tcp, "127.0.0.1", kAdminPort};
  const auto tls_listener = std::find_if(
      config.listeners.begin(), config.listeners.end(),
      [](const auto& listener) { return listener.endpoint.kind == net::Endpoint::Kind::tls; });
  const bool inherits = tls_listener != config.listeners.end();
  const auto inherit = [&] {
    out.endpoint.kind = net::Endpoint::Kind::tls;
    out.tls = tls_listener->tls;
    out.tls.client_ca_file.clear();
    out.tls.require_client_certificate = false;
  };
  const yaml::Node admin = root.get("admin");
  if (!admin.present()) {
    if (inherits) inherit();
    return;
  }
  admin.only({"enabled", "listen", "tls", "token_file"});
  read_file_path(admin.get("token_file"), folder, out.token_file);
  read_bool(admin.get("enabled"), out.enabled);
  const yaml::Node listen = admin.get("listen");
  read_listen(listen, out.endpoint);
  const yaml::Node tls = admin.get("tls");
  if (tls.is_map()) {
    out.endpoint.kind = net::Endpoint::Kind::tls;
    read_server_tls(tls, folder, out.tls);
  } else if (!tls.present()) {
    if (inherits) inherit();
  } else if (const auto on = tls.boolean(); on && *on) {
    tls.error("which certificate?", "{certificate: server.pem, key: server.key}, or leave tls out");
  }
  const bool plain = out.endpoint.kind == net::Endpoint::Kind::tcp;
  if (out.enabled && plain && !is_loopback(out.endpoint.host)) {
    listen.error(
        "admin pages without TLS stay on loopback",
        "tls: {certificate: server.pem, key: server.key} beside it, or listen on 127.0.0.1");
  }
}

void read_lease(const yaml::Node& root, Config& config) {
  const yaml::Node lease = root.get("lease");
  if (lease.present()) {
    lease.only({"linger", "max_users", "rotate_every", "period"});
    read_duration(lease.get("rotate_every"), 0ms, 24h * 365, config.lease.rotate_every);
    read_duration(lease.get("period"), 1s, 1h, config.lease.period);
    read_duration(lease.get("linger"), 0ms, 24h, config.lease.linger);
    read_number(lease.get("max_users"), 1, 100'000, config.lease.max_users);
  }
  config.lease.instance = config.instance;
}

void read_fleet(const yaml::Node& root, const Folder& folder, Config& config) {
  const yaml::Node fleet = root.get("fleet");
  if (!fleet.present()) return;
  fleet.only({"secret", "secret_file", "secret_env", "secret_command"});
  read_secret(fleet, "secret", "the secret of the fleet", folder, config.fleet.secret);
}

void read_process(const yaml::Node& root, const Folder& folder, Config& config) {
  config.instance = host_name();
  if (!config.listeners.empty()) {
    config.instance += "-" + std::to_string(config.listeners.front().endpoint.port);
  }
  read_name(root.get("instance"), config.instance);
  read_number(root.get("shards"), 0, 256, config.shards);
  read_path(root.get("pid_file"), folder, config.pid_file);
  if (const yaml::Node log = root.get("log"); log.present()) {
    log.only({"level", "json"});
    read_choice(log.get("level"), {"trace", "debug", "info", "warn", "error"}, config.log_level);
    read_bool(log.get("json"), config.log_json);
  }
  if (const yaml::Node names = root.get("user_placeholders"); names.present()) {
    config.user_placeholders = names.texts();
  }
}

}  // namespace

std::optional<Config> load_config(const std::string& path, Diagnostics& diagnostics) {
  Diagnostics found;
  const yaml::Node root = yaml::load(path, found);
  if (!root.is_map()) {
    if (!found.failed()) {
      found.error(path, 1, 1, "this is not a configuration", "listeners:, upstream:, issuers: ...");
    }
    diagnostics.append(found);
    return std::nullopt;
  }
  root.only({"instance", "shards", "listeners", "upstream", "issuers", "user_placeholders",
             "policies", "audit", "admin", "lease", "fleet", "limits", "triggers", "log",
             "pid_file"});
  const Folder folder{std::filesystem::absolute(path).parent_path()};
  Config config;
  read_listeners(root, folder, config);
  read_upstream(root, folder, config);
  read_issuers(root, folder, config);
  read_process(root, folder, config);
  read_policies(root, folder, config);
  read_audit(root, folder, config);
  read_admin(root, folder, config);
  read_lease(root, config);
  read_fleet(root, folder, config);
  read_limits(root, config);
  read_triggers(root, folder, config);
  const bool failed = found.failed();
  diagnostics.append(found);
  if (failed) return std::nullopt;
  return config;
}

}  // namespace keyward::server
