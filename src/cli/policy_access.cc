#include "cli/policy_folder.h"
#include "cli/verbs.h"

#include "keyward/base/log.h"
#include "keyward/base/text.h"
#include "keyward/policy/explain_case.h"
#include "keyward/review/access.h"
#include "keyward/review/replay.h"

#include <cstdio>
#include <map>
#include <set>

namespace keyward::cli {
namespace {

namespace json = boost::json;

struct AccessOptions {
  std::string policies = "policies";
  std::string key, principal, grant;
  int db = -1;
  std::vector<std::string> trail;
  bool json = false;
};

template <class Container>
json::array texts(const Container& items) {
  json::array out;
  for (const std::string& item : items) out.emplace_back(latin1_to_utf8(item));
  return out;
}

json::array integers(const std::vector<std::uint32_t>& items) {
  json::array out;
  for (const std::uint32_t item : items) out.emplace_back(item);
  return out;
}

// Rows as columns of equal width; the first row names them.
void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    print_line(line);
  }
}

std::string access_text(const review::KeyReach& one) {
  if (one.read && one.write) return "read, write";
  return one.write ? "write" : one.read ? "read" : "existence";
}

std::optional<std::uint32_t> database(const AccessOptions& options) {
  return options.db < 0 ? std::nullopt
                        : std::optional<std::uint32_t>(static_cast<std::uint32_t>(options.db));
}

json::object reach_json(const review::KeyReach& one) {
  return {{"grant", one.grant},
          {"team", one.team},
          {"rule", one.rule},
          {"who", texts(one.who)},
          {"pattern", latin1_to_utf8(one.pattern)},
          {"read", one.read},
          {"write", one.write},
          {"commands", texts(one.commands)},
          {"databases", integers(one.databases)},
          {"when", one.when},
          {"observe_only", one.observes}};
}

json::object user_json(const review::KeyUser& one) {
  return {{"principal", one.principal},
          {"people", one.people},
          {"reads", one.reads},
          {"writes", one.writes},
          {"refused", one.refused},
          {"last", review::moment_of(one.last_us)},
          {"commands", texts(one.commands)},
          {"rules", texts(one.rules)}};
}

int by_key(const AccessOptions& options, const std::shared_ptr<const policy::Snapshot>& snapshot) {
  const auto db = database(options);
  const auto reached = review::who_reaches(*snapshot, options.key, db);
  review::UsageOf usage(snapshot, options.key, db);
  review::TrailCounts counts;
  if (!options.trail.empty() &&
      !read_trail(
          options.trail, options.json, [&](const review::Record& one) { usage.add(one); }, counts))
    return kDoesNotHold;
  const auto users = usage.users();
  if (options.json) {
    json::array grants;
    for (const auto& one : reached) grants.push_back(reach_json(one));
    json::object out{{"key", latin1_to_utf8(options.key)}, {"grants", std::move(grants)}};
    if (!options.trail.empty()) {
      json::array people;
      for (const auto& one : users) people.push_back(user_json(one));
      out["used_by"] = std::move(people);
      out["trail"] = review::counts_json(counts);
    }
    print_json(out);
    return kDone;
  }
  if (reached.empty()) print_line("no grant reaches this key");
  std::vector<std::vector<std::string>> rows{
      {"GRANT", "ACCESS", "DB", "PATTERN", "RULE", "COMMANDS"}};
  for (const auto& one : reached) {
    rows.push_back({one.grant + (one.observes ? " (observe)" : ""), access_text(one),
                    joined(one.databases, ","), log::printable(one.pattern, 128), one.rule,
                    joined(one.commands, " ", 6)});
  }
  if (!reached.empty()) print_table(rows);
  std::set<std::string> told;
  for (const auto& one : reached) {
    if (!one.when.empty()) print_line("  " + one.rule + " when " + one.when);
    if (!told.insert(one.grant).second) continue;
    print_line("  " + one.grant + " is for " + joined(one.who, " ", 8));
  }
  if (options.trail.empty()) return kDone;
  print_line("");
  print_line("used in the trail, " + review::span_of(counts) + ":");
  if (users.empty()) print_line("  by nobody");
  std::vector<std::vector<std::string>> used{
      {"PRINCIPAL", "READS", "WRITES", "REFUSED", "LAST", "COMMANDS", "RULES THEN"}};
  for (const auto& one : users) {
    used.push_back({log::printable(one.principal, 64), std::to_string(one.reads),
                    std::to_string(one.writes), std::to_string(one.refused),
                    review::moment_of(one.last_us), joined(one.commands, " ", 6),
                    joined(one.rules, " ", 3)});
  }
  if (!users.empty()) print_table(used);
  return kDone;
}

// What was used of each rule, by "grant, file:line".
struct Usage {
  bool known = false;
  std::map<std::string, review::Used> rules;
};

