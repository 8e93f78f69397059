// What `keyward dev` writes for others to read: the equivalent configuration, the env file, a
// starter policy. Pure.
#pragma once

#include "cli/dev_files.h"

#include <cstdint>
#include <string>
#include <vector>

namespace keyward::cli {

struct DevSetup {
  DevFiles files;
  std::string listen, admin_listen;  // address:port, ports known
  std::string redis_url, redis_user, redis_password_file;
  std::string redis_ca;              // empty = none given
  std::string policies;              // absolute
  std::vector<std::string> aliases;  // of issuers
  std::size_t shards = 0;
  std::string lease_linger = "10s";
  std::string log_level = "info";
};

// keyward.yaml, as `keyward serve` reads it.
[[nodiscard]] std::string configuration_text(const DevSetup& setup);
// export KEYWARD_URL=... and so on, for a POSIX shell.
[[nodiscard]] std::string env_text(const DevSetup& setup);
[[nodiscard]] std::string starter_policy();
// Lines to copy into another shell: redis-cli and Python with the token `token` (a file name in
// tokens/).
[[nodiscard]] std::string invitation(const DevSetup& setup, const std::string& token);

}  // namespace keyward::cli
