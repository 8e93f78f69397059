// The ways to get a token, each a TokenSource.
#pragma once

#include "keyward/agent/token.h"
#include "keyward/aws/settings.h"
#include "keyward/net/tls.h"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keyward::agent {

// A file that somebody else renews: kubelet (a projected volume), a sidecar, a login helper. Read
// again when stat(2) says that it is another one.
[[nodiscard]] std::unique_ptr<TokenSource> file_source(boost::asio::io_context& io,
                                                       std::string path);
// What a command prints.
[[nodiscard]] std::unique_ptr<TokenSource> command_source(boost::asio::io_context& io,
                                                          std::vector<std::string> argv,
                                                          std::chrono::milliseconds timeout);
// What a function answers at once.
[[nodiscard]] std::unique_ptr<TokenSource> function_source(boost::asio::io_context& io,
                                                           std::string name,
                                                           std::function<Result<Token>()> make);

struct OAuthSettings {
  // Where its endpoints are told (/.well-known/openid-configuration), or the endpoints themselves.
  std::string issuer, token_endpoint, device_endpoint;
  std::string client_id, scope, audience, resource;
  std::function<Result<Secret>()> client_secret;  // read anew each time; empty: a public client
  bool secret_in_body = false;                    // client_secret_post instead of HTTP Basic
  std::string key_file;  // a private JWK for private_key_jwt (RFC 7523), instead of a secret
  net::SslContext tls;
};
// RFC 6749 section 4.4.
[[nodiscard]] std::unique_ptr<TokenSource> client_credentials_source(boost::asio::io_context& io,
                                                                     OAuthSettings settings);
// RFC 8628: `show` tells the person where to go. A refresh token is held in memory only, so each
// start of the agent asks once.
[[nodiscard]] std::unique_ptr<TokenSource> device_source(
    boost::asio::io_context& io, OAuthSettings settings,
    std::function<void(const std::string&)> show);

struct AwsSettings : aws::Settings {
  std::string audience;
  std::chrono::seconds duration{300};  // of a web identity token
};
// A presigned GetCallerIdentity request, made here from the credentials of the environment.
[[nodiscard]] std::unique_ptr<TokenSource> aws_sts_source(boost::asio::io_context& io,
                                                          AwsSettings settings);
// sts:GetWebIdentityToken, a JWT of the account's own issuer.
[[nodiscard]] std::unique_ptr<TokenSource> aws_web_identity_source(boost::asio::io_context& io,
                                                                   AwsSettings settings);

}  // namespace keyward::agent
