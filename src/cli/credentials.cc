#include "cli/admin_client.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/base/secret_source.h"

#include <boost/json/array.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace keyward::cli {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kTokenDeadline{60};  // a person may have to log in

struct CredentialsOptions {
  AdminPlace place;
  std::string token_file, mode = "proxy", ttl, user, redis;
  std::vector<std::string> token_command, grants;
  bool json = false;
};

bool names_token(const CredentialsOptions& options) {
  return !options.token_file.empty() || !options.token_command.empty() ||
         std::getenv("KEYWARD_TOKEN") != nullptr;
}

Result<Secret> token_of(const CredentialsOptions& options) {
  if (!options.token_file.empty()) return secret_from_file(options.token_file);
  if (!options.token_command.empty())
    return secret_from_command(options.token_command, kTokenDeadline);
  if (std::getenv("KEYWARD_TOKEN") == nullptr) {
    return Error(Errc::invalid,
                 "no token: --token-file FILE, --token-command PROGRAM ..., or KEYWARD_TOKEN");
  }
  return secret_from_environment("KEYWARD_TOKEN");
}

std::string text(const json::object& body, std::string_view name) {
  const auto* value = body.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr) return {};
  if (value->is_string()) return std::string(value->get_string());
  if (value->is_int64()) return std::to_string(value->get_int64());
  if (value->is_bool()) return value->get_bool() ? "yes" : "no";
  std::string out;
  if (value->is_array()) {
    for (const auto& one : value->get_array())
      out += (out.empty() ? "" : ", ") + (one.is_string() ? std::string(one.get_string()) : "");
  }
  return out;
}

// With the user and password where a client's URL has them.
std::string url_hint(const CredentialsOptions& options, const json::object& body) {
  const char* named = std::getenv("KEYWARD_URL");
  const bool direct = text(body, "mode") == "direct";
  std::string base = options.redis;
  if (base.empty() && !direct && named != nullptr) base = named;
  if (base.empty()) base = direct ? "redis://REDIS:6379/0" : "rediss://KEYWARD:6380/0";
  const std::size_t scheme = base.find("://");
  if (scheme == base.npos) return {};
  return base.substr(0, scheme + 3) + text(body, "user") + ":" + text(body, "password") + "@" +
         base.substr(scheme + 3);
}

void print_for_people(const CredentialsOptions& options, const json::object& body) {
  const auto line = [&](const char* label, const std::string& value) {
    if (!value.empty()) print_line(std::string(label) + value);
  };
  line("user       ", text(body, "user"));
  line("password   ", text(body, "password"));
  line("mode       ", text(body, "mode"));
  line("principal  ", text(body, "principal"));
  line("grants     ", text(body, "grants"));
  line("expires    ", text(body, "expires_at") + " (in " + text(body, "ttl") + " s, limited by " +
                          text(body, "limited_by") + ")");
  line("renewable  ", text(body, "renewable"));
  line("namespace  ", text(body, "namespace"));
  if (!text(body, "password").empty()) line("url        ", url_hint(options, body));
  if (const auto* notes = body.if_contains("notes"); notes != nullptr && notes->is_array()) {
    for (const auto& note : notes->get_array())
      if (note.is_string()) line("note       ", std::string(note.get_string()));
  }
}

int show(const CredentialsOptions& options, const Result<AdminAnswer>& answer) {
  if (!answer) return fail(answer.error().message(), options.json);
  if (options.json) {
    print_json(answer->body);
    return answer->ok() ? kDone : kDoesNotHold;
  }
  if (!answer->ok()) return fail(answer->error());
  print_for_people(options, answer->body);
  return kDone;
}

int get(const CredentialsOptions& options) {
  const auto token = token_of(options);
  if (!token) return fail(token.error().message(), options.json);
  json::object body{{"mode", options.mode}};
  if (!options.ttl.empty()) body["ttl"] = options.ttl;
  if (!options.grants.empty()) {
    json::array grants;
    for (const std::string& grant : options.grants) grants.emplace_back(grant);
    body["grants"] = std::move(grants);
  }
  return show(options, ask_admin(options.place, "POST", "/v1/credentials", *token, body));
}

int renew(const CredentialsOptions& options) {
  const auto token = token_of(options);
  if (!token) return fail(token.error().message(), options.json);
  json::object body{{"lease_id", options.user}};
  if (!options.ttl.empty()) body["ttl"] = options.ttl;
  return show(options, ask_admin(options.place, "POST", "/v1/credentials/renew", *token, body));
}

int revoke(const CredentialsOptions& options) {
  const auto token = names_token(options) ? token_of(options) : admin_token(options.place);
  if (!token) return fail(token.error().message(), options.json);
  const auto answer = ask_admin(options.place, "DELETE", "/v1/credentials/" + options.user, *token);
  if (!answer) return fail(answer.error().message(), options.json);
  if (options.json) {
    print_json(answer->body);
    return answer->ok() ? kDone : kDoesNotHold;
  }
  if (!answer->ok()) return fail(answer->error());
  print_line(options.user + " of " + text(answer->body, "principal") + " has ended");
  return kDone;
}

