// Tokens from AWS: a signed request that Keyward sends on, and a JWT of the account's own issuer.
#include "keyward/agent/sources.h"
#include "keyward/aws/credentials.h"
#include "keyward/aws/sts.h"
#include "keyward/identity/sts_credential.h"

#include <utility>

namespace keyward::agent {

namespace {

constexpr std::chrono::minutes kStsLife{15};  // docs/identity.md: how long one is good for logins

class StsSource final : public TokenSource {
 public:
  StsSource(boost::asio::io_context& io, AwsSettings settings)
      : settings_(std::move(settings)), chain_(io, settings_) {}

  void fetch(Done done) override {
    chain_.find([this, done = std::move(done)](const Result<aws::Credentials>& found) {
      if (!found) return done(found.error());
      const auto now = std::chrono::floor<std::chrono::seconds>(SystemClock().wall());
      const std::string url = aws::presigned_sts_url(
          settings_, found->keys, {{"Action", "GetCallerIdentity"}, {"Version", "2011-06-15"}},
          {{std::string(identity::kStsAudienceHeader), settings_.audience}}, now);
      Result<Token> token = make_token(Secret(identity::make_sts_token(url)), name());
      if (token) {
        token->expires = now + kStsLife;
        if (found->expires) token->expires = std::min(*token->expires, *found->expires);
      }
      done(std::move(token));
    });
  }
  [[nodiscard]] std::string name() const override {
    return "AWS credentials for STS in " + settings_.region;
  }

 private:
  AwsSettings settings_;
  aws::CredentialChain chain_;
};

class WebIdentitySource final : public TokenSource {
 public:
  WebIdentitySource(boost::asio::io_context& io, AwsSettings settings)
      : io_(io), settings_(std::move(settings)), chain_(io, settings_) {}

  void fetch(Done done) override {
    chain_.find([this, done = std::move(done)](const Result<aws::Credentials>& found) {
      if (!found) return done(found.error());
      const auto now = std::chrono::floor<std::chrono::seconds>(SystemClock().wall());
      const std::string url =
          aws::presigned_sts_url(settings_, found->keys,
                                 {{"Action", "GetWebIdentityToken"},
                                  {"Version", "2011-06-15"},
                                  {"Audience.member.1", settings_.audience},
                                  {"SigningAlgorithm", "RS256"},
                                  {"DurationSeconds", std::to_string(settings_.duration.count())}},
                                 {}, now);
      aws::ask_sts(io_, settings_, url, "GetWebIdentityToken",
                   [this, done](Result<boost::json::object> answer) {
                     if (!answer) return done(answer.error());
                     const boost::json::value* token = answer->if_contains("WebIdentityToken");
                     const bool there = token != nullptr && token->is_string();
                     done(make_token(
                         Secret(there ? std::string(token->get_string()) : std::string()), name()));
                   });
    });
  }
  [[nodiscard]] std::string name() const override {
    return "sts:GetWebIdentityToken in " + settings_.region;
  }

 private:
  boost::asio::io_context& io_;
  AwsSettings settings_;
  aws::CredentialChain chain_;
};

}  // namespace

std::unique_ptr<TokenSource> aws_sts_source(boost::asio::io_context& io, AwsSettings settings) {
  return std::make_unique<StsSource>(io, std::move(settings));
}

std::unique_ptr<TokenSource> aws_web_identity_source(boost::asio::io_context& io,
                                                     AwsSettings settings) {
  return std::make_unique<WebIdentitySource>(io, std::move(settings));
}

}  // namespace keyward::agent
