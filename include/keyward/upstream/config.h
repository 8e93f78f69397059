// Where Redis is and how Keyward's own connection logs in.
#pragma once

#include "keyward/base/result.h"
#include "keyward/base/secret.h"
#include "keyward/net/endpoint.h"
#include "keyward/net/tls.h"

#include <chrono>
#include <functional>
#include <string>

namespace keyward::upstream {

struct UpstreamConfig {
  net::Endpoint endpoint;
  net::ClientTlsConfig tls;
  std::string admin_user;
  std::function<Result<Secret>()>
      admin_password;  // read anew at each control connection (file, environment, command)
  // Where that is a file: it is looked at every second, and a new password is logged in with.
  std::string admin_password_file = {};
  std::chrono::milliseconds connect_timeout{3000};
};

}  // namespace keyward::upstream
