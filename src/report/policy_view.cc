#include "keyward/report/policy_view.h"

#include "keyward/base/latin1.h"
#include "keyward/base/text.h"

#include <fmt/format.h>

namespace keyward::report {
namespace {

constexpr std::size_t kMostPatterns = 8, kMostCommands = 12;

std::string names(const std::vector<std::string>& patterns) {
  std::vector<std::string> shown;
  shown.reserve(patterns.size());
  for (const std::string& pattern : patterns) shown.push_back(latin1_to_utf8(pattern));
  return joined(shown, ", ", kMostPatterns);
}

}  // namespace

std::string words(const review::RuleReach& reach) {
  std::vector<std::string> parts;
  if (!reach.read_write.empty())
    parts.push_back((reach.reads && reach.writes ? "reads and writes "
                     : reach.writes              ? "writes "
                     : reach.reads               ? "reads "
                                                 : "looks for ") +
                    names(reach.read_write));
  if (!reach.read.empty()) parts.push_back("reads " + names(reach.read));
  if (!reach.write.empty()) parts.push_back("writes " + names(reach.write));
  if (!reach.channels.empty()) parts.push_back("channels " + names(reach.channels));
  if (parts.empty()) parts.emplace_back("no keys or channels");
  parts.push_back((reach.databases.size() > 1 ? "databases " : "database ") +
                  (reach.databases.empty() ? "0" : joined(reach.databases, ", ", 16)));
  parts.push_back(fmt::format("{} {}: {}", reach.commands.size(),
                              reach.commands.size() == 1 ? "command" : "commands",
                              joined(reach.commands, " ", kMostCommands)));
  return joined(parts, "; ");
}

const GrantView* PolicyView::find(std::string_view grant) const {
  for (const GrantView& one : grants) {
    if (one.name == grant) return &one;
  }
  return nullptr;
}

PolicyView view_of(const policy::Snapshot& snapshot) {
  PolicyView out;
  out.version = snapshot.version();
  out.commit = snapshot.commit();
  for (const policy::GrantInfo& info : snapshot.grants()) {
    GrantView& grant = out.grants.emplace_back();
    grant.name = info.name;
    grant.team = info.team;
    grant.file = info.file;
    grant.line = info.line;
    grant.fixed_user = info.static_lease;
    for (const policy::Who& who : info.who) grant.who.push_back(review::who_text(who));
    const auto grants = snapshot.grants_as_written(info.name);
    if (!grants) continue;
    grant.break_glass = (*grants)->break_glass();
    grant.session_seconds = static_cast<std::uint64_t>((*grants)->limits().session.count());
    for (const review::RuleReach& reach : review::what_is_reached(**grants, snapshot.catalog()))
      grant.rules.push_back({reach.grant, reach.rule, words(reach), reach.observes});
  }
  return out;
}

}  // namespace keyward::report
