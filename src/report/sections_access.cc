// Who has access, who got and lost it, and what of it is used.
#include "report/sections.h"

#include "keyward/base/text.h"

#include <fmt/format.h>

namespace keyward::report {
namespace {

constexpr std::size_t kMostListed = 8;

std::set<std::string> united(const Person& person, bool groups) {
  std::set<std::string> out;
  for (const auto& [key, role] : person.roles) {
    const auto& names = groups ? role.groups : role.grants;
    out.insert(names.begin(), names.end());
  }
  return out;
}

std::vector<const std::pair<const std::string, Person>*> busiest_first(const Facts& facts) {
  std::vector<const std::pair<const std::string, Person>*> out;
  for (const auto& one : facts.people) {
    if (one.second.logins.count + one.second.accepted.count + one.second.refused.count > 0)
      out.push_back(&one);
  }
  std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) {
    return a->second.accepted.count > b->second.accepted.count;
  });
  return out;
}

Table principals(const Facts& facts) {
  Table out{.id = "principals",
            .title = "Principals seen, busiest first",
            .note = "Groups and grants as their sessions had them in the period.",
            .nothing = "nobody logged in and nothing ran in the period."};
  out.columns = {{"principal", "Principal"}, {"name", "Name"},
                 {"groups", "Groups"},       {"grants", "Grants"},
                 {"logins", "Logins"},       {"commands", "Commands"},
                 {"changes", "Changes"},     {"refused", "Refused"},
                 {"addresses", "Addresses"}, {"last_accepted", "Last accepted"}};
  for (const auto* one : busiest_first(facts)) {
    const Person& person = one->second;
    out.rows.push_back({name_cell(one->first), text_cell(person.name),
                        text_cell(joined(united(person, true), ", ", kMostListed)),
                        text_cell(joined(united(person, false), ", ", kMostListed)),
                        count_cell(person.logins.count), count_cell(person.accepted.count),
                        count_cell(person.changes.count), count_cell(person.refused.count),
                        count_cell(person.sources.size()),
                        moment_cell(std::max(person.accepted.last_us, person.before_us))});
  }
  return out;
}

Table reach(const Input& input) {
  Table out{.id = "reach",
            .title = "Who could reach what, by the policy at the end of the period",
            .note = "One row for each rule of each grant.",
            .nothing = "no policy folder was given (--policy FOLDER)."};
  out.columns = {{"grant", "Grant"}, {"team", "Team"}, {"who", "For whom"},       {"rule", "Rule"},
                 {"reach", "Reach"}, {"used", "Used"}, {"last_used", "Last used"}};
  if (!input.policy) return out;
  const Facts& facts = input.read.facts;
  for (const GrantView& grant : input.policy->grants) {
    for (const RuleView& rule : grant.rules) {
      const Uses* used = facts.rules.find(rule.grant + kBetween + rule.rule);
      out.rows.push_back({name_cell(grant.name + (grant.break_glass ? " (break-glass)" : "")),
                          text_cell(grant.team), name_cell(joined(grant.who, " ", kMostListed)),
                          name_cell(rule.rule),
                          text_cell(rule.reach + (rule.observes ? " (observed, not granted)" : "")),
                          count_cell(used == nullptr ? 0 : used->count),
                          moment_cell(used == nullptr ? 0 : used->last_us)});
    }
  }
  return out;
}

// Accounts that look as if several share them.
std::size_t many_addresses(const Facts& facts) {
  std::size_t out = 0;
  for (const auto& [principal, person] : facts.people) {
    if (person.sources.size() >= Person::kMostSources) ++out;
  }
  return out;
}

Table joiners(const ReadTrail& read) {
  Table out{.id = "joiners", .title = "First seen in this period", .nothing = "nobody new."};
  out.columns = {
      {"principal", "Principal"}, {"name", "Name"},     {"first", "First login or command"},
      {"groups", "Groups"},       {"grants", "Grants"}, {"commands", "Commands"}};
  if (read.facts.before == 0)
    out.note = "The trail begins with this period, so whoever came at all is new to it.";
  for (const auto& [principal, person] : read.facts.people) {
    if (!read.period.holds(person.first_us)) continue;
    out.rows.push_back({name_cell(principal), text_cell(person.name), moment_cell(person.first_us),
                        text_cell(joined(united(person, true), ", ", kMostListed)),
                        text_cell(joined(united(person, false), ", ", kMostListed)),
                        count_cell(person.accepted.count)});
  }
  std::stable_sort(out.rows.begin(), out.rows.end(),
                   [](const auto& a, const auto& b) { return a[2].order < b[2].order; });
  return out;
}

