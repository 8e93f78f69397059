// keyward.yaml as a value. Loaded with all errors at once; secrets only by reference.
#pragma once

#include "keyward/audit/journal.h"
#include "keyward/audit/retention.h"
#include "keyward/base/diagnostics.h"
#include "keyward/fleet/store.h"
#include "keyward/forward/config.h"
#include "keyward/identity/authenticator.h"
#include "keyward/lease/lease_service.h"
#include "keyward/proxy/config.h"
#include "keyward/trigger/target.h"
#include "keyward/upstream/config.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace keyward::server {

struct AdminConfig {
  bool enabled = true;
  net::Endpoint endpoint;  // Kind::tls or Kind::tcp (loopback only)
  net::ServerTlsConfig tls;
  std::string token_file;  // what /v1/ asks for; empty = none, loopback only
};

struct AuditConfig {
  audit::Rotation rotate{};
  bool compress = true;
  audit::Retention retention{};
  std::chrono::milliseconds checkpoint_every = std::chrono::seconds(10);
  std::string signing_key;  // a private key's file; empty = beside the trail, made when missing
  std::vector<std::string> checkpoint_copies;  // files
  bool script_texts = false;                   // texts of scripts are kept by their digest
  std::string names_secret;  // of hashed names; empty = beside the trail, made when missing
  std::vector<forward::ForwarderConfig> forward{};  // also copies of checkpoints that are no files
};

struct TriggerConfig {
  std::vector<trigger::Connection> connections;  // what targets of policy files name by `via`
  // What an instance began and shows no sign of life for: another takes it over.
  std::chrono::milliseconds claim_after = std::chrono::seconds(30);
};

struct Config {
  std::string instance;    // default: host name and the first listener's port
  std::size_t shards = 0;  // 0 = one per core
  std::vector<proxy::ListenerConfig> listeners;
  upstream::UpstreamConfig upstream;
  std::vector<identity::IssuerConfig> issuers;
  std::vector<std::string> user_placeholders = {"oidc"};
  std::string policies;                     // folder
  std::vector<std::string> policy_signers;  // public key files; empty = the folder is not signed
  bool watch_policies = false;
  std::string audit_directory;
  AuditConfig audit;
  AdminConfig admin;
  lease::LeaseConfig lease;
  fleet::StoreConfig fleet;  // without a secret: that of the admin user
  TriggerConfig triggers;
  proxy::ProxyLimits limits;
  std::string log_level = "info";
  bool log_json = false;
  std::string pid_file;
};

// Relative paths in the file are relative to its folder. Files that it names (certificates, keys,
// JWKS, password file) are opened to see that they can be read. Null when anything is wrong.
[[nodiscard]] std::optional<Config> load_config(const std::string& path, Diagnostics& diagnostics);

}  // namespace keyward::server
