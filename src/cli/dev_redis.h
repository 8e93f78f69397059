// The child redis-server of `keyward dev`: on a free loopback port, closed to everyone but the
// admin user, gone with us.
#pragma once

#include "keyward/base/result.h"
#include "keyward/base/secret.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/types.h>

namespace keyward::cli {

inline constexpr const char* kAdminUser = "keyward-admin";

// The whole redis.conf: `default` is off, the admin user may manage ACL users and ask the server
// about itself, and can reach no key. Holds the hash of the password only. Source of the rights:
// docs/operations, redis acl.c.
[[nodiscard]] std::string redis_configuration(const std::filesystem::path& folder,
                                              std::uint16_t port, const Secret& password);

// A loopback port that nobody listens on right now; `wanted` if it is free, 0 = any.
[[nodiscard]] Result<std::uint16_t> free_loopback_port(std::uint16_t wanted = 0);

class DevRedis {
 public:
  // Writes redis.conf (0600) into `folder`, starts redis-server with it and waits until it takes
  // connections.
  [[nodiscard]] static Result<std::unique_ptr<DevRedis>> start(const std::filesystem::path& folder,
                                                               const Secret& password);
  ~DevRedis();  // ends it and waits for it
  DevRedis(const DevRedis&) = delete;
  DevRedis& operator=(const DevRedis&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  DevRedis(pid_t pid, std::uint16_t port) : pid_(pid), port_(port) {}
  pid_t pid_;
  std::uint16_t port_;
};

}  // namespace keyward::cli