// `late`: after how many of them something was accepted.
Table removals(const ReadTrail& read, std::uint64_t& late) {
  Table out{.id = "leavers", .title = "Access removed", .nothing = "nobody lost access."};
  out.note = "After is the time from the removal to the last accepted command.";
  out.columns = {{"removed", "Removed"},
                 {"principal", "Principal"},
                 {"lost", "Lost"},
                 {"how", "How"},
                 {"last_after", "Last accepted after"},
                 {"time_to_last", "After"},
                 {"until", "Given back"}};
  for (const Leaver& one : leavers(read)) {
    const bool after = one.after.count > 0;
    late += after ? 1 : 0;
    out.rows.push_back(
        {moment_cell(one.at_us), name_cell(one.principal), text_cell(one.lost), text_cell(one.how),
         moment_cell(after ? one.after.last_us : 0),
         duration_cell(after ? static_cast<std::int64_t>(one.after.last_us - one.at_us) : -1),
         moment_cell(one.until_us >= read.period.to_us ? 0 : one.until_us)});
  }
  return out;
}

Table credentials(const Facts& facts) {
  return happenings_table(
      "credentials", "Users and passwords given out for tokens", facts,
      {"credential_issue", "credential_renew", "credential_end"},
      {{{"event", "Event"}, [](const Happening& one) { return text_cell(one.kind.substr(11)); }},
       {{"principal", "Principal"}, [](const Happening& one) { return name_cell(one.principal); }},
       {{"account", "User"}, [](const Happening& one) { return name_cell(one.account); }},
       {{"grants", "Grants"}, [](const Happening& one) { return text_cell(one.grant); }},
       {{"detail", "Detail"}, [](const Happening& one) {
          return text_cell(one.detail.empty() ? one.reason : one.detail);
        }}});
}

std::vector<Cell> grant_row(const Facts& facts, const GrantView& grant) {
  std::uint64_t idle = 0;
  std::uint64_t known = 0;
  for (const RuleView& rule : grant.rules) {
    const Uses* used = facts.rules.find(rule.grant + kBetween + rule.rule);
    idle += used == nullptr ? 1 : 0;
    known += used == nullptr ? 0 : used->count;
  }
  const auto found = facts.grants.find(grant.name);
  const GrantUse use = found == facts.grants.end() ? GrantUse{} : found->second;
  return {name_cell(grant.name),
          text_cell(grant.team),
          name_cell(joined(grant.who, " ", kMostListed)),
          count_cell(grant.rules.size()),
          count_cell(idle),
          count_cell(use.accepted.count - std::min(known, use.accepted.count)),
          count_cell(use.people.size()),
          count_cell(use.accepted.count),
          moment_cell(std::max(use.accepted.last_us, use.before_us))};
}

Table grants(const Input& input, std::uint64_t& unused) {
  const Facts& facts = input.read.facts;
  Table out{.id = "grants", .title = "Grants and their use", .nothing = "no grant was used."};
  out.columns = {{"grant", "Grant"},
                 {"team", "Team"},
                 {"who", "For whom"},
                 {"rules", "Rules"},
                 {"rules_unused", "Rules unused"},
                 {"moved", "By moved rules"},
                 {"principals", "Principals"},
                 {"commands", "Commands"},
                 {"last_used", "Last used"}};
  if (input.policy) {
    for (const GrantView& grant : input.policy->grants) {
      out.rows.push_back(grant_row(facts, grant));
      unused += out.rows.back()[7].order == 0 ? 1 : 0;
    }
  }
  for (const auto& [name, use] : facts.grants) {
    if (use.accepted.count == 0) continue;
    if (input.policy && input.policy->find(name) != nullptr) continue;
    const char* what = name.empty()   ? "what needs no grant"
                       : input.policy ? "not in the policy given"
                                      : "";
    out.rows.push_back({name_cell(or_none(name)), text_cell(what), name_cell(""), count_cell(0),
                        count_cell(0), count_cell(0), count_cell(use.people.size()),
                        count_cell(use.accepted.count), moment_cell(use.accepted.last_us)});
  }
  return out;
}

