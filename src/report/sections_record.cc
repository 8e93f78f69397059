// How the policy changed, and whether the record of all this is whole.
#include "report/sections.h"

#include <fmt/format.h>

namespace keyward::report {
namespace {

constexpr std::size_t kMostListings = 50;

// "sha256:11aa commit 0123abcd": the version; the rest is known from git.
std::string version_of(const Happening& load) {
  return load.detail.substr(0, load.detail.find(' '));
}

std::string commit_of(const Happening& load) {
  constexpr std::string_view kMark = " commit ";
  const std::size_t at = load.detail.find(kMark);
  return at == std::string::npos ? "" : load.detail.substr(at + kMark.size());
}

const PolicyCommit* commit_for(const Input& input, const Happening& load) {
  const std::string version = version_of(load);
  const std::string named = commit_of(load);
  const PolicyCommit* found = nullptr;
  for (const PolicyCommit& one : input.commits) {
    if (!named.empty() && one.commit.starts_with(named)) return &one;
    if (!version.empty() && one.version == version) found = &one;  // the oldest one that has it
  }
  return found;
}

Table policy_loads(const Input& input) {
  Table out{.id = "policy_changes",
            .title = "Policies that came into force, or were refused",
            .nothing = "no policy was loaded in the period."};
  out.note = "One row for each instance; a start with an unchanged policy counts as well.";
  out.columns = {{"time", "Time"},       {"instance", "Instance"},        {"outcome", "Outcome"},
                 {"trigger", "Trigger"}, {"version", "Version in force"}, {"commit", "Commit"},
                 {"author", "Author"},   {"subject", "Subject"},          {"gains", "Gains"},
                 {"losses", "Losses"}};
  for (const Happening& load : input.read.facts.of("policy_loaded").kept) {
    const bool ok = load.outcome == trail::Outcome::ok;
    const PolicyCommit* commit = ok ? commit_for(input, load) : nullptr;
    const std::string named = commit != nullptr ? commit->commit : commit_of(load);
    out.rows.push_back({moment_cell(load.time_us), text_cell(load.instance),
                        text_cell(ok ? "in force" : "refused"), text_cell(load.reason),
                        name_cell(version_of(load)), name_cell(named.substr(0, 12)),
                        text_cell(commit == nullptr ? "" : commit->author),
                        text_cell(commit == nullptr ? "" : commit->subject),
                        count_cell(commit == nullptr ? 0 : commit->gains),
                        count_cell(commit == nullptr ? 0 : commit->losses)});
  }
  out.left_out = input.read.facts.of("policy_loaded").count - out.rows.size();
  return out;
}

Table streams(const audit::VerifyReport& verified) {
  Table out{.id = "integrity",
            .title = "Streams of the trail, checked record by record",
            .nothing = "there is none."};
  out.columns = {
      {"instance", "Instance"}, {"stream", "Stream"},       {"result", "Result"},
      {"files", "Files"},       {"records", "Records"},     {"first", "First"},
      {"last", "Last"},         {"signed_to", "Signed to"}, {"place", "First bad place"}};
  for (const audit::StreamReport& one : verified.streams) {
    std::string place = one.file;
    if (!place.empty() && one.line > 0)
      place += fmt::format(":{} (record {})", one.line, one.sequence);
    out.rows.push_back({text_cell(one.instance), text_cell(one.stream),
                        text_cell(one.whole ? "whole" : one.problem), count_cell(one.files),
                        count_cell(one.records), count_cell(one.first), count_cell(one.last),
                        count_cell(one.signed_to), name_cell(one.whole ? "" : place)});
  }
  return out;
}

Table keys(const Input& input) {
  Table out{.id = "keys",
            .title = "Keys that signed checkpoints in the period",
            .nothing = "no checkpoint was signed in the period."};
  out.columns = {
      {"instance", "Instance"},       {"key", "Key"},     {"newest", "Newest key of the instance"},
      {"checkpoints", "Checkpoints"}, {"first", "First"}, {"last", "Last"}};
  for (const auto& [name, uses] : input.read.facts.signers.sorted()) {
    auto one = parts(name);
    one.resize(2);
    std::string newest;
    for (const auto& [instance, id] : input.keys) {
      if (instance == one[0]) newest = id;
    }
    out.rows.push_back({text_cell(one[0]), name_cell(one[1]), name_cell(newest),
                        count_cell(uses.count), moment_cell(uses.first_us),
                        moment_cell(uses.last_us)});
  }
  return out;
}

Table outcomes(const Facts& facts) {
  Table out{.id = "outcomes", .title = "Accepted commands, by outcome", .nothing = "none ran."};
  out.columns = {{"outcome", "Outcome"}, {"count", "Count"}};
  for (const auto& [name, count] : facts.outcomes)
    out.rows.push_back({text_cell(name), count_cell(count)});
  return out;
}

std::uint64_t of(const std::map<std::string, std::uint64_t, std::less<>>& counts,
                 std::string_view name) {
  const auto found = counts.find(name);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

Section changes(const Input& input, Findings& findings) {
  const Facts& facts = input.read.facts;
  Section out{.id = "cc8-1", .criterion = "CC8.1", .title = "Change management"};
  out.asks =
      "For each change of policy: who asked, who reviewed, was it tested, when did it take "
      "effect?";
  out.evidence =
      "Each policy that came into force with the hash of its content, what triggered it, and from "
      "git "
      "its commit, author and what changed for whom. A policy whose own expectations fail is "
      "refused "
      "and stays on record as refused.";
  out.limits =
      "Who reviewed and approved: that is in the system where the change was merged. The "
      "author is whoever the commit names.";
  std::set<std::string> versions;
  std::uint64_t refused = 0;
  std::uint64_t unknown = 0;
  for (const Happening& load : facts.of("policy_loaded").kept) {
    refused += load.outcome == trail::Outcome::ok ? 0 : 1;
    if (load.outcome != trail::Outcome::ok || !versions.insert(version_of(load)).second) continue;
    unknown += commit_for(input, load) == nullptr ? 1 : 0;
  }
  out.figures = {figure("versions in force", versions.size()),
                 figure("loads refused", refused, refused > 0)};
  if (input.git) out.figures.push_back(figure("versions in no commit", unknown, unknown > 0));
  if (refused > 0)
    findings.push_back("CC8.1: " + counted(refused, "policy was", "policies were") +
                       " refused at loading; the one before stayed in force.");
  if (input.git && unknown > 0)
    findings.push_back("CC8.1: " + counted(unknown, "version", "versions") +
                       " of the policy came into force that no commit of the repository holds.");
  out.tables.push_back(policy_loads(input));
  for (const PolicyCommit& commit : input.commits) {
    if (!input.read.period.holds(commit.time_us)) continue;
    if (out.listings.size() >= kMostListings) break;
    out.listings.push_back({fmt::format("{}  {}  {}: {}", shown(moment_cell(commit.time_us)),
                                        commit.commit.substr(0, 12), commit.author, commit.subject),
                            commit.rights + "\n" + commit.diff});
  }
  return out;
}

Section completeness(const Input& input, Findings& findings) {
  const Facts& facts = input.read.facts;
  Section out{
      .id = "a1", .criterion = "A1, PI1", .title = "Completeness and integrity of the record"};
  out.asks =
      "Is the record complete, was it altered, and what happened when it could not be written?";
  out.evidence =
      "keyward audit verify over all of the trail, run for this report: the hash chain of every "
      "stream "
      "and the signatures over it. Gaps that Keyward itself recorded, with their causes, and how "
      "every "
      "accepted command ended.";
  out.limits =
      "Whoever owns the host and its key can write another history and sign it; a copy of the "
      "checkpoints in another place shows that (keyward audit verify --against COPY). What follows "
      "the "
      "newest checkpoint is chained and not yet signed.";
  std::uint64_t bad = 0;
  for (const audit::StreamReport& one : input.verified.streams) bad += one.whole ? 0 : 1;
  std::uint64_t lost = 0;
  for (const Happening& one : facts.of("gap").kept) lost += one.lost;
  const std::uint64_t unreadable = input.read.counts.unreadable;
  const std::uint64_t unknown = of(facts.outcomes, "unknown");
  if (bad > 0) {
    for (const audit::StreamReport& one : input.verified.streams) {
      if (!one.whole)
        findings.push_back(fmt::format("A1: the trail is not whole: {} of {}, {}:{}.", one.problem,
                                       one.stream, one.file, one.line));
    }
  }
  if (facts.of("gap").count > 0)
    findings.push_back("A1: " + counted(facts.of("gap").count, "gap", "gaps") + " in writing, " +
                       counted(lost, "record lost.", "records lost."));
  if (unknown > 0)
    findings.push_back("PI1: of " + counted(unknown, "command", "commands") +
                       " nobody knows whether Redis executed it: the connection broke.");
  if (unreadable > 0)
    findings.push_back("A1: " + counted(unreadable, "line is", "lines are") + " no record.");
  for (const std::string& file : input.read.counts.failed)
    findings.push_back("A1: a file could not be read: " + file);
  out.figures = {{"trail", bad == 0 ? "whole" : "not whole", bad > 0},
                 figure("records in the period", facts.records),
                 figure("checkpoints", facts.checkpoints),
                 figure("gaps", facts.of("gap").count, facts.of("gap").count > 0),
                 figure("records lost", lost, lost > 0),
                 figure("outcome unknown", unknown, unknown > 0)};
  out.tables = {streams(input.verified), keys(input)};
  Table gaps = happenings_table(
      "gaps", "Times in which the trail could not be written", facts, {"gap"},
      {{{"instance", "Instance"}, [](const Happening& one) { return text_cell(one.instance); }},
       {{"stream", "Stream"}, [](const Happening& one) { return text_cell(one.stream); }},
       {{"lost", "Records lost"}, [](const Happening& one) { return count_cell(one.lost); }},
       {{"reason", "Cause"}, [](const Happening& one) { return text_cell(one.reason); }},
       {{"detail", "Detail"}, [](const Happening& one) { return text_cell(one.detail); }}});
  gaps.nothing = "it always could.";
  out.tables.push_back(std::move(gaps));
  out.tables.push_back(outcomes(facts));
  return out;
}

Section confidentiality(const Input& input, Findings&) {
  const Facts& facts = input.read.facts;
  Section out{.id = "c1", .criterion = "C1", .title = "Confidentiality of the record"};
  out.asks = "Is there sensitive data in the logs?";
  out.evidence =
      "Of a request a record holds the command, the names of keys and channels, and the words and "
      "counts of options; every other argument is its length. Tokens stand as the beginning of "
      "their SHA-256. This report is made of those records and holds no names of keys.";
  out.limits =
      "Whether the names of keys hold personal data: they stand in the trail as the "
      "applications chose them.";
  Table kinds{
      .id = "kinds", .title = "Records in the period, by kind", .nothing = "there is none."};
  kinds.columns = {{"kind", "Kind"}, {"count", "Count"}};
  for (const auto& [kind, count] : facts.kinds)
    kinds.rows.push_back({name_cell(kind), count_cell(count)});
  out.figures = {figure("records with a name cut short", facts.names_cut),
                 figure("records with a name that is not UTF-8", facts.names_not_utf8)};
  out.tables.push_back(std::move(kinds));
  return out;
}

}  // namespace keyward::report
