#include "keyward/aws/credentials.h"

#include "keyward/aws/sts.h"
#include "keyward/base/json_member.h"
#include "keyward/base/secret_source.h"
#include "keyward/net/https_client.h"

#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

namespace keyward::aws {

namespace {

constexpr const char* kContainerHost = "http://169.254.170.2";
constexpr const char* kInstanceSession = "http://169.254.169.254/latest/api/token";
constexpr const char* kInstanceRoles =
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/";
constexpr std::chrono::seconds kMetadataDeadline{2};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::optional<Keys> from_environment() {
  Keys keys{environment("AWS_ACCESS_KEY_ID"), Secret(environment("AWS_SECRET_ACCESS_KEY")),
            environment("AWS_SESSION_TOKEN")};
  if (keys.access_key.empty() || keys.secret_key.empty()) return std::nullopt;
  return keys;
}

std::optional<Keys> from_profile(const std::string& wanted) {
  std::string path = environment("AWS_SHARED_CREDENTIALS_FILE");
  if (path.empty()) path = environment("HOME") + "/.aws/credentials";
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  std::string profile = wanted.empty() ? environment("AWS_PROFILE") : wanted;
  if (profile.empty()) profile = "default";
  return read_profile(text.str(), profile);
}

net::HttpRequest metadata_request(std::string method, std::string url) {
  net::HttpRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.allow_plain = request.allow_private = request.allow_metadata = true;
  request.deadline = kMetadataDeadline;
  return request;
}

}  // namespace

std::optional<Keys> read_profile(std::string_view file, std::string_view profile) {
  Keys keys;
  bool inside = false;
  while (!file.empty()) {
    const std::size_t end = file.find('\n');
    const std::string_view line = trimmed(file.substr(0, end));
    file.remove_prefix(end == file.npos ? file.size() : end + 1);
    if (line.starts_with('[')) {
      inside = trimmed(line.substr(1, line.find(']') - 1)) == profile;
    } else if (const std::size_t equals = line.find('='); inside && equals != line.npos) {
      const std::string_view name = trimmed(line.substr(0, equals));
      const std::string value(trimmed(line.substr(equals + 1)));
      if (name == "aws_access_key_id") keys.access_key = value;
      if (name == "aws_secret_access_key") keys.secret_key = Secret(value);
      if (name == "aws_session_token") keys.session_token = value;
    }
  }
  if (keys.access_key.empty() || keys.secret_key.empty()) return std::nullopt;
  return keys;
}

std::optional<WallTime> read_timestamp(std::string_view text) {
  int parts[6] = {};
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= kShape.size() || text.back() != 'Z') return std::nullopt;
  std::size_t part = 0;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] != 'd') {
      if (text[i] != kShape[i]) return std::nullopt;
      ++part;
    } else if (digit) {
      parts[part] = parts[part] * 10 + (text[i] - '0');
    } else {
      return std::nullopt;
    }
  }
  const std::chrono::year_month_day day{std::chrono::year(parts[0]),
                                        std::chrono::month(static_cast<unsigned>(parts[1])),
                                        std::chrono::day(static_cast<unsigned>(parts[2]))};
  if (!day.ok()) return std::nullopt;
  return std::chrono::sys_days(day) + std::chrono::hours(parts[3]) +
         std::chrono::minutes(parts[4]) + std::chrono::seconds(parts[5]);
}

Result<Credentials> read_credentials_document(std::string_view body, const std::string& source) {
  boost::system::error_code bad;
  const boost::json::value value = boost::json::parse(body, bad);
  if (bad || !value.is_object()) return Error(Errc::invalid, source + " gave no JSON object");
  const boost::json::object& facts = value.get_object();
  Credentials out;
  out.keys = {text_of(facts, "AccessKeyId"), Secret(text_of(facts, "SecretAccessKey")),
              text_of(facts, "Token")};
  out.expires = read_timestamp(text_of(facts, "Expiration"));
  if (out.keys.access_key.empty() || out.keys.secret_key.empty())
    return Error(Errc::invalid, source + " gave no credentials");
  return out;
}