Table who_used(const Facts& facts) {
  Table out{.id = "grant_use", .title = "Who used which grant", .nothing = "nobody used any."};
  out.columns = {{"grant", "Grant"},
                 {"principal", "Principal"},
                 {"commands", "Commands"},
                 {"first", "First"},
                 {"last", "Last"}};
  for (const auto& [principal, person] : facts.people) {
    for (const auto& [grant, uses] : person.grants)
      out.rows.push_back({name_cell(or_none(grant)), name_cell(principal), count_cell(uses.count),
                          moment_cell(uses.first_us), moment_cell(uses.last_us)});
  }
  std::stable_sort(out.rows.begin(), out.rows.end(),
                   [](const auto& a, const auto& b) { return a[2].order > b[2].order; });
  return out;
}

Table break_glass(const Facts& facts) {
  return happenings_table(
      "break_glass", "Break-glass: emergency rights, with the reason given", facts,
      {"break_glass", "break_glass_end"},
      {{{"event", "Event"},
        [](const Happening& one) {
          return text_cell(one.kind == "break_glass" ? "taken" : "ended");
        }},
       {{"principal", "Principal"}, [](const Happening& one) { return name_cell(one.principal); }},
       {{"grants", "Grants"}, [](const Happening& one) { return text_cell(one.grant); }},
       {{"reason", "Reason"}, [](const Happening& one) { return text_cell(one.reason); }},
       {{"detail", "Detail"}, [](const Happening& one) { return text_cell(one.detail); }}});
}

// `broken`: how many do not hold.
Table access_reviews(const Input& input, std::uint64_t& broken) {
  Table out{.id = "access_reviews",
            .title = "Signed access reviews",
            .nothing = input.reviews ? "none is kept in the folder given."
                                     : "no folder of them was given (--reviews FOLDER)."};
  out.columns = {{"at", "Signed at"}, {"reviewer", "Reviewer"}, {"policy_version", "Policy"},
                 {"keep", "Keep"},    {"remove", "Remove"},     {"change", "Change"},
                 {"key", "Key"},      {"file", "File"},         {"signature", "Signature"}};
  if (!input.reviews) return out;
  for (const SignedReview& one : *input.reviews) {
    broken += one.problem.empty() ? 0 : 1;
    out.rows.push_back({text_cell(one.at), text_cell(one.reviewer), name_cell(one.policy_version),
                        count_cell(one.keep), count_cell(one.remove), count_cell(one.change),
                        name_cell(one.key), name_cell(one.file),
                        text_cell(one.problem.empty() ? "holds" : one.problem)});
  }
  return out;
}

}  // namespace

Section logical_access(const Input& input, Findings& findings) {
  const Facts& facts = input.read.facts;
  Section out{.id = "cc6-1", .criterion = "CC6.1", .title = "Logical access"};
  out.asks = "Is every user identified, are credentials shared, and who is able to reach the data?";
  out.evidence =
      "Every principal that logged in with a token of its own, the Redis users that Keyward made "
      "for "
      "them and removed again, and what the policy lets each grant reach.";
  out.limits =
      "Whether several people stand behind one identity of the identity provider, and who can "
      "reach "
      "Redis without passing Keyward: that its port and its password are out of reach for "
      "applications is a matter of the network and of Redis's ACL.";
  const auto people = busiest_first(facts);
  std::uint64_t made = 0;
  std::uint64_t removed = 0;
  for (const auto& [name, uses] : facts.leases.sorted())
    (name.starts_with("lease_create") ? made : removed) += uses.count;
  const auto login = facts.kinds.find("login");
  out.figures = {figure("principals active", people.size()),
                 figure("logins", login == facts.kinds.end() ? 0 : login->second),
                 figure("Redis users made", made), figure("Redis users removed", removed),
                 figure("from 16 addresses or more", many_addresses(facts))};
  if (facts.people_left_out > 0)
    findings.push_back("More principals than a report holds; " +
                       counted(facts.people_left_out, "record is", "records are") +
                       " not in the tables of principals.");
  if (input.policy) {
    std::uint64_t fixed = 0;
    for (const GrantView& grant : input.policy->grants) fixed += grant.fixed_user ? 1 : 0;
    out.figures.push_back(figure("grants on a fixed Redis user", fixed, fixed > 0));
  }
  Chart chart = chart_of("Accepted commands and logins", input.read);
  chart.series = {flow_of("accepted commands", input.read, Flow::accepted),
                  flow_of("logins", input.read, Flow::logins)};
  out.charts.push_back(std::move(chart));
  out.tables = {principals(facts), reach(input)};
  out.tables.push_back(
      tally_table("redis_users", "Redis users made and removed, by reason", facts.leases,
                  {{"event", "Event"}, {"outcome", "Outcome"}, {"reason", "Reason"}}));
  out.tables.push_back(tally_table("session_ends", "Ended sessions, by reason", facts.endings,
                                   {{"reason", "Reason"}}));
  return out;
}

