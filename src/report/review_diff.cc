// What is different between two access reviews, and the page of one.
#include "keyward/base/text.h"
#include "keyward/policy/glob.h"
#include "keyward/report/access_review.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace keyward::report {
namespace {

constexpr std::uint8_t kReads = 1, kWrites = 2;

// A command on a pattern in a database.
struct Atom {
  std::string pattern;
  std::uint8_t access = 0;  // 0: a channel, or nothing
  bool channel = false;
  std::uint32_t db = 0;
};
using Atoms = std::map<std::string, std::vector<Atom>>;  // by command

void add(const Right& right, std::vector<Atom>& out) {
  const auto databases = right.databases.empty() ? std::vector<std::uint32_t>{0} : right.databases;
  for (const std::uint32_t db : databases) {
    const auto keys = [&](const std::vector<std::string>& patterns, std::uint8_t access) {
      for (const std::string& pattern : patterns) out.push_back({pattern, access, false, db});
    };
    keys(right.read_write, kReads | kWrites);
    keys(right.read, kReads);
    keys(right.write, kWrites);
    for (const std::string& pattern : right.channels) out.push_back({pattern, 0, true, db});
    if (right.read_write.empty() && right.read.empty() && right.write.empty() &&
        right.channels.empty())
      out.push_back({"", 0, false, db});
  }
}

Atoms atoms_of(const Review& review, const std::string& grant) {
  Atoms out;
  const auto found = review.rights.find(grant);
  if (found == review.rights.end()) return out;
  for (const Right& right : found->second) {
    for (const std::string& command : right.commands) add(right, out[command]);
  }
  return out;
}

bool covered(const Atom& one, const std::vector<Atom>& by) {
  return std::any_of(by.begin(), by.end(), [&](const Atom& outer) {
    return outer.channel == one.channel && outer.db == one.db &&
           (outer.access & one.access) == one.access &&
           (outer.pattern == one.pattern || policy::glob_contains(outer.pattern, one.pattern));
  });
}

// Commands of `inner` that reach something `outer` does not.
std::vector<std::string> beyond(const Atoms& inner, const Atoms& outer) {
  std::vector<std::string> out;
  static const std::vector<Atom> kNothing;
  for (const auto& [command, atoms] : inner) {
    const auto found = outer.find(command);
    const auto& by = found == outer.end() ? kNothing : found->second;
    if (!std::all_of(atoms.begin(), atoms.end(), [&](const Atom& one) { return covered(one, by); }))
      out.push_back(command);
  }
  return out;
}

void compare_row(const Review& before, const ReviewRow& old, const Review& now,
                 const ReviewRow& row, ReviewDiff& out) {
  const Atoms had = atoms_of(before, old.grant);
  const Atoms has = atoms_of(now, row.grant);
  const auto gained = beyond(has, had);
  const auto lost = beyond(had, has);
  if (!gained.empty())
    out.changes.push_back({"widened", row.grant, row.who, "more by " + joined(gained, " ", 12)});
  if (!lost.empty())
    out.changes.push_back({"narrowed", row.grant, row.who, "less by " + joined(lost, " ", 12)});
  if (!before.with_trail || !now.with_trail) return;
  if (old.used.count > 0 && row.used.count == 0)
    out.changes.push_back(
        {"newly unused", row.grant, row.who, "last used " + shown(moment_cell(old.used.last_us))});
  if (old.used.count == 0 && row.used.count > 0)
    out.changes.push_back(
        {"used again", row.grant, row.who, "first used " + shown(moment_cell(row.used.first_us))});
}

Carried carried_out(const ReviewRow& old, const ReviewRow* now, const ReviewDiff& diff) {
  Carried out{old.grant, old.who, old.decision, old.comment, {}, false};
  if (now == nullptr) {
    out.done = true;
    out.outcome = "gone";
    return out;
  }
  std::vector<std::string> what;
  for (const ReviewChange& change : diff.changes) {
    if (change.grant == old.grant && change.who == old.who &&
        (change.what == "widened" || change.what == "narrowed"))
      what.push_back(change.what);
  }
  out.done = old.decision == "change" && !what.empty();
  out.outcome = what.empty() ? "still as it was" : "there, " + joined(what, " and ");
  return out;
}

Table rows_table(const Review& review) {
  Table out{.id = "review",
            .title = "One row for each grant and each of those it is for",
            .nothing = "the policy grants nothing."};
  out.columns = {{"id", "Row"},
                 {"grant", "Grant"},
                 {"team", "Team"},
                 {"who", "For whom"},
                 {"reach", "Reach"},
                 {"ends", "Ends"},
                 {"granted_by", "Granted by"},
                 {"principals", "Principals"},
                 {"used", "Used"},
                 {"last_used", "Last used"},
                 {"decision", "Decision"},
                 {"comment", "Comment"}};
  for (const ReviewRow& row : review.rows) {
    out.rows.push_back(
        {name_cell(row.id), name_cell(row.grant), text_cell(row.team), name_cell(row.who),
         text_cell(joined(row.reach, " / ")), text_cell(row.limits), text_cell(row.granted_by),
         count_cell(row.principals), count_cell(row.used.count), moment_cell(row.used.last_us),
         text_cell(row.decision), text_cell(row.comment)});
  }
  return out;
}

Table changes_table(const ReviewDiff& diff) {
  Table out{.id = "changes", .title = "Changes", .nothing = "none."};
  out.columns = {{"what", "What"}, {"grant", "Grant"}, {"who", "For whom"}, {"detail", "Detail"}};
  for (const ReviewChange& one : diff.changes)
    out.rows.push_back(
        {text_cell(one.what), name_cell(one.grant), name_cell(one.who), text_cell(one.detail)});
  return out;
}

Table decisions_table(const ReviewDiff& diff) {
  Table out{.id = "decisions",
            .title = "What became of its decisions",
            .nothing = "all of them were to keep."};
  out.columns = {{"grant", "Grant"},     {"who", "For whom"}, {"decision", "Decision"},
                 {"comment", "Comment"}, {"done", "Done"},    {"outcome", "Now"}};
  for (const Carried& one : diff.decisions)
    out.rows.push_back({name_cell(one.grant), name_cell(one.who), text_cell(one.decision),
                        text_cell(one.comment), text_cell(one.done ? "yes" : "no"),
                        text_cell(one.outcome)});
  return out;
}

}  // namespace

