#include "policy/territory.h"

#include "keyward/base/log.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace keyward::policy {
namespace {

// Comparing stays bounded whatever a folder holds; ordinary folders need a handful.
constexpr std::size_t kMostComparisons = 500'000;

struct Claim {
  NameSet names;
  std::string shown;
  Place place;
  const GrantModel* grant = nullptr;
};

std::string shown(const Pattern& pattern) {
  std::string out;
  for (const Pattern::Piece& piece : pattern.pieces)
    out += piece.is_template ? "{" + piece.text + "}" : piece.text;
  return log::printable(out, 64);
}

bool is_every(const Pattern& pattern) {
  return pattern.pieces.size() == 1 && !pattern.pieces.front().is_template &&
         pattern.pieces.front().text == "*";
}

bool has_template(const Pattern& pattern) {
  return std::any_of(pattern.pieces.begin(), pattern.pieces.end(),
                     [](const Pattern::Piece& piece) { return piece.is_template; });
}

// Its first byte is anybody's choice. A value that leads to reserved keys is refused when it is
// filled in.
bool begins_wild(const Pattern& pattern) {
  return !pattern.pieces.empty() && !pattern.pieces.front().is_template &&
         std::string_view("*?[").find(pattern.pieces.front().text.front()) !=
             std::string_view::npos;
}

std::string at(const Place& place) { return place.file + ":" + std::to_string(place.line); }

// The namespace of a grant, or the patterns that it writes one by one.
void collect(const GrantModel& grant, std::vector<Claim>& claims) {
  if (!grant.name_space.pieces.empty()) {
    claims.push_back(
        {names_below(grant.name_space), shown(grant.name_space), grant.name_space_place, &grant});
    return;
  }
  for (const EntryModel& entry : grant.entries) {
    for (const KeyModel& key : entry.keys) {
      if ((key.access & command::kModify) == 0 || is_every(key.pattern)) continue;
      claims.push_back({names_of(key.pattern), shown(key.pattern), key.place, &grant});
    }
  }
}

// A value that would lead there is refused when a template is filled; this is about what stands in
// the file.
void check_own_keys(const GrantModel& grant, Diagnostics& diagnostics) {
  Pattern own;
  own.pieces.push_back({false, std::string(kOwnKeys) + "*"});
  const NameSet reserved = names_of(own);
  const auto say = [&](const Place& place, const std::string& what) {
    diagnostics.error(place.file, place.line, place.column,
                      what + " reaches keys of Keyward's own (" + std::string(kOwnKeys) + "*)",
                      "a prefix of the team's own");
  };
  const Pattern& name_space = grant.name_space;
  if (!name_space.pieces.empty()) {
    if (!has_template(name_space) && overlap(names_below(name_space), reserved))
      say(grant.name_space_place, "namespace " + shown(name_space));
    return;
  }
  bool warned = false;
  for (const EntryModel& entry : grant.entries) {
    for (const KeyModel& key : entry.keys) {
      // In Redis nothing could be taken out of such a pattern.
      if (grant.credentials.direct.count() > 0 && begins_wild(key.pattern)) {
        diagnostics.error(
            key.place.file, key.place.line, key.place.column,
            "a direct credential would reach keys of Keyward's own by pattern " +
                shown(key.pattern),
            "a pattern that begins with a prefix of the team's own, or `proxy` alone");
        continue;
      }
      if (is_every(key.pattern) || has_template(key.pattern)) continue;
      const NameSet names = names_of(key.pattern);
      if (!overlap(names, reserved)) continue;
      if (begins_anyhow(names)) {
        if (std::exchange(warned, true)) continue;  // one line for a grant is enough
        diagnostics.warning(key.place.file, key.place.line, key.place.column,
                            "pattern " + shown(key.pattern) +
                                " leads into everybody's names, Keyward's own among them",
                            "a pattern that begins with a prefix of the team's own");
      } else {
        say(key.place, "pattern " + shown(key.pattern));
      }
    }
  }
}

class Comparison {
 public:
  explicit Comparison(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  // Two sets can only overlap when the head of one begins with that of the other: in order of
  // heads, those before on the way down are all that can.
  void run(std::vector<Claim>& claims) {
    std::sort(claims.begin(), claims.end(),
              [](const Claim& a, const Claim& b) { return a.names.head < b.names.head; });
    std::vector<Level> way;
    for (const Claim& claim : claims) {
      while (!way.empty() && !claim.names.head.starts_with(way.back().head)) way.pop_back();
      for (const Level& level : way) {
        for (const auto& [team, others] : level.teams) {
          if (team == claim.grant->team) continue;
          for (const Claim* other : others) compare(claim, *other);
        }
      }
      if (way.empty() || way.back().head != claim.names.head) way.push_back({claim.names.head, {}});
      way.back().teams[claim.grant->team].push_back(&claim);
    }
  }

 private:
  struct Level {
    std::string_view head;
    std::map<std::string_view, std::vector<const Claim*>> teams;
  };

  void compare(const Claim& a, const Claim& b) {
    if (a.grant->shared && b.grant->shared) return;
    const std::pair<const GrantModel*, const GrantModel*> pair = std::minmax(a.grant, b.grant);
    if (said_.contains(pair)) return;
    if (++comparisons_ > kMostComparisons) {
      if (comparisons_ == kMostComparisons + 1) {
        diagnostics_.error(a.place.file, a.place.line, a.place.column,
                           "too many patterns of different teams begin alike to compare them all",
                           "patterns that begin with a prefix of the team's own");
      }
      return;
    }
    if (!overlap(a.names, b.names)) return;
    said_.insert(pair);
    const bool later = std::tie(a.place.file, a.place.line) > std::tie(b.place.file, b.place.line);
    const Claim& second = later ? a : b;
    const Claim& first = later ? b : a;
    diagnostics_.error(second.place.file, second.place.line, second.place.column,
                       second.shown + " of team '" + second.grant->team + "' overlaps " +
                           first.shown + " of team '" + first.grant->team + "' (" +
                           at(first.place) + ")",
                       "a prefix of the team's own, or `shared: true` in grants '" +
                           first.grant->name + "' and '" + second.grant->name + "'");
  }

  Diagnostics& diagnostics_;
  std::set<std::pair<const GrantModel*, const GrantModel*>> said_;
  std::size_t comparisons_ = 0;
};

// Whoever writes every key writes those of all teams: no claim of one's own, but worth a line.
void warn_of_every_key(const GrantModel& grant, const std::vector<Claim>& claims,
                       Diagnostics& diagnostics) {
  if (grant.shared || grant.break_glass || !grant.name_space.pieces.empty()) return;
  for (const EntryModel& entry : grant.entries) {
    for (const KeyModel& key : entry.keys) {
      if ((key.access & command::kModify) == 0 || !is_every(key.pattern)) continue;
      const auto other = std::find_if(claims.begin(), claims.end(), [&](const Claim& claim) {
        return claim.grant->team != grant.team;
      });
      if (other == claims.end()) return;
      diagnostics.warning(key.place.file, key.place.line, key.place.column,
                          "this writes the keys of every team, such as " + other->shown +
                              " of team '" + other->grant->team + "' (" + at(other->place) + ")",
                          "`shared: true` or `break_glass: true` in grant '" + grant.name +
                              "', when that is meant");
      return;
    }
  }
}

}  // namespace

void check_territory(const std::vector<TeamModel>& teams, Diagnostics& diagnostics) {
  std::vector<Claim> claims;
  for (const TeamModel& team : teams) {
    for (const GrantModel& grant : team.grants) {
      check_own_keys(grant, diagnostics);
      collect(grant, claims);
    }
  }
  Comparison(diagnostics).run(claims);
  for (const TeamModel& team : teams) {
    for (const GrantModel& grant : team.grants) warn_of_every_key(grant, claims, diagnostics);
  }
}

}  // namespace keyward::policy
