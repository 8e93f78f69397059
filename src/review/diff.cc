#include "keyward/review/diff.h"

#include "review/policy_text.h"
#include "review/reach.h"

#include "keyward/base/text.h"
#include "keyward/review/access.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace keyward::review {
namespace {

using policy::Grants;
using policy::Snapshot;
using Way = SettingChange::Way;

struct Side {
  const Snapshot& snapshot;
  std::map<std::string, std::shared_ptr<const Grants>> grants;  // by name
  std::map<std::string, std::vector<std::string>> who;          // of each grant, sorted
  std::map<std::string, policy::CredentialSettings> credentials = {};
};

Side side_of(const Snapshot& snapshot) {
  Side out{snapshot, {}, {}};
  for (const policy::GrantInfo& info : snapshot.grants()) {
    auto grants = snapshot.grants_as_written(info.name);
    if (!grants) continue;
    out.grants.emplace(info.name, std::move(*grants));
    out.credentials[info.name] = info.credentials;
    std::vector<std::string>& who = out.who[info.name];
    for (const policy::Who& one : info.who) who.push_back(who_text(one));
    std::sort(who.begin(), who.end());
    who.erase(std::unique(who.begin(), who.end()), who.end());
  }
  return out;
}

std::map<std::string, std::set<std::string>> grants_by_who(const Side& side) {
  std::map<std::string, std::set<std::string>> out;
  for (const auto& [grant, lines] : side.who) {
    for (const std::string& who : lines) out[who].insert(grant);
  }
  return out;
}

std::vector<std::string> texts(const std::set<std::string>& from) {
  return {from.begin(), from.end()};
}

// Equal rights under equal names on both sides need no look at commands.
bool same_rights(const Side& before, const Side& after, const std::set<std::string>& old_grants,
                 const std::set<std::string>& new_grants) {
  return old_grants == new_grants &&
         std::all_of(old_grants.begin(), old_grants.end(), [&](const std::string& name) {
           return before.grants.at(name)->rights_id() == after.grants.at(name)->rights_id();
         });
}

Reach reach_of(const Side& side, const std::set<std::string>& grants) {
  Reach out;
  for (const std::string& name : grants)
    add_reach(*side.grants.at(name), side.snapshot.catalog(), out);
  return out;
}

void compare_people(const Side& before, const Side& after, PolicyDiff& out) {
  auto old_grants = grants_by_who(before);
  auto new_grants = grants_by_who(after);
  // People with the same grants on both sides change alike.
  std::map<std::pair<std::set<std::string>, std::set<std::string>>, std::vector<std::string>> alike;
  std::set<std::string> everybody;
  for (const auto* side : {&old_grants, &new_grants}) {
    for (const auto& [who, grants] : *side) everybody.insert(who);
  }
  for (const std::string& who : everybody) alike[{old_grants[who], new_grants[who]}].push_back(who);
  for (const auto& [grants, who] : alike) {
    if (same_rights(before, after, grants.first, grants.second)) continue;
    const Reach had = reach_of(before, grants.first);
    const Reach has = reach_of(after, grants.second);
    PeopleChange change;
    change.who = who;
    change.grants_before = texts(grants.first);
    change.grants_after = texts(grants.second);
    change.changes = beyond(had, has, after.snapshot.catalog(), false);
    std::vector<ReachChange> losses = beyond(has, had, before.snapshot.catalog(), true);
    std::move(losses.begin(), losses.end(), std::back_inserter(change.changes));
    // A limit or a setting changed: said elsewhere.
    if (change.changes.empty() && grants.first == grants.second) continue;
    out.people.push_back(std::move(change));
  }
  std::stable_sort(out.people.begin(), out.people.end(), [](const auto& a, const auto& b) {
    const auto gains = [](const PeopleChange& one) {
      return std::any_of(one.changes.begin(), one.changes.end(),
                         [](const ReachChange& change) { return change.gain(); });
    };
    return gains(a) && !gains(b);
  });
}

void compare_names(const Side& before, const Side& after, PolicyDiff& out) {
  for (const auto& [name, grants] : after.grants) {
    if (!before.grants.contains(name)) out.new_grants.push_back(name);
  }
  for (const auto& [name, grants] : before.grants) {
    if (after.grants.contains(name)) continue;
    const auto twin = std::find_if(
        out.new_grants.begin(), out.new_grants.end(), [&, &old = grants](const std::string& other) {
          return after.grants.at(other)->rights_id() == old->rights_id() &&
                 after.who.at(other) == before.who.at(name);
        });
    if (twin == out.new_grants.end()) {
      out.removed_grants.push_back(name);
    } else {
      out.renamed_grants.emplace_back(name, *twin);
      out.new_grants.erase(twin);
    }
  }
}

// A limit of nought is none.
Way limit_way(std::uint64_t before, std::uint64_t after) {
  if (before == 0) return Way::tighter;
  return after == 0 || after > before ? Way::looser : Way::tighter;
}

std::string limit_text(std::uint64_t value) { return value == 0 ? "none" : grouped(value); }

std::string on_off(bool value) { return value ? "on" : "off"; }

const policy::Entry* first_entry(const Grants& grants) {
  for (const policy::Entry& entry : grants.entries()) {
    if (!entry.observes) return &entry;
  }
  return nullptr;
}

bool observes(const Grants& grants) {
  return std::any_of(grants.entries().begin(), grants.entries().end(),
                     [](const policy::Entry& entry) { return entry.observes; });
}

std::string ttl_text(const policy::Entry* entry) {
  if (entry == nullptr || entry->ttl.mode == policy::TtlGuard::Mode::none) return "none";
  if (entry->ttl.mode == policy::TtlGuard::Mode::require) return "require";
  return "apply " + grouped(static_cast<std::uint64_t>(entry->ttl.life.count() / 1000)) + "s";
}

std::string list_text(const auto& items, std::string_view between) {
  return items.empty() ? "none" : joined(items, between);
}

// Argument rules of all entries, one text: "config|get: maxmemory*; sort by: w_*".
std::string arguments_text(const Grants& grants, const command::Catalog& catalog) {
  std::set<std::string> rules;
  for (const policy::Entry& entry : grants.entries()) {
    for (const policy::ArgumentRule& rule : entry.arguments) {
      const std::string& name = catalog.all()[rule.command].name;
      rules.insert(name + (rule.option.empty() ? "" : " " + rule.option) + ": " +
                   list_text(rule.globs, ", "));
    }
  }
  return list_text(rules, "; ");
}

class Settings {
 public:
  Settings(std::string grant, PolicyDiff& out) : grant_(std::move(grant)), out_(out) {}

