#include "keyward/report/facts.h"

#include <boost/json/parse.hpp>

#include <charconv>

namespace keyward::report {
namespace {

namespace json = boost::json;

// OCSF Datastore Activity: what leaves everything as it is.
constexpr std::uint32_t kRead = 1, kList = 8;
constexpr std::uint32_t kScript = 4;
// How the end of a session says that a policy took everything its user had (proxy/session_end.cc).
constexpr std::string_view kEndedByPolicy = "no grant under the new policy";
constexpr std::size_t kMostSessions = 200'000;  // remembered at once
constexpr std::size_t kMostReasonsOverTime = 64;

// Kept whole: there are few of them, and each is somebody's business.
bool rare(std::string_view kind) {
  for (const std::string_view one :
       {"policy_loaded", "revocation", "revocation_lifted", "break_glass", "break_glass_end",
        "credential_issue", "credential_renew", "credential_end", "gap", "drift", "start", "stop"})
    if (kind == one) return true;
  return false;
}

std::string joined_names(std::initializer_list<std::string_view> names) {
  std::string out;
  for (auto name = names.begin(); name != names.end(); ++name) {
    if (name != names.begin()) out += kBetween;
    out += *name;
  }
  return out;
}

// Whatever the order in which names come, the same ones stay. True when one found no room.
bool keep_smallest(std::set<std::string, std::less<>>& names, std::string_view name,
                   std::size_t most) {
  if (names.contains(name)) return false;
  names.emplace(name);
  if (names.size() <= most) return false;
  names.erase(std::prev(names.end()));
  return true;
}

std::string role_key(const trail::Record& record) {
  std::string out;
  const auto add = [&](const auto& names) {
    for (const std::string_view name : names) {
      out += std::to_string(name.size());
      out += ':';
      out += name;
    }
  };
  add(record.groups);
  out += '|';
  add(record.grants);
  return out;
}

void name(const trail::Record& record, Person& person) {
  if (person.name.empty()) person.name = record.user;
  if (person.issuer.empty()) person.issuer = record.issuer;
}

std::vector<std::string> owned(std::span<const std::string_view> names) {
  std::vector<std::string> out(names.begin(), names.end());
  std::sort(out.begin(), out.end());
  return out;
}

// The numbers that only these kinds have stand nowhere but in the line.
void read_own_fields(const trail::Record& record, Happening& out) {
  if (record.kind != "gap" && record.kind != "start") return;
  json::error_code error;
  const json::value whole = json::parse(record.line, error);
  if (error) return;
  const json::value* fields = whole.find_pointer("/unmapped/keyward", error);
  if (fields == nullptr || !fields->is_object()) return;
  const auto number = [](const json::object& from, std::string_view name) -> std::uint64_t {
    const json::value* found = from.if_contains(name);
    return found != nullptr && found->is_int64() && found->get_int64() > 0
               ? static_cast<std::uint64_t>(found->get_int64())
               : 0;
  };
  out.lost = number(fields->get_object(), "lost");
  const json::value* previous = fields->get_object().if_contains("previous");
  if (previous == nullptr || !previous->is_object()) return;
  const json::value* end = previous->get_object().if_contains("end");
  if (end != nullptr && end->is_string()) out.previous_end = std::string(end->get_string());
  out.torn = number(previous->get_object(), "torn_bytes");
}

// What stands behind a mark in the line. No text of a record holds one: there, quotes have a \ in
// front.
std::string_view behind(std::string_view line, std::string_view mark) {
  const std::size_t at = line.find(mark);
  return at == std::string_view::npos ? std::string_view{} : line.substr(at + mark.size());
}

// One record stands for so many refusals that are alike (docs/audit.md, "Floods of refusals").
std::uint64_t repeats(const trail::Record& record) {
  const std::string_view digits = behind(record.line, R"(,"repeated":)").substr(0, 20);
  std::uint64_t out = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return std::max<std::uint64_t>(out, 1);
}

// A member that is a text without quotes in it: hex digits, a name that is one.
std::string_view word(std::string_view line, std::string_view mark) {
  const std::string_view rest = behind(line, mark);
  return rest.substr(0, std::min(rest.find('"'), rest.size()));
}

// An operation without what it was about: "DELETE /v1/sessions/5e0b" and its like are one.
std::string operation_of(std::string_view detail) {
  std::size_t third = 0;
  for (std::size_t at = 0, seen = 0; at < detail.size(); ++at) {
    if (detail[at] == '/' && ++seen == 3) third = at;
  }
  if (third == 0) return std::string(detail.substr(0, detail.find('?')));
  return std::string(detail.substr(0, third)) + "/...";
}

// The key that signed a checkpoint, found without parsing what all streams' heads are.
std::string_view signer_of(std::string_view line) {
  return word(line, R"(,"key":")").substr(0, 16);
}

}  // namespace

Observer::Observer(Period period, std::shared_ptr<const Marks> marks, std::uint64_t step_us)
    : period_(period), marks_(std::move(marks)) {
  facts_.step_us = std::max<std::uint64_t>(step_us, 1);
}

void Observer::count(Flow flow, std::uint64_t us, std::uint64_t times) {
  facts_.flow[us / facts_.step_us][static_cast<std::size_t>(flow)] += times;
}

Person* Observer::person(std::string_view principal) {
  const auto found = facts_.people.find(principal);
  if (found != facts_.people.end()) return &found->second;
  if (facts_.people.size() >= Facts::kMostPeople) return nullptr;
  return &facts_.people[std::string(principal)];
}

Role* Observer::role(const trail::Record& record, Person& person) {
  std::string key = role_key(record);
  const auto found = person.roles.find(key);
  if (found != person.roles.end()) return &found->second;
  if (person.roles.size() >= Person::kMostRoles) {
    person.cut = true;
    return nullptr;
  }
  Role& made = person.roles[std::move(key)];
  made.groups = owned(record.groups);
  made.grants = owned(record.grants);
  return &made;
}

Observer::Known Observer::known(const trail::Record& record) {
  if (record.session_number != 0) {
    const auto found = sessions_.find(record.session_number);
    if (found != sessions_.end()) return found->second;
  }
  Known out;
  if (record.principal.empty()) return out;
  out.person = person(record.principal);
  if (out.person == nullptr) {
    ++facts_.people_left_out;
    return out;
  }
  name(record, *out.person);
  out.role = role(record, *out.person);
  if (record.session_number == 0) return out;
  if (sessions_.size() >= kMostSessions) sessions_.clear();
  sessions_.emplace(record.session_number, out);
  return out;
}

// Only what tells whether somebody is new and when something was used last.
void Observer::of_earlier(const trail::Record& record) {
  ++facts_.before;
  const bool command = record.kind == "command";
  if (record.kind != "login" && !command) return;
  if (Person* someone = record.principal.empty() ? nullptr : person(record.principal)) {
    if (someone->first_us == 0 || record.time_us < someone->first_us)
      someone->first_us = record.time_us;
    if (command) someone->before_us = std::max(someone->before_us, record.time_us);
  }
  if (!command || record.grant.empty() || facts_.grants.size() >= Facts::kMostGrants) return;
  auto& use = facts_.grants[std::string(record.grant)];
  use.before_us = std::max(use.before_us, record.time_us);
}

void Observer::observe(const trail::Record& record) {
  if (record.time_us >= period_.to_us) {
    ++facts_.after;
    return;
  }
  const bool data = record.kind == "command" || record.kind == "denial";
  if (record.time_us < period_.from_us) {
    return of_earlier(record);
  }
  ++facts_.records;
  facts_.first_us =
      facts_.first_us == 0 ? record.time_us : std::min(facts_.first_us, record.time_us);
  facts_.last_us = std::max(facts_.last_us, record.time_us);
  const auto kind = facts_.kinds.find(record.kind);
  if (kind != facts_.kinds.end()) {
    ++kind->second;
  } else if (facts_.kinds.size() < 256) {
    facts_.kinds.emplace(record.kind, 1);
  }
  if (data) {
    if (record.key_bytes.size() > 0 || record.keys_cut != 0 || record.channels_cut != 0)
      ++facts_.names_cut;
    if (record.keys_latin1 != 0 || record.channels_latin1 != 0) ++facts_.names_not_utf8;
  }
  if (record.kind == "command") return of_command(record);
  if (record.kind == "denial") return of_refusal(record);
  if (record.kind == "session") return of_session(record);
  if (record.kind == "login" || record.kind == "login_refused") return of_login(record);
  if (record.kind == "checkpoint") {
    ++facts_.checkpoints;
    return facts_.signers.at(joined_names({record.instance, signer_of(record.line)}),
                             record.time_us);
  }
  if (record.kind == "session_end") {
    facts_.endings.at(record.reason, record.time_us);
    if (!record.client_library.empty()) facts_.libraries.at(record.client_library, record.time_us);
    if (record.reason == kEndedByPolicy) keep(record);
    return;
  }
  if (record.kind == "lease_create" || record.kind == "lease_delete")
    facts_.leases.at(
        joined_names(
            {record.kind, record.outcome == trail::Outcome::ok ? "ok" : "error", record.reason}),
        record.time_us);
  if (record.kind == "script")
    facts_.handed_over.at(joined_names({record.script_sha1, record.detail, record.principal,
                                        record.grant, record.rule}),
                          record.time_us);
  if (record.kind == "admin_call")
    facts_.admin_calls.at(
        joined_names({operation_of(record.detail), record.by, record.status_code}), record.time_us,
        repeats(record));
  if (record.kind == "trigger_refused")
    facts_.unattested.at(joined_names({record.rule, record.by, record.reason}), record.time_us,
                         repeats(record));
  if (rare(record.kind)) keep(record);
}

void Observer::of_command(const trail::Record& record) {
  const std::uint64_t us = record.time_us;
  count(Flow::accepted, us);
  ++facts_.outcomes[std::string(trail::name_of(record.outcome))];
  if (!record.would_deny.empty()) {
    ++facts_.would_deny;
    facts_.would.at(joined_names({record.would_deny, record.command}), us);
  }
  for (const std::string_view trigger : record.attested)
    facts_.attested.at(joined_names({trigger, record.principal}), us);
  const Known who = known(record);
  if (who.role != nullptr) who.role->accepted.at(us);
  if (Person* someone = who.person) {
    if (someone->first_us == 0 || us < someone->first_us) someone->first_us = us;
    someone->accepted.at(us);
    if (record.activity_id != kRead && record.activity_id != kList) someone->changes.at(us);
    if (record.outcome == trail::Outcome::error) someone->errors.at(us);
    someone->between[marks_->interval(us)].at(us);
    auto of_grant = someone->grants.find(record.grant);
    if (of_grant == someone->grants.end() && someone->grants.size() < Person::kMostGrants)
      of_grant = someone->grants.emplace(std::string(record.grant), Uses{}).first;
    if (of_grant != someone->grants.end()) of_grant->second.at(us);
  }
  auto grant = facts_.grants.find(record.grant);
  if (grant == facts_.grants.end() && facts_.grants.size() < Facts::kMostGrants)
    grant = facts_.grants.emplace(std::string(record.grant), GrantUse{}).first;
  if (grant != facts_.grants.end()) {
    grant->second.accepted.at(us);
    keep_smallest(grant->second.people, record.principal, GrantUse::kMostPeople);
  }
  facts_.rules.at(joined_names({record.grant, record.rule}), us);
  if (record.activity_id == kScript) {
    std::string calls;
    for (const std::string_view call : record.calls)
      calls.append(calls.empty() ? "" : " ").append(call);
    std::string_view name = word(record.line, R"(,"script_sha1":")");
    if (name.empty()) name = word(record.line, R"(,"function":")");
    if (name.empty()) name = word(record.line, R"(,"library":")");
    facts_.scripts.at(joined_names({record.command, name, calls, record.principal}), us);
  }
}

void Observer::of_refusal(const trail::Record& record) {
  const std::uint64_t us = record.time_us;
  const std::uint64_t times = repeats(record);
  count(Flow::refused, us, times);
  facts_.reasons.at(record.reason, us, times);
  facts_.refused_people.at(record.principal, us, times);
  facts_.refused_grants.at(record.grant, us, times);
  facts_.refusals.at(joined_names({record.principal, record.reason, record.command}), us, times);
  const std::string reason(facts_.refusal_flow.size() < kMostReasonsOverTime ||
                                   facts_.refusal_flow.contains(std::string(record.reason))
                               ? record.reason
                               : std::string_view("other"));
  facts_.refusal_flow[reason][us / facts_.step_us] += times;
  if (Person* someone = known(record).person) {
    if (someone->first_us == 0 || us < someone->first_us) someone->first_us = us;
    someone->refused.at(us, times);
  }
}

void Observer::of_login(const trail::Record& record) {
  const std::uint64_t us = record.time_us;
  if (record.kind == "login_refused") {
    const std::uint64_t times = repeats(record);
    count(Flow::login_refused, us, times);
    facts_.login_reasons.at(record.reason, us, times);
    facts_.login_sources.at(record.source_ip, us, times);
    return;
  }
  count(Flow::logins, us);
  facts_.channels_in.at(joined_names({record.listener, record.tls_version, record.tls_cipher}), us);
  facts_.sources.at(record.source_ip, us);
  // With which grants, the session's own record says.
  if (Person* someone = record.principal.empty() ? nullptr : person(record.principal)) {
    name(record, *someone);
    if (someone->first_us == 0 || us < someone->first_us) someone->first_us = us;
    someone->logins.at(us);
    if (keep_smallest(someone->sources, record.source_ip, Person::kMostSources))
      someone->cut = true;
  }
}

void Observer::of_session(const trail::Record& record) {
  const Known who = known(record);
  if (who.role != nullptr) who.role->seen.at(record.time_us);
  if (!record.node.empty()) facts_.nodes.at(record.node, record.time_us);
}

void Observer::keep(const trail::Record& record) {
  Happening out;
  out.time_us = record.time_us;
  out.sequence = record.sequence;
  out.instance = record.instance;
  out.stream = record.stream;
  out.kind = record.kind;
  out.outcome = record.outcome;
  out.principal = record.principal;
  out.grant = record.grant;
  out.account = record.account.empty() ? record.lease_user : record.account;
  out.reason = record.reason;
  out.detail = record.detail;
  out.by = record.by;
  out.id = record.revocation;
  out.source = record.source_ip;
  out.command = record.command;
  read_own_fields(record, out);
  facts_.happenings[out.kind].add(std::move(out));
}

}  // namespace keyward::report