json::object rule_json(const review::RuleReach& one, const Usage& usage) {
  json::object out{{"grant", one.grant},
                   {"rule", one.rule},
                   {"commands", texts(one.commands)},
                   {"keys", texts(one.read_write)},
                   {"read", texts(one.read)},
                   {"write", texts(one.write)},
                   {"channels", texts(one.channels)},
                   {"databases", integers(one.databases)},
                   {"observe_only", one.observes}};
  if (!usage.known) return out;
  const auto used = usage.rules.find(one.grant + ", " + one.rule);
  out["uses"] = used == usage.rules.end() ? 0 : used->second.count;
  out["last_used"] = used == usage.rules.end()
                         ? json::value(nullptr)
                         : json::value(review::moment_of(used->second.last_us));
  if (used != usage.rules.end()) out["principals"] = texts(used->second.people);
  return out;
}

void print_rule(const review::RuleReach& one, const Usage& usage) {
  print_line("  " + one.grant + ", " + one.rule + "  db " + joined(one.databases, ",") +
             (one.observes ? "  (observe: recorded, not granted)" : ""));
  print_line("    commands  " + joined(one.commands, " ", 16));
  const auto list = [](const char* name, const std::vector<std::string>& patterns) {
    if (patterns.empty()) return;
    std::vector<std::string> shown;
    for (const std::string& pattern : patterns) shown.push_back(log::printable(pattern, 128));
    print_line(std::string("    ") + name + joined(shown, " ", 12));
  };
  list("keys      ", one.read_write);
  list("read      ", one.read);
  list("write     ", one.write);
  list("channels  ", one.channels);
  if (!usage.known) return;
  const auto used = usage.rules.find(one.grant + ", " + one.rule);
  if (used == usage.rules.end()) {
    print_line("    UNUSED in the trail");
  } else {
    print_line("    used " + std::to_string(used->second.count) + " times by " +
               std::to_string(used->second.people.size()) + " principals, last " +
               review::moment_of(used->second.last_us));
  }
}

void limits_line(const policy::Grants& grants) {
  const policy::Limits& limits = grants.limits();
  std::string text;
  const auto add = [&](const char* name, std::uint64_t value) {
    if (value > 0)
      text += (text.empty() ? "" : ", ") + std::string(name) + " " + std::to_string(value);
  };
  add("connections", limits.connections);
  add("commands_per_second", limits.commands_per_second);
  add("bytes_per_second", limits.bytes_per_second);
  add("session seconds", static_cast<std::uint64_t>(limits.session.count()));
  print_line("  limits: " + (text.empty() ? "none" : text));
}

// issuer=okta,sub=w1,group=a,group=b, or claims as --as of `policy explain` takes them.
Result<identity::Principal> read_principal(const AccessOptions& options,
                                           const policy::Snapshot& snapshot) {
  if (options.principal.find('{') != std::string::npos) {
    const auto claims = policy::claims_from_text(options.principal);
    if (!claims) return claims.error();
    return policy::principal_from(*claims);
  }
  json::object claims;
  json::array groups;
  for (std::size_t at = 0; at <= options.principal.size();) {
    const std::size_t end = std::min(options.principal.find(',', at), options.principal.size());
    const std::string part = options.principal.substr(at, end - at);
    at = end + 1;
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error(Errc::invalid,
                   "--principal takes issuer=okta,sub=w1,group=airflow-workers, or JSON");
    const std::string name = part.substr(0, equals);
    const std::string value = part.substr(equals + 1);
    if (name == "group") {
      groups.emplace_back(value);
    } else {
      claims[name == "iss" ? "issuer" : name] = value;
    }
  }
  if (!groups.empty()) claims["groups"] = std::move(groups);
  if (!claims.contains("issuer")) {
    std::set<std::string> issuers;
    for (const auto& grant : snapshot.grants()) {
      for (const auto& who : grant.who) issuers.insert(who.issuer);
    }
    if (issuers.size() != 1)
      return Error(Errc::invalid, "--principal names no issuer: issuer=ALIAS,sub=...");
    claims["issuer"] = *issuers.begin();
  }
  return policy::principal_from(claims);
}

int show_grants(const AccessOptions& options, const policy::Snapshot& snapshot,
                const policy::Grants* grants, const Usage& usage,
                const review::TrailCounts& counts) {
  std::vector<review::RuleReach> rules;
  if (grants != nullptr) rules = review::what_is_reached(*grants, snapshot.catalog());
  if (options.json) {
    json::array all;
    for (const auto& one : rules) all.push_back(rule_json(one, usage));
    json::object out{
        {"grants", texts(grants == nullptr ? std::vector<std::string>{} : grants->grant_names())},
        {"rules", std::move(all)}};
    if (usage.known) out["trail"] = review::counts_json(counts);
    print_json(out);
    return grants == nullptr ? kDoesNotHold : kDone;
  }
  if (grants == nullptr) {
    print_line("no grant matches this identity");
    return kDoesNotHold;
  }
  print_line("grants: " + joined(grants->grant_names(), " ", 20) +
             (grants->name_space().empty() ? "" : ", namespace " + grants->name_space()));
  limits_line(*grants);
  for (const auto& one : rules) print_rule(one, usage);
  if (usage.known) print_line("trail: " + review::span_of(counts));
  return kDone;
}

