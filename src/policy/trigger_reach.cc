#include "policy/trigger_reach.h"

#include "policy/territory.h"

#include "keyward/base/log.h"
#include "keyward/policy/glob.h"
#include "keyward/policy/name_space.h"

#include <algorithm>
#include <map>
#include <utility>

namespace keyward::policy {
namespace {

using Kind = TriggerSource::Kind;

// The pattern as one of Redis's names: behind the grant's namespace.
Pattern qualified(const Pattern& name_space, const Pattern& pattern) {
  Pattern out = name_space;
  out.pieces.insert(out.pieces.end(), pattern.pieces.begin(), pattern.pieces.end());
  return out;
}

bool has_template(const Pattern& pattern) {
  return std::any_of(pattern.pieces.begin(), pattern.pieces.end(),
                     [](const Pattern::Piece& piece) { return piece.is_template; });
}

// All that `glob` takes in lies inside the pattern, for some value of its templates.
bool takes_in(const Pattern& pattern, const std::string& glob) {
  if (!has_template(pattern)) {
    const Result<std::string> filled = fill(pattern, nullptr);
    return filled && glob_contains(*filled, glob);
  }
  Pattern other;
  other.pieces.push_back({false, glob});
  return overlap(names_of(pattern), names_of(other));
}

bool writes(const GrantModel& grant, const EntryModel& entry, const std::string& glob) {
  return std::any_of(entry.keys.begin(), entry.keys.end(), [&](const KeyModel& key) {
    return (key.access & command::kModify) != 0 &&
           takes_in(qualified(grant.name_space, key.pattern), glob);
  });
}

bool publishes(const GrantModel& grant, const EntryModel& entry, const std::string& channel) {
  return std::any_of(entry.channels.begin(), entry.channels.end(), [&](const Pattern& pattern) {
    return takes_in(qualified(grant.name_space, pattern), channel);
  });
}

std::vector<std::string> commands_of(Kind kind) {
  if (kind == Kind::stream) return {"xadd"};
  if (kind == Kind::channel) return {"publish"};
  return {"set", "setex", "psetex", "expire", "pexpire", "expireat", "pexpireat", "getex"};
}

bool can_cause(const GrantModel& grant, const TriggerSource& source,
               const command::Catalog& catalog) {
  if (std::find(grant.databases.begin(), grant.databases.end(), 0U) == grant.databases.end())
    return false;
  return std::any_of(grant.entries.begin(), grant.entries.end(), [&](const EntryModel& entry) {
    const std::vector<std::string> names = commands_of(source.kind);
    const bool runs = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      const command::CommandInfo* info = catalog.by_name(name);
      return info != nullptr && entry.commands.contains(info->id);
    });
    return runs && (source.kind == Kind::channel ? publishes(grant, entry, source.name)
                                                 : writes(grant, entry, source.name));
  });
}

std::string what_it_needs(const TriggerSource& source) {
  const std::string name = log::printable(source.name, 64);
  if (source.kind == Kind::stream) return "commands: [xadd], keys: [\"" + name + "\"] in it";
  if (source.kind == Kind::channel)
    return "commands: [publish], channels: [\"" + name + "\"] in it";
  return "commands: [set], keys: [\"" + name + "\"] in it";
}

class Check {
 public:
  Check(const std::vector<TeamModel>& teams, const command::Catalog& catalog,
        Diagnostics& diagnostics)
      : teams_(teams), catalog_(catalog), diagnostics_(diagnostics) {}

  void run() {
    for (const TeamModel& team : teams_) {
      for (const TriggerModel& trigger : team.triggers) {
        names(trigger);
        grants(team, trigger);
        dead_letters(team, trigger);
      }
    }
    for (const TeamModel& team : teams_) {
      for (const TriggerModel& trigger : team.triggers) loops(trigger);
    }
  }

 private:
  void say(const Place& at, std::string what, std::string instead = {}) {
    diagnostics_.error(at.file, at.line, at.column, std::move(what), std::move(instead));
  }

  void names(const TriggerModel& trigger) {
    if (catalog_.by_name("xautoclaim") == nullptr && !std::exchange(too_old_, true))
      say(trigger.place, "triggers need Redis 6.2 (XAUTOCLAIM), this server is older");
    const auto once = [&](std::map<std::string, Place>& seen, const std::string& key,
                          const Place& at, const std::string& what, const char* instead) {
      if (key.empty()) return;
      const auto [known, fresh] = seen.emplace(key, at);
      if (!fresh)
        say(at,
            what + " is already in " + known->second.file + ":" +
                std::to_string(known->second.line),
            instead);
    };
    const TriggerRule& rule = trigger.rule;
    once(names_, rule.name, trigger.place, "trigger '" + rule.name + "'", "another name");
    if (rule.source.kind != Kind::stream || rule.source.name.empty()) return;
    streams_.emplace(rule.source.name, trigger.source_place);
    once(groups_, rule.source.name + '\n' + rule.source.group, trigger.source_place,
         "group '" + rule.source.group + "' of this stream", "a group of its own: group: NAME");
  }

  void grants(const TeamModel& team, const TriggerModel& trigger) {
    std::vector<std::string> known;
    for (const GrantModel& grant : team.grants) known.push_back(grant.name);
    for (const auto& [name, place] : trigger.from) {
      const auto found = std::find_if(
          team.grants.begin(), team.grants.end(),
          [&, wanted = name](const GrantModel& grant) { return grant.name == wanted; });
      if (found == team.grants.end()) {
        const std::string near = nearest(name, known);
        say(place, "this file has no grant '" + name + "'",
            near.empty() ? "a grant of the same team" : near);
      } else if (found->observes) {
        say(place, "grant '" + name + "' only observes: it vouches for nothing",
            "a grant without `mode: observe`");
      } else if (!trigger.rule.source.name.empty() &&
                 !can_cause(*found, trigger.rule.source, catalog_)) {
        say(place, "grant '" + name + "' cannot cause this event, in database 0",
            what_it_needs(trigger.rule.source));
      }
    }
  }

  void dead_letters(const TeamModel& team, const TriggerModel& trigger) {
    const std::string& stream = trigger.rule.dead_letter.stream;
    if (stream.empty()) return;
    for (const GrantModel& grant : team.grants) {
      for (const EntryModel& entry : grant.entries) {
        if (writes(grant, entry, stream)) return;
      }
    }
    say(trigger.dead_letter_place,
        "no grant of this team writes the key " + log::printable(stream, 64) +
            ", so a trigger of the team must not either",
        "a name below the team's own prefix");
  }

  // What is dead would cause the next event.
  void loops(const TriggerModel& trigger) {
    const auto found = streams_.find(trigger.rule.dead_letter.stream);
    if (found == streams_.end()) return;
    say(trigger.dead_letter_place,
        "the dead-letter stream is the source of a trigger, in " + found->second.file + ":" +
            std::to_string(found->second.line),
        "a stream of its own");
  }

  const std::vector<TeamModel>& teams_;
  const command::Catalog& catalog_;
  Diagnostics& diagnostics_;
  std::map<std::string, Place> names_, groups_, streams_;
  bool too_old_ = false;
};

}  // namespace

void check_triggers(const std::vector<TeamModel>& teams, const command::Catalog& catalog,
                    Diagnostics& diagnostics) {
  Check(teams, catalog, diagnostics).run();
}

}  // namespace keyward::policy