  void limit(const std::string& what, std::uint64_t before, std::uint64_t after) {
    if (before == after) return;
    put(limit_way(before, after), what, limit_text(before), limit_text(after));
  }
  void text(const std::string& what, const std::string& before, const std::string& after,
            Way way = Way::other) {
    if (before != after) put(way, what, before, after);
  }
  void flag(const std::string& what, bool before, bool after, bool on_is_looser) {
    if (before == after) return;
    put(after == on_is_looser ? Way::looser : Way::tighter, what, on_off(before), on_off(after));
  }

  // Nought is none at all.
  void life(const std::string& what, std::chrono::seconds before, std::chrono::seconds after) {
    if (before == after) return;
    const auto text = [](std::chrono::seconds life) {
      return life.count() == 0 ? "none" : grouped(static_cast<std::uint64_t>(life.count())) + "s";
    };
    put(after > before ? Way::looser : Way::tighter, what, text(before), text(after));
  }

 private:
  void put(Way way, const std::string& what, const std::string& before, const std::string& after) {
    out_.settings.push_back({way, grant_, what, before, after});
  }
  std::string grant_;
  PolicyDiff& out_;
};

void compare_settings(const std::string& name, const Grants& old, const Grants& now,
                      const command::Catalog& catalog, PolicyDiff& out) {
  Settings say(name, out);
  const policy::Limits& a = old.limits();
  const policy::Limits& b = now.limits();
  say.limit("limits.connections", a.connections, b.connections);
  say.limit("limits.commands_per_second", a.commands_per_second, b.commands_per_second);
  say.limit("limits.bytes_per_second", a.bytes_per_second, b.bytes_per_second);
  say.limit("limits.pipeline", a.pipeline, b.pipeline);
  say.limit("limits.output_buffer", a.output_buffer, b.output_buffer);
  say.limit("limits.session (seconds)", static_cast<std::uint64_t>(a.session.count()),
            static_cast<std::uint64_t>(b.session.count()));
  const policy::Entry* first = first_entry(old);
  const policy::Entry* second = first_entry(now);
  say.limit("limits.max_value", first == nullptr ? 0 : first->max_value,
            second == nullptr ? 0 : second->max_value);
  const Way ttl = ttl_text(second) == "none"  ? Way::looser
                  : ttl_text(first) == "none" ? Way::tighter
                                              : Way::other;
  say.text("ttl", ttl_text(first), ttl_text(second), ttl);
  say.flag("mode: observe", observes(old), observes(now), true);
  say.flag("break_glass", old.break_glass(), now.break_glass(), false);
  say.text("namespace", old.name_space().empty() ? "none" : old.name_space(),
           now.name_space().empty() ? "none" : now.name_space());
  say.text("scripts", list_text(old.safe_scripts(), ", "), list_text(now.safe_scripts(), ", "));
  say.text("arguments", arguments_text(old, catalog), arguments_text(now, catalog));
  say.flag("audit.reads", old.audit().reads, now.audit().reads, false);
  say.text("lease.scope", old.lease().by_rights ? "rights" : "identity",
           now.lease().by_rights ? "rights" : "identity");
  say.flag("lease.mode static", old.lease().fixed, now.lease().fixed, true);
}

}  // namespace

bool PolicyDiff::empty() const {
  return new_grants.empty() && removed_grants.empty() && renamed_grants.empty() && people.empty() &&
         settings.empty();
}

PolicyDiff diff(const Snapshot& before, const Snapshot& after) {
  PolicyDiff out;
  out.version_before = before.version();
  out.version_after = after.version();
  const Side old = side_of(before);
  const Side now = side_of(after);
  compare_names(old, now, out);
  compare_people(old, now, out);
  for (const auto& [name, grants] : old.grants) {
    const auto found = now.grants.find(name);
    if (found == now.grants.end()) continue;
    compare_settings(name, *grants, *found->second, after.catalog(), out);
    Settings say(name, out);
    const policy::CredentialSettings& had = old.credentials.at(name);
    const policy::CredentialSettings& has = now.credentials.at(name);
    say.life("credentials.proxy", had.proxy, has.proxy);
    say.life("credentials.direct", had.direct, has.direct);
  }
  return out;
}

}  // namespace keyward::review
