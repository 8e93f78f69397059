// keyward revoke, revocations and sessions: asked of a running Keyward through its admin API.
#include "cli/admin_client.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs.h"

#include <boost/json/array.hpp>

#include <cstdlib>
#include <memory>

namespace keyward::cli {
namespace {

namespace json = boost::json;

struct RevokeOptions {
  AdminPlace place;
  std::string principal, token, session, lease, credential;
  std::string reason, issued_before, until, life;
  std::string lift, end;
  bool all = false, json = false;
};

// Who sits there, as he says: the trail has it beside the address.
std::string me() {
  for (const char* name : {"SUDO_USER", "USER", "LOGNAME"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return std::string(value).substr(0, 64);
  }
  return {};
}

std::string text(const json::object& row, const char* name) {
  const json::value* value = row.if_contains(name);
  if (value == nullptr) return {};
  if (value->is_string()) return std::string(value->get_string());
  if (value->is_int64()) return std::to_string(value->get_int64());
  if (value->is_uint64()) return std::to_string(value->get_uint64());
  std::string out;
  if (value->is_array()) {
    for (const json::value& one : value->get_array())
      out += (out.empty() ? "" : ",") + (one.is_string() ? std::string(one.get_string()) : "");
  }
  return out;
}

// "2026-11-22T10:00:00.123456Z" to the second.
std::string second(const json::object& row, const char* name) {
  const std::string time = text(row, name);
  return time.size() > 20 ? time.substr(0, 19) + "Z" : time;
}

const json::array& rows_of(const json::object& body, const char* name) {
  static const json::array kNone;
  const json::value* rows = body.if_contains(name);
  return rows != nullptr && rows->is_array() ? rows->get_array() : kNone;
}

// "principal okta:bob"
std::string target_of(const json::object& row) {
  for (const char* target : {"principal", "token", "session", "lease", "credential"}) {
    if (row.contains(target)) return std::string(target) + " " + text(row, target);
  }
  return {};
}

Result<AdminAnswer> ask(const RevokeOptions& options, std::string_view method,
                        std::string_view path, const json::object& body = {}) {
  const auto token = admin_token(options.place);
  if (!token) return token.error();
  return ask_admin(options.place, method, path, *token, body);
}

// Prints what is said the same way for all of them; true: the rest is for people.
bool for_people(const RevokeOptions& options, const Result<AdminAnswer>& answer, int& code) {
  code = kDone;
  if (!answer) {
    code = fail(answer.error().message(), options.json);
  } else if (options.json) {
    print_json(answer->body);
    code = answer->ok() ? kDone : kDoesNotHold;
  } else if (!answer->ok()) {
    code = fail(answer->error());
  } else {
    return true;
  }
  return false;
}

int say_ended(const json::object& body, const std::string& what) {
  const std::string ended = text(body, "ended_here");
  print_line(what + "; " + ended + (ended == "1" ? " session" : " sessions") +
             " ended on the instance that was asked");
  if (body.contains("note")) print_line("note: " + text(body, "note"));
  return kDone;
}

int revoke(const RevokeOptions& options) {
  json::object body{{"reason", options.reason}};
  std::size_t targets = 0;
  const std::pair<const char*, const std::string*> all[] = {{"principal", &options.principal},
                                                            {"token", &options.token},
                                                            {"session", &options.session},
                                                            {"lease", &options.lease},
                                                            {"credential", &options.credential}};
  for (const auto& [name, value] : all) {
    if (value->empty()) continue;
    ++targets;
    body[name] = *value;
  }
  if (targets != 1)
    return usage("exactly one of --principal, --token, --session, --lease, --credential");
  if (!options.issued_before.empty()) body["issued_before"] = options.issued_before;
  if (!options.until.empty()) body["until"] = options.until;
  if (!options.life.empty()) body["for"] = options.life;
  if (const std::string by = me(); !by.empty()) body["by"] = by;
  int code = kDone;
  const auto answer = ask(options, "POST", "/v1/revocations", body);
  if (!for_people(options, answer, code)) return code;
  return say_ended(answer->body, "revoked " + target_of(answer->body) + " as " +
                                     text(answer->body, "id") + " until " +
                                     second(answer->body, "until"));
}

int lift(const RevokeOptions& options) {
  json::object body;
  if (!options.reason.empty()) body["reason"] = options.reason;
  if (const std::string by = me(); !by.empty()) body["by"] = by;
  int code = kDone;
  const auto answer = ask(options, "DELETE", "/v1/revocations/" + options.lift, body);
  if (!for_people(options, answer, code)) return code;
  print_line("lifted " + options.lift + ": " + target_of(answer->body));
  return kDone;
}

int revocations(const RevokeOptions& options) {
  if (!options.lift.empty()) return lift(options);
  int code = kDone;
  const auto answer = ask(options, "GET", "/v1/revocations");
  if (!for_people(options, answer, code)) return code;
  std::vector<std::vector<std::string>> rows{
      {"ID", "WHAT", "SINCE", "UNTIL", "BY", "REASON", "STATE"}};
  for (const json::value& one : rows_of(answer->body, "revocations")) {
    if (!one.is_object()) continue;
    const json::object& row = one.get_object();
    const bool lifted = row.contains("lifted");
    if (lifted && !options.all) continue;
    const std::string before = second(row, "issued_before");
    rows.push_back({text(row, "id"), target_of(row), second(row, "at"), second(row, "until"),
                    text(row, "by"), text(row, "reason"),
                    lifted ? "lifted" : (before.empty() ? "active" : "issued before " + before)});
  }
  print_line(rows.size() > 1 ? table(rows) : "nothing is revoked");
  return kDone;
}

std::string percent_encoded(std::string_view value) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':') {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return out;
}

int end_session(const RevokeOptions& options) {
  json::object body;
  if (!options.reason.empty()) body["reason"] = options.reason;
  if (const std::string by = me(); !by.empty()) body["by"] = by;
  int code = kDone;
  const auto answer = ask(options, "DELETE", "/v1/sessions/" + options.end, body);
  if (!for_people(options, answer, code)) return code;
  return say_ended(answer->body, "session " + options.end + " ends, wherever it is");
}

int sessions(const RevokeOptions& options) {
  if (!options.end.empty()) return end_session(options);
  std::string path = "/v1/sessions";
  if (!options.principal.empty()) path += "?principal=" + percent_encoded(options.principal);
  int code = kDone;
  const auto answer = ask(options, "GET", path);
  if (!for_people(options, answer, code)) return code;
  std::vector<std::vector<std::string>> rows{{"ID", "PRINCIPAL", "GRANTS", "ADDRESS", "SINCE",
                                              "ENDS", "STATE", "DB", "COMMANDS", "REDIS USER"}};
  for (const json::value& one : rows_of(answer->body, "sessions")) {
    if (!one.is_object()) continue;
    const json::object& row = one.get_object();
    rows.push_back({text(row, "id"), text(row, "principal"), text(row, "grants"),
                    text(row, "address"), second(row, "since"), second(row, "ends"),
                    text(row, "state"), text(row, "db"), text(row, "commands"),
                    text(row, "redis_user")});
  }
  print_line(rows.size() > 1 ? table(rows)
                             : "nobody is logged in on " + text(answer->body, "instance"));
  return kDone;
}

void add_place(CLI::App& verb, RevokeOptions& options) {
  verb.add_option("--admin", options.place.url,
                  "The admin listener (default: $KEYWARD_ADMIN_URL, http://127.0.0.1:9380)")
      ->type_name("URL");
  verb.add_option("--ca", options.place.ca,
                  "Who vouches for its certificate (default: $KEYWARD_CA)")
      ->type_name("FILE");
  verb.add_option("--token-file", options.place.token_file,
                  "What admin.token_file holds there (default: $KEYWARD_ADMIN_TOKEN)")
      ->type_name("FILE");
  verb.add_flag("--json", options.json, "The answer as one JSON object");
}

using Run = int (*)(const RevokeOptions&);

void runs(CLI::App& verb, Chosen& chosen, const std::shared_ptr<RevokeOptions>& options, Run run) {
  verb.callback([&chosen, options, run] { chosen.run = [options, run] { return run(*options); }; });
}

}  // namespace

void add_revoke(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<RevokeOptions>();
  CLI::App* verb = app.add_subcommand(
      "revoke", "End somebody's access now: sessions end, logins are refused, on every instance");
  verb->add_option("--principal", options->principal, "All of an identity: ALIAS:SUBJECT");
  verb->add_option("--token", options->token,
                   "One token: ALIAS:JTI, or sha256:DIGEST as the trail shows it");
  verb->add_option("--session", options->session, "One session, as keyward sessions shows it");
  verb->add_option("--lease", options->lease, "All that runs as this Redis user now");
  verb->add_option("--credential", options->credential, "A user that /v1/credentials gave out");
  verb->add_option("--reason", options->reason, "Why; it stands in the trail")->required();
  verb->add_option("--issued-before", options->issued_before,
                   "A principal's credentials from before this time only: newer ones are welcome. "
                   "2026-11-22T10:00:00Z, or now");
  verb->add_option("--for", options->life, "How long (default: 30d; a session or lease: 24h)");
  verb->add_option("--until", options->until, "Or until then");
  add_place(*verb, *options);
  verb->footer(
      "Example:\n  keyward revoke --principal okta:bob --reason \"left the company\"\n"
      "  keyward revoke --principal okta:bob --issued-before now --reason \"laptop lost\"");
  runs(*verb, chosen, options, revoke);
}

void add_revocations(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<RevokeOptions>();
  CLI::App* verb = app.add_subcommand("revocations", "What is revoked; take one back");
  verb->add_option("--lift", options->lift, "Take back this one")->type_name("ID");
  verb->add_option("--reason", options->reason, "Why, with --lift");
  verb->add_flag("--all", options->all, "Also those that were lifted");
  add_place(*verb, *options);
  verb->footer(
      "Example:\n  keyward revocations\n"
      "  keyward revocations --lift r-0123456789abcdef --reason \"wrong person\"");
  runs(*verb, chosen, options, revocations);
}

void add_sessions(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<RevokeOptions>();
  CLI::App* verb =
      app.add_subcommand("sessions", "Who is logged in on the instance that is asked; end one");
  verb->add_option("--principal", options->principal, "Only those of this identity: ALIAS:SUBJECT");
  verb->add_option("--end", options->end, "End this session")->type_name("ID");
  verb->add_option("--reason", options->reason, "Why, with --end");
  add_place(*verb, *options);
  verb->footer(
      "Example:\n  keyward sessions --principal okta:bob\n"
      "  keyward sessions --end 0123456789ab --reason \"stuck\"");
  runs(*verb, chosen, options, sessions);
}

}  // namespace keyward::cli