Section joining_and_leaving(const Input& input, Findings& findings) {
  const ReadTrail& read = input.read;
  Section out{.id = "cc6-2", .criterion = "CC6.2", .title = "Joiners and leavers"};
  out.asks = "For a sample of joiners and leavers: when did access begin, and when did it end?";
  out.evidence =
      "The first login of each principal that the trail did not know before; every removal by "
      "revocation, by policy or by a token that lost a group, with the last command that was "
      "accepted after it and the time between the two. Removals show when Keyward learned of them.";
  out.limits =
      "When somebody was hired, left, or was taken out of a group at the identity provider: hold "
      "the times below against its log and the personnel file. Who never came back after a removal "
      "shows only where it was a revocation or ended a session.";
  std::uint64_t late = 0;
  out.tables = {joiners(read), removals(read, late), credentials(read.facts)};
  out.figures = {figure("first seen", out.tables[0].rows.size()),
                 figure("removals", out.tables[1].rows.size()),
                 figure("removals with commands after", late, late > 0)};
  if (late > 0)
    findings.push_back("CC6.2: after " + counted(late, "removal", "removals") +
                       " of access a command was still accepted.");
  if (read.marks.cut)
    findings.push_back(
        "CC6.2: access changed more often than a report follows; times of the later "
        "removals are too long.");
  return out;
}

Section least_privilege(const Input& input, Findings& findings) {
  const Facts& facts = input.read.facts;
  Section out{.id = "cc6-3", .criterion = "CC6.3", .title = "Least privilege"};
  out.asks = "Are rights no wider than the work needs, and are they reviewed?";
  out.evidence =
      "Every grant with how much of it was used, by how many and when last, those not used at all, "
      "and who used which; and the access reviews that were signed.";
  out.limits =
      "That an unused right is not needed: some work comes once a year. Reads count only where the "
      "grant records them (audit: {reads: true}). Rules are told apart by file and line as they "
      "stood when a command ran: what ran by rules that a later edit moved is counted apart; "
      "keyward "
      "policy access judges each command anew.";
  std::uint64_t unused = 0;
  out.tables = {grants(input, unused), who_used(facts), break_glass(facts),
                tally_table("observed", "What only mode: observe let pass", facts.would,
                            {{"reason", "Would be refused for"}, {"command", "Command"}})};
  std::uint64_t broken = 0;
  out.tables.push_back(access_reviews(input, broken));
  if (broken > 0)
    findings.push_back("CC6.3: " + counted(broken, "access review does", "access reviews do") +
                       " not hold what was signed.");
  const std::uint64_t glass = facts.of("break_glass").count;
  out.figures = {figure("grants in the policy", input.policy ? input.policy->grants.size() : 0),
                 figure("grants unused", unused, unused > 0),
                 figure("break-glass uses", glass, glass > 0),
                 figure("commands only observed", facts.would_deny, facts.would_deny > 0)};
  if (unused > 0)
    findings.push_back("CC6.3: " + counted(unused, "grant was", "grants were") +
                       " not used in the period.");
  if (glass > 0)
    findings.push_back("CC6.3: break-glass rights were taken " + counted(glass, "time.", "times."));
  return out;
}

}  // namespace keyward::report