Result<Credentials> read_sts_credentials(const boost::json::object& result) {
  const Error none(Errc::invalid, "STS gave no credentials");
  const boost::json::value* found = result.if_contains("Credentials");
  if (found == nullptr || !found->is_object()) return none;
  const boost::json::object& facts = found->get_object();
  Credentials out;
  out.keys = {text_of(facts, "AccessKeyId"), Secret(text_of(facts, "SecretAccessKey")),
              text_of(facts, "SessionToken")};
  if (out.keys.access_key.empty() || out.keys.secret_key.empty()) return none;
  const boost::json::value* expires = facts.if_contains("Expiration");
  if (expires != nullptr && expires->is_number()) {
    const auto seconds = expires->to_number<double>();
    // Within the years that a WallTime can hold.
    if (seconds > 0 && seconds < 1e11)
      out.expires = WallTime(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
  } else {
    out.expires = read_timestamp(text_of(facts, "Expiration"));
  }
  return out;
}

void CredentialChain::find(Done done) {
  std::optional<Keys> here = from_environment();
  if (!here && !environment("AWS_WEB_IDENTITY_TOKEN_FILE").empty())
    return web_identity(std::move(done));
  if (!here) here = from_profile(settings_.profile);
  if (here) {
    boost::asio::post(io_, [done = std::move(done), here = std::move(*here)]() mutable {
      done(Credentials{std::move(here), std::nullopt});
    });
    return;
  }
  if (const std::string path = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); !path.empty())
    return container(kContainerHost + path, std::move(done));
  if (const std::string url = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI"); !url.empty())
    return container(url, std::move(done));
  instance(std::move(done));
}

// The pod's own token for a role: AssumeRoleWithWebIdentity, which needs no signature.
void CredentialChain::web_identity(Done done) {
  const std::string role = environment("AWS_ROLE_ARN");
  Result<Secret> token = secret_from_file(environment("AWS_WEB_IDENTITY_TOKEN_FILE"));
  if (role.empty() || !token) {
    Error why = token ? Error(Errc::invalid, "AWS_ROLE_ARN is not set") : token.error();
    boost::asio::post(io_, [done = std::move(done), why] { done(why); });
    return;
  }
  std::string session = environment("AWS_ROLE_SESSION_NAME");
  if (session.empty()) session = settings_.session;
  const net::sigv4::Pairs query{{"Action", "AssumeRoleWithWebIdentity"},
                                {"Version", "2011-06-15"},
                                {"RoleArn", role},
                                {"RoleSessionName", session},
                                {"WebIdentityToken", std::string(token->reveal())}};
  ask_sts(io_, settings_, unsigned_sts_url(settings_, query), "AssumeRoleWithWebIdentity",
          [done = std::move(done)](Result<boost::json::object> answer) {
            if (!answer) return done(answer.error());
            done(read_sts_credentials(*answer));
          });
}

void CredentialChain::container(const std::string& url, Done done) {
  net::HttpRequest request = metadata_request("GET", url);
  std::string authorization = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string path = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
      !path.empty()) {
    if (Result<Secret> read = secret_from_file(path)) authorization = read->reveal();
  }
  if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
  net::http_fetch(
      io_, settings_.tls, std::move(request),
      [done = std::move(done)](const Result<net::HttpResponse>& answer) {
        const std::string source = "the container's credentials endpoint";
        if (!answer)
          return done(Error(answer.error().code(), source + ": " + answer.error().message()));
        if (answer->status != 200)
          return done(
              Error(Errc::unavailable, source + " answered " + std::to_string(answer->status)));
        done(read_credentials_document(answer->body, source));
      });
}

// IMDSv2: a session first. Version 1 is never used.
void CredentialChain::instance(Done done) {
  net::HttpRequest request = metadata_request("PUT", kInstanceSession);
  request.headers.emplace_back("X-aws-ec2-metadata-token-ttl-seconds", "60");
  net::http_fetch(
      io_, settings_.tls, std::move(request),
      [this, done = std::move(done)](const Result<net::HttpResponse>& answer) {
        if (!answer || answer->status != 200)
          return done(Error(Errc::not_found,
                            "no AWS credentials: neither in the environment, nor in the shared "
                            "credentials file, nor from a container or instance; set "
                            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile"));
        instance_role(answer->body, done);
      });
}

void CredentialChain::instance_role(const std::string& session, Done done) {
  net::HttpRequest request = metadata_request("GET", kInstanceRoles);
  request.headers.emplace_back("X-aws-ec2-metadata-token", session);
  net::http_fetch(
      io_, settings_.tls, std::move(request),
      [this, session, done = std::move(done)](const Result<net::HttpResponse>& names) {
        if (!names || names->status != 200)
          return done(Error(Errc::not_found, "no AWS credentials: this instance has no role"));
        const std::string role(
            trimmed(std::string_view(names->body).substr(0, names->body.find('\n'))));
        net::HttpRequest second =
            metadata_request("GET", kInstanceRoles + net::sigv4::uri_encode(role));
        second.headers.emplace_back("X-aws-ec2-metadata-token", session);
        net::http_fetch(
            io_, settings_.tls, std::move(second), [done](const Result<net::HttpResponse>& answer) {
              if (!answer || answer->status != 200)
                return done(Error(Errc::unavailable, "the instance's credentials cannot be read"));
              done(read_credentials_document(answer->body, "the instance"));
            });
      });
}

}  // namespace keyward::aws
