// The larger sections of keyward.yaml, one function each.
#pragma once

#include "server/config_fields.h"

#include "keyward/server/config.h"

#include <functional>
#include <string>
#include <string_view>

namespace keyward::server {

void read_listeners(const yaml::Node& root, const Folder& folder, Config& config);
using SecretFrom = std::function<Result<Secret>()>;
// Exactly one of `<name>_file`, `<name>_env` and `<name>_command`; a secret in the file itself is
// refused with the setting that replaces it. `what` begins the sentence that says it is missing.
void read_secret(const yaml::Node& section, const std::string& name, std::string_view what,
                 const Folder& folder, SecretFrom& out);
void read_upstream(const yaml::Node& root, const Folder& folder, Config& config);
void read_issuers(const yaml::Node& root, const Folder& folder, Config& config);
void read_audit(const yaml::Node& root, const Folder& folder, Config& config);
// audit.forward, and audit.checkpoints.copy_to, whose receivers become forwarders too.
void read_forward(const yaml::Node& node, const Folder& folder, AuditConfig& out);
void read_copies(const yaml::Node& node, const Folder& folder, AuditConfig& out);
void read_limits(const yaml::Node& root, Config& config);
void read_triggers(const yaml::Node& root, const Folder& folder, Config& config);

}  // namespace keyward::server
