#include "cli/dev_files.h"
#include "cli/dev_tokens.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/base/hash.h"
#include "keyward/base/yaml.h"
#include "keyward/identity/dev_issuer.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <unistd.h>

namespace keyward::cli {
namespace {

constexpr std::chrono::hours kLongest{
    24};  // the issuer's max_lifetime of a development configuration

struct Options {
  std::string state, issuer, subject, ttl = "1h";
  std::vector<std::string> groups, claims;
  bool json = false;
};

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

int print_token(const Options& options) {
  TokenRequest request;
  request.subject = options.subject;
  request.groups = options.groups;
  const auto ttl = lifetime(options.ttl);
  if (!ttl) return usage(ttl.error().message());
  request.ttl = *ttl;
  for (const std::string& claim : options.claims) {
    if (auto added = add_claim(claim, request.claims); !added)
      return usage(added.error().message());
  }
  const DevFiles files = dev_files(options.state.empty() ? default_state() : options.state);
  const auto key = identity::SigningKey::load(files.signing_key().string());
  if (!key) {
    return fail("no development issuer in " + files.root.string() + " (" + key.error().message() +
                    "): run `keyward dev` first",
                options.json);
  }
  request.alias = options.issuer.empty() ? fitting_alias(files, request) : options.issuer;
  const auto claims = token_claims(request, SystemClock().wall(), hex(random_bytes(8)));
  const auto token = key->sign(claims);
  if (!token) return fail(token.error().message(), options.json);
  if (options.json) {
    print_json(boost::json::object{{"token", token->reveal()},
                                   {"issuer", request.alias},
                                   {"subject", request.subject},
                                   {"expires_at", claims.at("exp")}});
    return kDone;
  }
  if (isatty(STDERR_FILENO) == 1) {
    std::fprintf(stderr, "issuer %s, subject %s, for %s\n", request.alias.c_str(),
                 request.subject.c_str(), options.ttl.c_str());
  }
  return print_line(token->reveal()) ? kDone : kDoesNotHold;
}

}  // namespace

void add_token(CLI::App& app, Chosen& chosen) {
  CLI::App* verb = app.add_subcommand("token", "A token of the development issuer");
  auto options = std::make_shared<Options>();
  verb->add_option("--state", options->state,
                   "The folder of `keyward dev` (default: $KEYWARD_STATE, .keyward)")
      ->type_name("DIR");
  verb->add_option("--subject", options->subject, "Who: the claim sub")->required();
  verb->add_option("--group", options->groups, "A group; may be repeated");
  verb->add_option("--ttl", options->ttl, "How long it is good")->capture_default_str();
  verb->add_option("--issuer", options->issuer,
                   "The issuer's alias (default: the first one whose rules fit, else dev)")
      ->type_name("ALIAS");
  verb->add_option("--claim", options->claims, "name=text or name:=JSON; may be repeated");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      "Prints the token on standard output.\n"
      "Example:\n  keyward token --state .keyward --subject alice --group airflow-workers --ttl "
      "1h");
  verb->callback([&chosen, options] { chosen.run = [options] { return print_token(*options); }; });
}

}  // namespace keyward::cli
