#include "cli/dev_source.h"

#include "cli/dev_files.h"
#include "cli/dev_tokens.h"

#include "keyward/agent/sources.h"
#include "keyward/base/hash.h"
#include "keyward/base/yaml.h"
#include "keyward/identity/dev_issuer.h"

#include <boost/json/parse.hpp>

#include <chrono>
#include <cstdlib>
#include <utility>

namespace keyward::cli {
namespace {

constexpr std::chrono::hours kLongest{
    24};  // the issuer's max_lifetime of a development configuration

std::string default_state() {
  const char* named = std::getenv("KEYWARD_STATE");
  return named != nullptr && *named != '\0' ? named : ".keyward";
}

// "30s", "5m", "12h" by the same rules as in configuration files.
Result<std::chrono::seconds> lifetime(const std::string& text) {
  Diagnostics found;
  const auto value = yaml::parse("--ttl", "ttl: " + text, found).get("ttl").duration();
  if (!value || found.failed())
    return Error(Errc::invalid, "--ttl is a time such as 30s, 5m or 12h");
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*value);
  if (seconds.count() < 1 || seconds > kLongest) {
    return Error(Errc::invalid, "--ttl is between 1s and 24h");
  }
  return seconds;
}

// name=text, or name:=JSON.
Result<> add_claim(const std::string& text, boost::json::object& claims) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos || equals == 0) {
    return Error(Errc::invalid, "--claim is name=text or name:=JSON, not " + text.substr(0, 40));
  }
  const std::string value = text.substr(equals + 1);
  if (text[equals - 1] != ':') {
    set_claim(claims, text.substr(0, equals), boost::json::string(value));
    return {};
  }
  boost::system::error_code bad;
  boost::json::value parsed = boost::json::parse(value, bad);
  if (bad || equals == 1) return Error(Errc::invalid, "--claim name:=JSON needs a JSON value");
  set_claim(claims, text.substr(0, equals - 1), std::move(parsed));
  return {};
}

// The alias whose rules this identity fits, by the policies of the state folder's configuration.
std::string fitting_alias(const DevFiles& files, const TokenRequest& request) {
  Diagnostics ignored;
  std::string folder =
      yaml::load(files.config().string(), ignored).get("policies").text().value_or("");
  if (folder.empty()) return kDevAlias;
  folder = (files.root / folder).string();
  const auto snapshot = policy::Snapshot::load(folder, command::Catalog::built_in(), {}, ignored);
  return snapshot ? alias_for(*snapshot, request) : kDevAlias;
}

}  // namespace

Result<DevToken> make_dev_token(const TokenOptions& options) {
  TokenRequest request;
  request.subject = options.subject;
  request.groups = options.groups;
  const auto ttl = lifetime(options.ttl);
  if (!ttl) return ttl.error();
  request.ttl = *ttl;
  for (const std::string& claim : options.claims) {
    if (auto added = add_claim(claim, request.claims); !added) return added.error();
  }
  const DevFiles files = dev_files(options.state.empty() ? default_state() : options.state);
  const auto key = identity::SigningKey::load(files.signing_key().string());
  if (!key) {
    return Error(Errc::not_found, "no development issuer in " + files.root.string() + " (" +
                                      key.error().message() + "): run `keyward dev` first");
  }
  request.alias = options.issuer.empty() ? fitting_alias(files, request) : options.issuer;
  DevToken out;
  out.alias = request.alias;
  out.claims = token_claims(request, SystemClock().wall(), hex(random_bytes(8)));
  auto token = key->sign(out.claims);
  if (!token) return token.error();
  out.value = std::move(*token);
  return out;
}

Result<std::unique_ptr<agent::TokenSource>> dev_source(boost::asio::io_context& io,
                                                       const TokenOptions& options) {
  if (options.subject.empty())
    return Error(Errc::invalid, "who is missing: --subject alice, with --group as needed");
  const std::string name = "the development issuer in " + options.state;
  return agent::function_source(io, name, [options, name]() -> Result<agent::Token> {
    Result<DevToken> made = make_dev_token(options);
    if (!made) return made.error();
    return agent::make_token(std::move(made->value), name);
  });
}

Result<DevUpstream> dev_upstream(const std::string& state) {
  const DevFiles files = dev_files(state);
  Diagnostics found;
  const yaml::Node config = yaml::load(files.config().string(), found);
  const auto listeners = config.get("listeners").list();
  const auto listen = listeners.empty() ? std::nullopt : listeners.front().get("listen").text();
  if (!listen) {
    return Error(Errc::not_found,
                 "no configuration in " + files.root.string() + ": run `keyward dev` first");
  }
  return DevUpstream{"rediss://" + *listen, files.ca().string()};
}

}  // namespace keyward::cli
