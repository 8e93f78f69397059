#include "keyward/review/access.h"

#include "review/policy_text.h"
#include "review/reach.h"
#include "review/template_match.h"

#include "keyward/review/replay.h"

#include <algorithm>

namespace keyward::review {
namespace {

using command::CommandInfo;
using policy::Entry;
using policy::KeyPattern;

constexpr std::size_t kMostUsers = 100'000;

std::vector<std::string> commands_of(const Entry& entry, const command::Catalog& catalog,
                                     bool with_keys) {
  std::vector<std::string> out;
  for (const CommandInfo& info : catalog.all()) {
    if (!entry.commands.contains(info.id)) continue;
    if (!with_keys || (!info.key_specs.empty() && !uses_channels(info))) out.push_back(info.name);
  }
  return out;
}

bool has(const std::vector<std::uint32_t>& databases, std::uint32_t db) {
  return std::find(databases.begin(), databases.end(), db) != databases.end();
}

// Commands that the pattern is of use to: a command that writes gets nothing from a readable key.
std::vector<std::string> usable(const Entry& entry, const command::Catalog& catalog,
                                std::uint8_t access) {
  std::vector<std::string> out;
  for (const std::string& name : commands_of(entry, catalog, true)) {
    if (of_use(*catalog.by_name(name), access)) out.push_back(name);
  }
  return out;
}

bool any_needs(const std::vector<std::string>& commands, const command::Catalog& catalog,
               std::uint8_t access) {
  return std::any_of(commands.begin(), commands.end(), [&](const std::string& name) {
    return (access_of(*catalog.by_name(name)) & access) != 0;
  });
}

}  // namespace

std::vector<KeyReach> who_reaches(const policy::Snapshot& snapshot, std::string_view key,
                                  std::optional<std::uint32_t> db) {
  std::vector<KeyReach> out;
  for (const policy::GrantInfo& info : snapshot.grants()) {
    const auto grants = snapshot.grants_as_written(info.name);
    if (!grants) continue;
    for (const Entry& entry : (*grants)->entries()) {
      if (db && !has(entry.databases, *db)) continue;
      for (const KeyPattern& pattern : entry.keys) {
        const auto match = match_template(pattern.glob, key);
        if (!match) continue;
        KeyReach reach;
        reach.commands = usable(entry, snapshot.catalog(), pattern.access);
        reach.read = (pattern.access & command::kRead) != 0 &&
                     any_needs(reach.commands, snapshot.catalog(), command::kRead);
        reach.write = (pattern.access & command::kModify) != 0 &&
                      any_needs(reach.commands, snapshot.catalog(), command::kModify);
        if (reach.commands.empty()) continue;
        reach.grant = info.name;
        reach.team = info.team;
        reach.rule = entry.rule.text();
        for (const policy::Who& who : info.who) reach.who.push_back(who_text(who));
        reach.pattern = pattern.glob;
        reach.databases = entry.databases;
        reach.when = *match;
        reach.observes = entry.observes;
        out.push_back(std::move(reach));
      }
    }
  }
  return out;
}

std::vector<RuleReach> what_is_reached(const policy::Grants& grants,
                                       const command::Catalog& catalog) {
  std::vector<RuleReach> out;
  for (const Entry& entry : grants.entries()) {
    RuleReach reach;
    reach.grant = entry.rule.grant;
    reach.rule = entry.rule.text();
    reach.commands = commands_of(entry, catalog, false);
    reach.reads = any_needs(reach.commands, catalog, command::kRead);
    reach.writes = any_needs(reach.commands, catalog, command::kModify);
    for (const KeyPattern& pattern : entry.keys) {
      auto& list = pattern.access == 3                ? reach.read_write
                   : pattern.access == command::kRead ? reach.read
                                                      : reach.write;
      list.push_back(pattern.glob);
    }
    reach.channels = entry.channels;
    reach.databases = entry.databases;
    reach.observes = entry.observes;
    out.push_back(std::move(reach));
  }
  return out;
}

void Used::add(const Record& record) {
  ++count;
  last_us = std::max(last_us, record.time_us);
  if (people.size() < kMostPeople) people.insert(record.actor->principal);
}

UsageOf::UsageOf(std::shared_ptr<const policy::Snapshot> snapshot, std::string key,
                 std::optional<std::uint32_t> db)
    : judge_(std::move(snapshot)), key_(std::move(key)), db_(db) {}

const policy::RuleRef* UsageOf::add(const Record& record) {
  if (db_ && record.db != *db_) return nullptr;
  if (!key_.empty()) {
    const auto at = std::find(record.keys.begin(), record.keys.end(), key_);
    if (at == record.keys.end()) return nullptr;
    KeyUser* user = nullptr;
    const auto found = users_.find(record.actor->principal);
    if (found != users_.end()) user = &found->second;
    if (user == nullptr && users_.size() < kMostUsers) user = &users_[record.actor->principal];
    if (user != nullptr) {
      user->principal = record.actor->principal;
      user->people = people_of(*record.actor);
      user->last_us = std::max(user->last_us, record.time_us);
      user->commands.emplace(record.command);
      if (!record.rule.empty() && user->rules.size() < 64)
        user->rules.insert(std::string(record.grant) + ", " + std::string(record.rule));
    }
    static_cast<void>(judge_.judge(record));
    std::uint8_t access = 0;
    if (const command::Command* command = judge_.command()) {
      for (const command::KeyUse& use : command->keys) {
        if (command->args[use.arg] == key_) access |= use.access;
      }
    }
    if (user == nullptr) return nullptr;
    if (!record.accepted()) {
      ++user->refused;
    } else {
      user->writes += (access & command::kModify) != 0 ? 1 : 0;
      user->reads += (access & command::kModify) == 0 ? 1 : 0;
    }
    return nullptr;
  }
  if (!record.accepted()) return nullptr;
  const Verdict verdict = judge_.judge(record);
  if (verdict.kind != Verdict::Kind::allow || verdict.rule == nullptr) {
    ++unattributed_;
    return nullptr;
  }
  rules_[verdict.rule->grant + ", " + verdict.rule->text()].add(record);
  grants_[verdict.rule->grant].add(record);
  return verdict.rule;
}

std::vector<KeyUser> UsageOf::users() const {
  std::vector<KeyUser> out;
  for (const auto& [principal, user] : users_) out.push_back(user);
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.last_us > b.last_us; });
  return out;
}

}  // namespace keyward::review