int whole_folder(const AccessOptions& options, const policy::Snapshot& snapshot, const Usage& usage,
                 const review::TrailCounts& counts, std::uint64_t unattributed) {
  json::array all;
  std::size_t unused_rules = 0;
  std::size_t unused_grants = 0;
  for (const policy::GrantInfo& info : snapshot.grants()) {
    const auto grants = snapshot.grants_as_written(info.name);
    if (!grants) continue;
    const auto rules = review::what_is_reached(**grants, snapshot.catalog());
    std::size_t unused = 0;
    json::array of_grant;
    if (!options.json) print_line(info.name + " (" + info.team + ")");
    for (const auto& one : rules) {
      unused += usage.rules.contains(one.grant + ", " + one.rule) ? 0 : 1;
      if (options.json) {
        of_grant.push_back(rule_json(one, usage));
      } else {
        print_rule(one, usage);
      }
    }
    unused_rules += unused;
    unused_grants += unused == rules.size() ? 1 : 0;
    all.push_back(json::object{{"grant", info.name},
                               {"team", info.team},
                               {"unused", usage.known && unused == rules.size()},
                               {"rules", std::move(of_grant)}});
  }
  if (options.json) {
    json::object out{{"grants", std::move(all)}};
    if (usage.known) {
      out["trail"] = review::counts_json(counts);
      out["unused_grants"] = unused_grants;
      out["unused_rules"] = unused_rules;
      out["not_granted_now"] = unattributed;
    }
    print_json(out);
  } else if (usage.known) {
    print_line("");
    print_line("trail: " + review::span_of(counts) + "; " + std::to_string(unused_grants) +
               " grants and " + std::to_string(unused_rules) + " rules were not used in it");
    if (unattributed > 0)
      print_line(std::to_string(unattributed) +
                 " of its commands are granted by no rule of this folder");
  }
  return kDone;
}

int access(const AccessOptions& options) {
  const int questions = (options.key.empty() ? 0 : 1) + (options.principal.empty() ? 0 : 1) +
                        (options.grant.empty() ? 0 : 1);
  if (questions > 1) return usage("ask by one of --key, --principal, --grant");
  const auto snapshot = load_policies(options.policies, options.json);
  if (!snapshot) return kDoesNotHold;
  if (!options.key.empty()) return by_key(options, snapshot);
  std::shared_ptr<const policy::Grants> grants;
  if (!options.grant.empty()) {
    auto named = snapshot->grants_as_written(options.grant);
    if (!named) return fail(named.error().message(), options.json);
    grants = *named;
  } else if (!options.principal.empty()) {
    const auto principal = read_principal(options, *snapshot);
    if (!principal) return usage(principal.error().message());
    auto found = snapshot->grants_for(*principal);
    if (!found) return fail(found.error().message(), options.json);
    grants = *found;
  }
  review::UsageOf usage_of(snapshot, "", database(options));
  review::TrailCounts counts;
  Usage used;
  if (!options.trail.empty()) {
    if (!read_trail(
            options.trail, options.json, [&](const review::Record& one) { usage_of.add(one); },
            counts))
      return kDoesNotHold;
    used = {true, usage_of.rules()};
  }
  if (questions == 1) return show_grants(options, *snapshot, grants.get(), used, counts);
  return whole_folder(options, *snapshot, used, counts, usage_of.unattributed());
}

}  // namespace

void add_policy_access(CLI::App& policy, Chosen& chosen) {
  CLI::App* verb = policy.add_subcommand(
      "access", "Who can reach a key, what can somebody reach, what is unused");
  auto options = std::make_shared<AccessOptions>();
  verb->add_option("--policies", options->policies, "The policy folder")
      ->type_name("DIR")
      ->capture_default_str();
  verb->add_option("--key", options->key, "Who can reach this key (as Redis has it)");
  verb->add_option("--db", options->db, "Only in this database; default: in any")
      ->check(CLI::Range(0, 16383));
  verb->add_option("--principal", options->principal,
                   "What this person can reach: issuer=okta,sub=w1,group=g, or JSON");
  verb->add_option("--grant", options->grant, "What this grant reaches")->type_name("NAME");
  verb->add_option("--trail", options->trail, "Audit files or folders: who used it, when last")
      ->type_name("DIR");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      "Without a question: every rule, and with --trail which were not used.\n"
      "Examples:\n"
      "  keyward policy access --key airflow:unacked --trail .keyward/audit\n"
      "  keyward policy access --principal issuer=okta,sub=w1,group=airflow-workers\n"
      "  keyward policy access --trail /var/lib/keyward/audit --json");
  verb->callback([&chosen, options] { chosen.run = [options] { return access(*options); }; });
}

}  // namespace keyward::cli
