#include "review/reach.h"

#include "keyward/policy/glob.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace keyward::review {
namespace {

using command::Catalog;
using command::CommandInfo;
using On = ReachChange::On;
using How = ReachChange::How;

constexpr std::uint8_t kBoth = command::kRead | command::kModify;

void push_once(std::vector<Atom>& out, Atom atom) {
  const bool known = std::any_of(out.begin(), out.end(), [&](const Atom& one) {
    return one.on == atom.on && one.pattern == atom.pattern && one.access == atom.access &&
           one.db == atom.db;
  });
  if (!known) out.push_back(std::move(atom));
}

void add_entry(const policy::Entry& entry, const CommandInfo& info, std::vector<Atom>& out) {
  const bool lists = info.name == "scan" || info.name == "keys" || info.name == "randomkey";
  for (const std::uint32_t db : entry.databases) {
    if (uses_channels(info)) {
      for (const std::string& channel : entry.channels)
        push_once(out, {On::channels, channel, 0, db, &entry.rule});
    } else if (!info.key_specs.empty() || lists) {
      const std::uint8_t needed = lists ? std::uint8_t{command::kRead} : access_of(info);
      for (const policy::KeyPattern& key : entry.keys) {
        const auto usable = static_cast<std::uint8_t>(key.access & needed);
        if (lists ? usable == 0 : !of_use(info, key.access)) continue;
        push_once(out, {On::keys, key.glob, usable, db, &entry.rule});
      }
    } else {
      push_once(out, {On::nothing, {}, 0, db, &entry.rule});
    }
  }
}

// Atoms that differ only in their command, database or pattern make one line.
struct LineKey {
  How how;
  On on;
  std::string pattern, other;
  std::string grant, rule;
  friend auto operator<=>(const LineKey&, const LineKey&) = default;
};

struct Line {
  std::uint8_t access = 0;  // that any of the commands makes use of
  std::set<std::string> commands;
  std::set<std::uint32_t> databases;
};

std::vector<ReachChange> join_patterns(const std::map<LineKey, Line>& lines) {
  std::vector<ReachChange> out;
  for (const auto& [key, line] : lines) {
    const std::vector<std::string> commands(line.commands.begin(), line.commands.end());
    const std::vector<std::uint32_t> databases(line.databases.begin(), line.databases.end());
    const auto same =
        std::find_if(out.begin(), out.end(), [&, &at = key, &line = line](const ReachChange& one) {
          return one.how == at.how && one.on == at.on && one.access == line.access &&
                 one.grant == at.grant && one.rule == at.rule && one.other.empty() &&
                 at.other.empty() && one.commands == commands && one.databases == databases;
        });
    if (same != out.end()) {
      same->patterns.push_back(key.pattern);
      continue;
    }
    ReachChange change;
    change.how = key.how;
    change.on = key.on;
    change.commands = commands;
    if (key.on != On::nothing) change.patterns.push_back(key.pattern);
    change.other = key.other;
    change.access = line.access;
    change.databases = databases;
    change.grant = key.grant;
    change.rule = key.rule;
    out.push_back(std::move(change));
  }
  return out;
}

}  // namespace

bool uses_channels(const CommandInfo& info) {
  using command::Kind;
  return info.kind == Kind::subscribe || info.kind == Kind::psubscribe ||
         info.kind == Kind::ssubscribe || info.kind == Kind::publish;
}

std::uint8_t access_of(const CommandInfo& info) {
  std::uint8_t out = 0;
  for (const command::KeySpec& spec : info.key_specs) {
    if (!spec.not_key) out |= spec.variable ? kBoth : spec.access;
  }
  if (info.name == "xreadgroup") out = kBoth;
  return out;
}

bool of_use(const CommandInfo& info, std::uint8_t access) {
  return std::any_of(info.key_specs.begin(), info.key_specs.end(), [&](const auto& spec) {
    if (spec.not_key) return false;
    // SET writes at the least, BITFIELD reads.
    std::uint8_t least = spec.access;
    if (spec.variable) least = info.name == "set" ? command::kModify : command::kRead;
    if (info.name == "xreadgroup") least = kBoth;
    return (access & least) == least;
  });
}

void add_reach(const policy::Grants& grants, const Catalog& catalog, Reach& out) {
  for (const policy::Entry& entry : grants.entries()) {
    if (entry.observes) continue;
    for (const CommandInfo& info : catalog.all()) {
      if (entry.commands.contains(info.id)) add_entry(entry, info, out[info.id]);
    }
  }
}

bool covers(const Atom& outer, const Atom& inner) {
  return outer.on == inner.on && outer.db == inner.db &&
         (outer.access & inner.access) == inner.access &&
         (outer.on == On::nothing || policy::glob_contains(outer.pattern, inner.pattern));
}

std::vector<ReachChange> beyond(const Reach& from, const Reach& to, const Catalog& catalog,
                                bool lost) {
  static const std::vector<Atom> kNothing;
  std::map<LineKey, Line> lines;
  for (const auto& [id, atoms] : to) {
    const auto found = from.find(id);
    const std::vector<Atom>& before = found == from.end() ? kNothing : found->second;
    for (const Atom& atom : atoms) {
      const auto by = [&](const Atom& one) { return covers(one, atom); };
      if (std::any_of(before.begin(), before.end(), by)) continue;
      const auto inside = std::find_if(before.begin(), before.end(), [&](const Atom& one) {
        return atom.on != On::nothing && one.on == atom.on && one.db == atom.db &&
               policy::glob_contains(atom.pattern, one.pattern);
      });
      const bool partly = inside != before.end();
      LineKey key{
          lost ? (partly ? How::narrowed : How::removed) : (partly ? How::widened : How::added),
          atom.on,
          atom.pattern,
          partly && inside->pattern != atom.pattern ? inside->pattern : "",
          atom.rule->grant,
          atom.rule->text()};
      // The same name with more access: only what is new of it.
      const bool same = partly && inside->pattern == atom.pattern;
      Line& line = lines[std::move(key)];
      line.access |= static_cast<std::uint8_t>(same ? atom.access & ~inside->access : atom.access);
      line.commands.insert(catalog.all()[id].name);
      line.databases.insert(atom.db);
    }
  }
  return join_patterns(lines);
}

}  // namespace keyward::review
