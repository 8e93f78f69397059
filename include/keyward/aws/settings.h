// Where the credentials of a machine, container or person at AWS come from.
#pragma once

#include "keyward/net/sigv4.h"
#include "keyward/net/tls.h"

#include <string>

namespace keyward::aws {

using Keys = net::sigv4::Credentials;

struct Settings {
  std::string region;
  std::string profile;   // of the shared credentials file; empty: AWS_PROFILE, then default
  std::string endpoint;  // "host:port" to connect to instead of STS's own
  std::string session = "keyward";  // RoleSessionName, unless AWS_ROLE_SESSION_NAME says another
  net::SslContext tls;              // for STS
};

}  // namespace keyward::aws
