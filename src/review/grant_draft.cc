#include "review/grant_draft.h"

#include "keyward/base/ascii.h"

#include <algorithm>
#include <functional>

namespace keyward::review {
namespace {

using command::Catalog;
using command::CommandInfo;

constexpr double kAlike = 0.5;
constexpr std::size_t kMostSubjectsNamed = 50;

// What people do, to be compared: command and pattern.
using Deeds = std::set<std::pair<command::CommandId, std::string>>;

struct Group {
  std::vector<const Role*> roles;
  Deeds deeds;
};

void each_use(const Role& role, bool refused_too,
              const std::function<void(const Use&, const UseFacts&)>& tell) {
  for (const auto& [use, facts] : role.uses) tell(use, facts);
  if (!refused_too) return;
  for (const auto& [use, facts] : role.refused) {
    if (!role.uses.contains(use)) tell(use, facts);
  }
}

void add_deeds(const Use& use, const Observed& observed, Deeds& out) {
  if (use.keys.empty() && use.channels.empty()) out.emplace(use.command, "");
  for (const auto* names : {&use.keys, &use.channels}) {
    for (const Name& name : *names)
      out.emplace(use.command, pattern_of(observed.shape(name.shape).shape));
  }
}

double likeness(const Deeds& a, const Deeds& b) {
  if (a.empty() || b.empty()) return a.empty() && b.empty() ? 1 : 0;
  const auto shared = static_cast<double>(
      std::count_if(a.begin(), a.end(), [&](const auto& deed) { return b.contains(deed); }));
  return shared / (static_cast<double>(a.size() + b.size()) - shared);
}

std::vector<Group> group_roles(const Observed& observed, bool refused_too) {
  std::vector<Group> groups;
  for (const auto& role : observed.roles()) {
    Deeds deeds;
    each_use(*role, refused_too,
             [&](const Use& use, const UseFacts&) { add_deeds(use, observed, deeds); });
    if (deeds.empty()) continue;
    auto best = groups.end();
    double most = kAlike;
    for (auto group = groups.begin(); group != groups.end(); ++group) {
      const double now = likeness(group->deeds, deeds);
      if (now < most) continue;
      most = now;
      best = group;
    }
    if (best == groups.end()) best = groups.insert(groups.end(), Group{});
    best->roles.push_back(role.get());
    best->deeds.insert(deeds.begin(), deeds.end());
  }
  return groups;
}

bool has(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// A group that all of these people have and nobody else of their issuer.
std::string own_group(const std::vector<const Role*>& mine, const Observed& observed,
                      const std::string& issuer) {
  const Role& first = *mine.front();
  for (const std::string& group : first.groups) {
    const bool all_mine = std::all_of(mine.begin(), mine.end(), [&](const Role* role) {
      return has(role->groups, group) && !role->some_groups;
    });
    const bool others =
        std::any_of(observed.roles().begin(), observed.roles().end(), [&](const auto& role) {
          return role->issuer == issuer && has(role->groups, group) &&
                 std::find(mine.begin(), mine.end(), role.get()) == mine.end();
        });
    if (all_mine && !others) return group;
  }
  return {};
}

// Too many to list: what their names begin with, up to a separator.
std::string common_beginning(const std::vector<std::string>& subjects) {
  std::string head = subjects.front();
  for (const std::string& subject : subjects) {
    const auto end = std::mismatch(head.begin(), head.end(), subject.begin(), subject.end()).first;
    head.erase(end, head.end());
  }
  const std::size_t last = head.find_last_of(":./@_-");
  return head.substr(0, last == std::string::npos ? 0 : last + 1);
}

void name_subjects(const std::string& issuer, const std::vector<std::string>& subjects,
                   GrantDraft& out) {
  if (subjects.size() <= kMostSubjectsNamed) {
    for (const std::string& subject : subjects)
      out.who.push_back({.issuer = issuer, .subject = subject, .groups = {}, .claims = {}});
    return;
  }
  const std::string head = common_beginning(subjects);
  out.who.push_back({.issuer = issuer, .subject = head + "*", .groups = {}, .claims = {}});
  out.notes.push_back(std::to_string(subjects.size()) + " people of " + issuer +
                      (head.empty() ? ": EVERYBODY of it is let in; narrow it down"
                                    : ": others may begin alike; narrow it down"));
}

void name_people(const std::string& issuer, const std::vector<const Role*>& roles,
                 const Observed& observed, GrantDraft& out) {
  const std::string shared = own_group(roles, observed, issuer);
  if (!shared.empty()) {
    out.who.push_back({.issuer = issuer, .subject = {}, .groups = {shared}, .claims = {}});
    return;
  }
  policy::Who by_group{.issuer = issuer, .subject = {}, .groups = {}, .claims = {}};
  std::vector<std::string> subjects;
  for (const Role* role : roles) {
    const std::string alone = own_group({role}, observed, issuer);
    if (!alone.empty()) {
      by_group.groups.push_back(alone);
    } else if (role->subject_count > kMostSubjectsNamed && !role->groups.empty()) {
      out.who.push_back({.issuer = issuer, .subject = {}, .groups = role->groups, .claims = {}});
      out.notes.emplace_back("others have these groups as well: narrow it down");
    } else {
      subjects.insert(subjects.end(), role->subjects.begin(), role->subjects.end());
    }
  }
  std::sort(by_group.groups.begin(), by_group.groups.end());
  if (!by_group.groups.empty()) out.who.push_back(by_group);
  std::erase(subjects, "");
  if (!subjects.empty()) name_subjects(issuer, subjects, out);
}

std::string plain_name(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 56)) out += is_plain(c) ? c : '-';
  return out.empty() ? "people" : out;
}

// The grant they had, when it was one and the same; else their group; else their name.
std::string name_of(const Group& group, const std::vector<policy::Who>& who) {
  const Role& first = *group.roles.front();
  const bool same = std::all_of(group.roles.begin(), group.roles.end(), [&](const Role* role) {
    return role->grants.size() == 1 && role->grants == first.grants;
  });
  if (same) return plain_name(first.grants.front());
  if (!who.empty() && !who.front().groups.empty()) return plain_name(who.front().groups.front());
  return plain_name(first.subjects.empty() ? "" : *first.subjects.begin());
}

// Databases that are used alike, together.
std::vector<std::vector<std::uint32_t>> group_databases(const Group& group,
                                                        const Observed& observed,
                                                        bool refused_too) {
  std::map<std::uint32_t, Deeds> by_database;
  for (const Role* role : group.roles) {
    each_use(*role, refused_too, [&](const Use& use, const UseFacts&) {
      add_deeds(use, observed, by_database[use.db]);
    });
  }
  std::vector<std::vector<std::uint32_t>> out;
  std::vector<Deeds> of_group;
  for (const auto& [db, deeds] : by_database) {
    std::size_t at = 0;
    while (at < out.size() && likeness(of_group[at], deeds) < kAlike) ++at;
    if (at == out.size()) {
      out.emplace_back();
      of_group.emplace_back();
    }
    out[at].push_back(db);
    of_group[at].insert(deeds.begin(), deeds.end());
  }
  return out;
}

bool grantable(const CommandInfo& info) {
  return info.exposure != command::Exposure::never &&
         !(info.exposure == command::Exposure::session && info.key_specs.empty());
}

// Leaving a channel is no right of its own to be seen in a trail, but to be granted.
void add_ways_out(EntryDraft& entry, const Catalog& catalog) {
  constexpr std::pair<std::string_view, std::string_view> kWays[] = {
      {"subscribe", "unsubscribe"}, {"psubscribe", "punsubscribe"}, {"ssubscribe", "sunsubscribe"}};
  for (const auto& [in, out] : kWays) {
    const CommandInfo* enter = catalog.by_name(in);
    const CommandInfo* leave = catalog.by_name(out);
    if (enter != nullptr && leave != nullptr && entry.commands.contains(enter->id))
      entry.commands.insert(leave->id);
  }
}

void add_calls(EntryDraft& entry, const std::set<std::string>& calls, const Catalog& catalog) {
  const bool scripts = std::any_of(entry.commands.begin(), entry.commands.end(), [&](auto id) {
    return catalog.all()[id].kind == command::Kind::script;
  });
  if (!scripts) return;
  for (const std::string& call : calls) {
    const CommandInfo* info = catalog.by_name(call);
    if (info == nullptr || info->exposure != command::Exposure::normal) continue;
    if (entry.commands.insert(info->id).second) entry.called.insert(info->id);
  }
}

GrantDraft draft_one(const Group& group, const std::vector<std::uint32_t>& databases,
                     const Observed& observed, const Catalog& catalog, bool refused_too) {
  GrantDraft out;
  out.roles = group.roles;
  out.databases = databases;
  std::set<std::string> calls;
  for (const Role* role : group.roles) {
    out.people += role->subject_count;
    calls.insert(role->calls.begin(), role->calls.end());
  }
  if (out.people == 1) out.only_subject = *group.roles.front()->subjects.begin();
  EntryGrouping grouping(observed, catalog, out.only_subject);
  for (const Role* role : group.roles) {
    each_use(*role, refused_too, [&](const Use& use, const UseFacts& facts) {
      if (std::find(databases.begin(), databases.end(), use.db) == databases.end()) return;
      if (!grantable(catalog.all()[use.command])) return;
      out.commands += facts.count;
      grouping.add(use, facts);
    });
  }
  out.entries = grouping.entries();
  out.calls = std::move(calls);
  return out;
}

void name_apart(std::vector<GrantDraft>& grants) {
  std::map<std::string, int> seen;
  for (GrantDraft& grant : grants) ++seen[grant.name];
  std::map<std::string, int> next;
  for (GrantDraft& grant : grants) {
    if (seen[grant.name] == 1) continue;
    const std::string stem = grant.name;
    do {
      grant.name = stem + "-" + std::to_string(++next[stem]);
    } while (seen.contains(grant.name));
  }
}

}  // namespace

void add_what_follows(GrantDraft& grant, const Catalog& catalog) {
  for (EntryDraft& entry : grant.entries) {
    add_ways_out(entry, catalog);
    add_calls(entry, grant.calls, catalog);
  }
}

std::vector<GrantDraft> draft_grants(const Observed& observed, const Catalog& catalog,
                                     bool refused_too) {
  std::vector<GrantDraft> out;
  for (const Group& group : group_roles(observed, refused_too)) {
    std::map<std::string, std::vector<const Role*>> by_issuer;
    for (const Role* role : group.roles) by_issuer[role->issuer].push_back(role);
    GrantDraft people;
    for (const auto& [issuer, roles] : by_issuer) name_people(issuer, roles, observed, people);
    const auto databases = group_databases(group, observed, refused_too);
    for (const std::vector<std::uint32_t>& some : databases) {
      GrantDraft grant = draft_one(group, some, observed, catalog, refused_too);
      if (grant.entries.empty()) continue;
      grant.who = people.who;
      grant.notes = people.notes;
      grant.name = name_of(group, people.who);
      if (databases.size() > 1) grant.name += "-db" + std::to_string(some.front());
      out.push_back(std::move(grant));
    }
  }
  name_apart(out);
  return out;
}

}  // namespace keyward::review
