#include "policy/examples.h"

#include "policy/expectation_reader.h"

#include "keyward/base/log.h"
#include "keyward/policy/explain.h"

namespace keyward::policy {
namespace {

using Verdict = Explanation::Verdict;

void judge(const Expectation::Line& line, const Explanation& why, Diagnostics& diagnostics) {
  const Place& at = line.place;
  const std::string shown = "`" + log::printable(line.command) + "`";
  if (line.allow && why.verdict != Verdict::allow) {
    diagnostics.error(at.file, at.line, at.column,
                      "expected to be allowed: " + shown + " is refused: " + why.reason,
                      "a grant for it, or the case under deny");
  } else if (!line.allow && why.verdict == Verdict::allow) {
    diagnostics.error(at.file, at.line, at.column,
                      "expected to be refused: " + shown + " is allowed by grant '" + why.rule +
                          "' (" + why.file + ":" + std::to_string(why.line) + ")",
                      "a narrower grant, or the case under allow");
  } else if (!line.allow && why.verdict == Verdict::error) {
    diagnostics.warning(
        at.file, at.line, at.column,
        shown + " is refused before any policy is asked, so the case shows nothing: " + why.reason);
  }
}

}  // namespace

std::size_t run_expectations(const Snapshot& snapshot, const std::vector<TeamModel>& teams,
                             Diagnostics& diagnostics) {
  std::size_t count = 0;
  for (const TeamModel& team : teams) {
    for (const Expectation& one : team.expectations) {
      const auto grants = snapshot.grants_for(one.as, one.break_glass);
      for (const Expectation::Line& line : one.lines) {
        ++count;
        const auto argv = split_command(line.command);
        if (!argv) continue;  // reported when it was read
        if (!grants || *grants == nullptr) {
          const std::string reason =
              grants ? "no grant matches this identity" : grants.error().message();
          judge(line, {Verdict::deny, {}, {}, 0, reason}, diagnostics);
          continue;
        }
        judge(line, explain(**grants, *argv, snapshot.catalog()), diagnostics);
      }
    }
  }
  return count;
}

}  // namespace keyward::policy
