// Who is there: the outcome of a verified credential. Never built from what a client merely says.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/hash.h"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace keyward::identity {

// What POST /v1/credentials gave out for a token, to clients that can hold only a password.
struct Vended {
  enum class Mode : std::uint8_t {
    none,    // a token or a certificate of one's own
    proxy,   // a user and password for the proxy
    direct,  // a Redis user: only Redis's own rules stand between it and the keys
  };
  Mode mode = Mode::none;
  std::string user;                 // "kwc_...", "kwd_...": what a revocation names
  std::vector<std::string> grants;  // those it was given out for, by name; it has no others
};

// How the audit names a credential: the first 16 hex digits of its SHA-256; no one logs in with that.
[[nodiscard]] inline std::string evidence_of(const Digest& credential) {
  return hex(credential).substr(0, 16);
}

struct Principal {
  std::string id;            // issuer alias + ":" + stable subject
  std::string issuer_alias;  // as in the configuration ("okta")
  std::string issuer;        // iss
  std::string subject;
  std::string label;  // for people; never used to decide
  std::vector<std::string> groups;
  boost::json::object claims;  // verified claims, for templates and matching
  std::string token_id;        // jti, may be empty
  std::string evidence;        // evidence_of() its token
  WallTime issued_at{};
  WallTime expires_at{};  // end of the session this credential allows
  // RFC 8705: hex SHA-256 of the client certificate without which this is worth nothing; may be
  // empty.
  std::string bound_to;
  // OCSF 3002 auth_protocol: "OpenID", "OAUTH 2.0", "aws-sts", "mTLS", "keyward-credential".
  std::string auth_protocol = "OpenID";
  Vended vended;
};

}  // namespace keyward::identity
