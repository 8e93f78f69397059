// AWS Signature Version 4, with its parameters in the query ("presigned URL") or in a header. Pure.
// Source: AWS, "Create a signed AWS API request".
#pragma once

#include "keyward/base/secret.h"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::net::sigv4 {

// RFC 3986: everything but A-Z a-z 0-9 - . _ ~ as %XX in upper case.
[[nodiscard]] std::string uri_encode(std::string_view text);
// The reverse; strict: nothing on a bad escape or on what should have been encoded.
[[nodiscard]] bool uri_decode(std::string_view text, std::string& out);

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Credentials {
  std::string access_key;
  Secret secret_key;
  std::string session_token;  // empty for long-lived keys
};

struct Request {
  std::string method = "GET", host, path = "/";  // the path encoded already
  Pairs query;                                   // not encoded
  Pairs headers;                                 // to be signed besides host
  // SHA-256 of the body in hex; of the empty one when empty.
  std::string payload_hash;
};

struct Scope {
  std::string region, service;
  std::chrono::sys_seconds time{};
  std::chrono::seconds expires{900};  // of a presigned URL
};

// What is hashed, with the parameters of the signature in the query; for tests and errors.
[[nodiscard]] std::string canonical_request(const Request& request, const Scope& scope,
                                            const Credentials& credentials);
// "20150830T123600Z".
[[nodiscard]] std::string amz_date(std::chrono::sys_seconds time);
// The whole URL.
[[nodiscard]] std::string presign(const Request& request, const Scope& scope,
                                  const Credentials& credentials);
// The headers to add: X-Amz-Date, X-Amz-Security-Token for temporary credentials, Authorization.
[[nodiscard]] Pairs sign(const Request& request, const Scope& scope,
                         const Credentials& credentials);

}  // namespace keyward::net::sigv4
