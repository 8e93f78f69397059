// What was refused, what ran off the rails, and what was done about it.
#include "report/sections.h"

#include <fmt/format.h>

namespace keyward::report {
namespace {

std::uint64_t crashes(const Facts& facts) {
  std::uint64_t out = 0;
  for (const Happening& one : facts.of("start").kept) out += one.previous_end == "crash" ? 1 : 0;
  return out;
}

// The commonest reasons each in a series of its own, all others in the last.
Chart refusals_over_time(const ReadTrail& read) {
  Chart out = chart_of("Refused commands by reason", read);
  std::map<std::uint64_t, std::uint64_t> others;
  bool more = false;
  for (const auto& [reason, uses] : read.facts.reasons.sorted()) {
    const auto found = read.facts.refusal_flow.find(reason);
    if (found == read.facts.refusal_flow.end()) continue;
    if (out.series.size() + 1 < Chart::kMostSeries) {
      out.series.push_back(series_of(or_none(reason), read, found->second));
      continue;
    }
    more = true;
    for (const auto& [step, count] : found->second) others[step] += count;
  }
  if (more) out.series.push_back(series_of("other reasons", read, others));
  return out;
}

Table refusals(const Facts& facts) {
  Table out{.id = "refusals",
            .title = "Refused commands, by principal, reason and command",
            .nothing = "none was refused."};
  out.columns = {{"principal", "Principal"}, {"reason", "Reason"}, {"command", "Command"},
                 {"count", "Count"},         {"first", "First"},   {"last", "Last"}};
  for (const auto& [name, uses] : facts.refusals.sorted()) {
    auto one = parts(name);
    one.resize(3);
    out.rows.push_back({name_cell(or_none(one[0])), text_cell(or_none(one[1])),
                        name_cell(or_none(one[2])), count_cell(uses.count),
                        moment_cell(uses.first_us), moment_cell(uses.last_us)});
  }
  out.left_out = facts.refusals.left_out();
  return out;
}

}  // namespace

Section configuration(const Input& input, Findings& findings) {
  const Facts& facts = input.read.facts;
  Section out{.id = "cc7-1", .criterion = "CC7.1", .title = "Configuration and drift"};
  out.asks = "Is there a baseline, and does anything depart from it unnoticed?";
  out.evidence =
      "Every start with how the run before it ended, every stop, and every drift: Redis refused "
      "what "
      "the policy allows, or its ACL LOG told of a user that Keyward made.";
  out.limits =
      "Changes to Redis itself that touch neither a user of Keyward's nor a command through "
      "it, and known weaknesses of the Redis version behind it.";
  const std::uint64_t fell = crashes(facts);
  const std::uint64_t drifted = facts.of("drift").count;
  if (drifted > 0)
    findings.push_back("CC7.1: " + counted(drifted, "drift record.", "drift records."));
  if (fell > 0)
    findings.push_back(
        "CC7.1: " + counted(fell, "stream was", "streams were") +
        " found without a stop record at a start: a crash, a kill or a lost machine.");
  out.figures = {figure("starts of streams", facts.of("start").count),
                 figure("after a crash", fell, fell > 0), figure("drift", drifted, drifted > 0)};
  out.tables.push_back(happenings_table(
      "runs", "Starts and stops of streams", facts, {"start", "stop"},
      {{{"event", "Event"}, [](const Happening& one) { return text_cell(one.kind); }},
       {{"instance", "Instance"}, [](const Happening& one) { return text_cell(one.instance); }},
       {{"stream", "Stream"}, [](const Happening& one) { return text_cell(one.stream); }},
       {{"before", "Run before ended in"},
        [](const Happening& one) {
          return text_cell(one.kind == "stop"         ? ""
                           : one.previous_end.empty() ? "no run before"
                                                      : one.previous_end);
        }},
       {{"torn", "Torn bytes"}, [](const Happening& one) { return count_cell(one.torn); }},
       {{"reason", "Reason"}, [](const Happening& one) { return text_cell(one.reason); }}}));
  Table drift = happenings_table(
      "drift", "Drift", facts, {"drift"},
      {{{"instance", "Instance"}, [](const Happening& one) { return text_cell(one.instance); }},
       {{"principal", "Principal"}, [](const Happening& one) { return name_cell(one.principal); }},
       {{"account", "Redis user"}, [](const Happening& one) { return name_cell(one.account); }},
       {{"reason", "Reason"}, [](const Happening& one) { return text_cell(one.reason); }},
       {{"detail", "Detail"}, [](const Happening& one) { return text_cell(one.detail); }}});
  drift.nothing = "none was seen.";
  out.tables.push_back(std::move(drift));
  return out;
}

Section monitoring(const Input& input, Findings&) {
  const ReadTrail& read = input.read;
  const Facts& facts = read.facts;
  Section out{.id = "cc7-2", .criterion = "CC7.2", .title = "Monitoring: refusals"};
  out.asks = "Are refusals and failed logins seen, and what do they look like over time?";
  out.evidence =
      "Every refused command and login, counted by reason, by principal, by the grant that came "
      "nearest, and over time. The count is exact: none is left out or sampled.";
  out.limits =
      "That somebody looked at them when they happened: alerts are raised elsewhere, on the "
      "metrics or on what is forwarded.";
  out.figures = {figure("commands refused", facts.reasons.total()),
                 figure("principals refused", facts.refused_people.size()),
                 figure("logins refused", facts.login_reasons.total())};
  out.charts.push_back(refusals_over_time(read));
  Chart logins = chart_of("Logins and refused logins", read);
  logins.series = {flow_of("logins", read, Flow::logins),
                   flow_of("refused logins", read, Flow::login_refused)};
  out.charts.push_back(std::move(logins));
  out.tables = {
      tally_table("refusal_reasons", "Refused commands, by reason", facts.reasons,
                  {{"reason", "Reason"}}),
      tally_table("refused_principals", "Refused commands, by principal", facts.refused_people,
                  {{"principal", "Principal"}}),
      tally_table("refused_grants", "Refused commands, by the grant that came nearest",
                  facts.refused_grants, {{"grant", "Grant"}}),
      refusals(facts),
      tally_table("trigger_causes", "Commands that caused events of triggers, attested",
                  facts.attested, {{"trigger", "Trigger"}, {"principal", "Principal"}}),
      tally_table("trigger_refusals", "Events of triggers that started nothing", facts.unattested,
                  {{"rule", "Rule"}, {"by", "Caused by"}, {"reason", "Reason"}})};
  return out;
}

Section response(const Input& input, Findings&) {
  const Facts& facts = input.read.facts;
  Section out{.id = "cc7-3", .criterion = "CC7.3, CC7.4", .title = "Evaluation and response"};
  out.asks = "Can you say who touched a key between two moments, and can you act on it?";
  out.evidence =
      "keyward audit search --key KEY --from T1 --to T2 answers the first from these files; the "
      "second are the revocations below, each with who asked for it and why, and the calls of the "
      "admin API.";
  out.limits = "What was in a key: values are never recorded.";
  std::set<std::string> ids;
  for (const Happening& one : facts.of("revocation").kept) ids.insert(one.id);
  out.figures = {figure("revocations", ids.size()),
                 figure("of them lifted", facts.of("revocation_lifted").count)};
  Table revoked = happenings_table(
      "revocations", "Revocations, as every instance recorded them", facts,
      {"revocation", "revocation_lifted"},
      {{{"event", "Event"},
        [](const Happening& one) {
          return text_cell(one.kind == "revocation" ? "revoked" : "lifted");
        }},
       {{"id", "Id"}, [](const Happening& one) { return name_cell(one.id); }},
       {{"what", "What"}, [](const Happening& one) { return text_cell(one.detail); }},
       {{"by", "By"}, [](const Happening& one) { return text_cell(one.by); }},
       {{"reason", "Reason"}, [](const Happening& one) { return text_cell(one.reason); }},
       {{"instance", "Instance"}, [](const Happening& one) { return text_cell(one.instance); }}});
  revoked.nothing = "nobody's access was revoked.";
  out.tables.push_back(std::move(revoked));
  Table calls =
      tally_table("admin_calls", "Calls of the admin API", facts.admin_calls,
                  {{"operation", "Operation"}, {"by", "By what right"}, {"status", "Status"}});
  calls.nothing = "none was recorded.";
  out.tables.push_back(std::move(calls));
  return out;
}

}  // namespace keyward::report
