// The credentials of this machine, container or person at AWS, found as its own tools find them.
#pragma once

#include "keyward/aws/settings.h"
#include "keyward/base/clock.h"
#include "keyward/base/result.h"

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace keyward::aws {

struct Credentials {
  Keys keys;
  std::optional<WallTime> expires;
};

// [profile] of a shared credentials file (aws_access_key_id, aws_secret_access_key,
// aws_session_token).
[[nodiscard]] std::optional<Keys> read_profile(std::string_view file, std::string_view profile);
// What containers and instances are told: AccessKeyId, SecretAccessKey, Token, Expiration.
[[nodiscard]] Result<Credentials> read_credentials_document(std::string_view body,
                                                            const std::string& source);
// The result of AssumeRoleWithWebIdentity: Credentials with SessionToken and, in JSON, Expiration
// in seconds since 1970.
[[nodiscard]] Result<Credentials> read_sts_credentials(const boost::json::object& result);
// "2026-11-22T10:00:00Z".
[[nodiscard]] std::optional<WallTime> read_timestamp(std::string_view text);

// In this order: environment, web identity of the pod (AWS_WEB_IDENTITY_TOKEN_FILE), shared
// credentials file, container endpoint (ECS, EKS pod identity), instance (IMDSv2 only). Used on the
// thread of its io_context, one question at a time.
class CredentialChain {
 public:
  using Done = std::function<void(Result<Credentials>)>;
  CredentialChain(boost::asio::io_context& io, Settings settings)
      : io_(io), settings_(std::move(settings)) {}
  void find(Done done);

 private:
  void web_identity(Done done);
  void container(const std::string& url, Done done);
  void instance(Done done);
  void instance_role(const std::string& session, Done done);
  boost::asio::io_context& io_;
  Settings settings_;
};

}  // namespace keyward::aws