int list(const CredentialsOptions& options) {
  const auto token = admin_token(options.place);
  if (!token) return fail(token.error().message(), options.json);
  const auto answer = ask_admin(options.place, "GET", "/v1/credentials", *token);
  if (!answer) return fail(answer.error().message(), options.json);
  if (options.json) {
    print_json(answer->body);
    return answer->ok() ? kDone : kDoesNotHold;
  }
  if (!answer->ok()) return fail(answer->error());
  const auto* all = answer->body.if_contains("credentials");
  if (all == nullptr || !all->is_array() || all->get_array().empty()) {
    print_line("no credentials live");
    return kDone;
  }
  for (const auto& one : all->get_array()) {
    if (!one.is_object()) continue;
    const json::object& row = one.get_object();
    print_line(text(row, "user") + "  " + text(row, "mode") + "  " + text(row, "principal") + "  " +
               text(row, "grants") + "  until " + text(row, "expires_at"));
  }
  return kDone;
}

void add_token_source(CLI::App& verb, CredentialsOptions& options) {
  verb.add_option("--token-file", options.token_file, "The token is in this file")
      ->type_name("FILE");
  verb.add_option("--token-command", options.token_command,
                  "This program prints the token; no shell (otherwise: $KEYWARD_TOKEN)")
      ->type_name("PROGRAM ...");
}

bool plain_user(const std::string& user) {
  return !user.empty() && user.size() <= 64 &&
         user.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == user.npos;
}

using Run = int (*)(const CredentialsOptions&);

CLI::App* add(CLI::App& parent, Chosen& chosen, const std::shared_ptr<CredentialsOptions>& options,
              const char* name, const char* what, Run run) {
  CLI::App* verb = parent.add_subcommand(name, what);
  add_admin_place(*verb, options->place);
  verb->add_flag("--json", options->json, "The answer as one JSON object");
  const bool by_name = run == renew || run == revoke;
  if (by_name) {
    verb->add_option("USER", options->user, "The user that was given out: kwc_..., kwd_...")
        ->required();
  }
  verb->callback([&chosen, options, run, by_name] {
    chosen.run = [options, run, by_name] {
      if (by_name && !plain_user(options->user)) return usage("USER is kwc_... or kwd_...");
      return run(*options);
    };
  });
  return verb;
}

}  // namespace

void add_credentials(CLI::App& app, Chosen& chosen) {
  CLI::App* verb = app.add_subcommand(
      "credentials", "Short-lived users and passwords, for clients that can hold only those");
  verb->require_subcommand(1);
  verb->footer("Example:\n  KEYWARD_TOKEN=... keyward credentials get --ttl 1h");
  auto options = std::make_shared<CredentialsOptions>();
  CLI::App* getting = add(*verb, chosen, options, "get", "A user and password for a token", get);
  add_token_source(*getting, *options);
  getting->add_option("--mode", options->mode, "proxy, or direct: a user of Redis itself")
      ->check(CLI::IsMember({"proxy", "direct"}))
      ->capture_default_str();
  getting->add_option("--ttl", options->ttl, "How long it is to live (default: as long as can be)");
  getting->add_option("--grant", options->grants, "For this grant alone; may be repeated");
  getting
      ->add_option("--redis", options->redis,
                   "Where clients connect, for the URL that is shown (default: $KEYWARD_URL)")
      ->type_name("URL");
  getting->footer(
      "The token comes from a file, a program or KEYWARD_TOKEN, never from the command line.\n"
      "Example:\n  keyward credentials get --token-file /run/token --ttl 1h --grant "
      "airflow-worker");
  CLI::App* renewing = add(*verb, chosen, options, "renew", "A direct one lives longer", renew);
  add_token_source(*renewing, *options);
  renewing->add_option("--ttl", options->ttl, "How long from now (default: as long as can be)");
  renewing->footer(
      "Example:\n  keyward credentials renew kwd_0123456789abcdef01234567 "
      "--token-file /run/token");
  CLI::App* ending = add(*verb, chosen, options, "revoke", "One ends now, everywhere", revoke);
  add_token_source(*ending, *options);
  add_admin_token(*ending, options->place);
  ending->footer(
      "By the token of the identity that it was given to, or as an operator.\n"
      "Example:\n  keyward credentials revoke kwc_0123456789abcdef01234567");
  CLI::App* listing = add(*verb, chosen, options, "list", "Those that live, of all", list);
  add_admin_token(*listing, options->place);
  listing->footer("Example:\n  keyward credentials list --json");
}

}  // namespace keyward::cli