ReviewDiff compare(const Review& before, const Review& now) {
  ReviewDiff out;
  std::map<std::string, const ReviewRow*> old, fresh;
  for (const ReviewRow& row : before.rows) old.emplace(row.id, &row);
  for (const ReviewRow& row : now.rows) fresh.emplace(row.id, &row);
  for (const ReviewRow& row : now.rows) {
    const auto found = old.find(row.id);
    if (found == old.end()) {
      out.changes.push_back({"new", row.grant, row.who, joined(row.reach, "; ", 2)});
    } else {
      compare_row(before, *found->second, now, row, out);
    }
  }
  for (const ReviewRow& row : before.rows) {
    if (!fresh.contains(row.id)) out.changes.push_back({"removed", row.grant, row.who, ""});
  }
  for (const ReviewRow& row : before.rows) {
    if (row.decision == "keep" || row.decision.empty()) continue;
    const auto found = fresh.find(row.id);
    out.decisions.push_back(carried_out(row, found == fresh.end() ? nullptr : found->second, out));
  }
  return out;
}

Document review_document(const Review& review, const ReviewDiff* diff) {
  Document out;
  out.title = "Access review";
  out.subtitle = "policy " + review.policy_version +
                 (review.policy_commit.empty() ? "" : ", commit " + review.policy_commit);
  if (review.with_trail)
    out.about.push_back({"Use", review.trail + ", " + shown(moment_cell(review.from_us)) + " to " +
                                    shown(moment_cell(review.to_us)) + " UTC"});
  if (!review.reviewer.empty())
    out.about.push_back(
        {"Signed", review.reviewer + ", " + review.signed_at + ", key " + review.key});
  const auto unused = static_cast<std::size_t>(
      std::count_if(review.rows.begin(), review.rows.end(),
                    [](const ReviewRow& row) { return row.used.count == 0; }));
  Section section{.id = "rows", .title = "Who has access"};
  section.figures = {{"rows", std::to_string(review.rows.size())}};
  if (review.with_trail) {
    section.figures.push_back({"unused", std::to_string(unused), unused > 0});
    if (unused > 0)
      out.findings.push_back(
          fmt::format("{} of {} rows were not used.", unused, review.rows.size()));
  }
  section.tables.push_back(rows_table(review));
  out.sections.push_back(std::move(section));
  if (diff == nullptr) return out;
  const auto open = std::count_if(diff->decisions.begin(), diff->decisions.end(),
                                  [](const Carried& one) { return !one.done; });
  if (open > 0)
    out.findings.push_back(
        fmt::format("{} of the last review's decisions are not carried out.", open));
  Section since{.id = "since", .title = "Since the last review"};
  since.tables = {changes_table(*diff), decisions_table(*diff)};
  out.sections.push_back(std::move(since));
  return out;
}

}  // namespace keyward::report
