#include "review/entry_draft.h"

#include "keyward/policy/glob.h"

#include <algorithm>

namespace keyward::review {
namespace {

using command::CommandInfo;

void join_names(std::map<std::string, PatternUse>& into,
                const std::map<std::string, PatternUse>& from) {
  for (const auto& [pattern, use] : from) {
    PatternUse& mine = into[pattern];
    mine.access |= use.access;
    mine.seen |= use.seen;
    mine.names.add(use.names);
  }
}

bool share_a_name(const std::map<std::string, PatternUse>& a,
                  const std::map<std::string, PatternUse>& b) {
  return std::any_of(a.begin(), a.end(), [&](const auto& one) { return b.contains(one.first); });
}

// Pairs of command and pattern of both together, and how many of them were seen.
struct Cells {
  std::size_t all = 0, seen = 0;

  void add(const EntryDraft& commands_of, const EntryDraft& more, const PatternUse& use) {
    for (const command::CommandId id : commands_of.commands) {
      ++all;
      seen += use.seen.contains(id) ? 1 : 0;
    }
    for (const command::CommandId id : more.commands) {
      if (commands_of.commands.contains(id)) continue;
      ++all;
      seen += use.seen.contains(id) ? 1 : 0;
    }
  }
};

// Keys with keys, channels with channels; what has neither, or every key, stays alone.
int kind_of(const EntryDraft& entry) {
  if (entry.keys.contains("*") || (entry.keys.empty() && entry.channels.empty())) return 3;
  if (!entry.keys.empty() && !entry.channels.empty()) return 2;
  return entry.keys.empty() ? 1 : 0;
}

// Those with the same commands, and those that lie in another, cost nothing; there can be many.
void join_equal(std::vector<EntryDraft>& entries) {
  std::map<std::pair<int, std::set<command::CommandId>>, std::size_t> seen;
  std::vector<EntryDraft> out;
  for (EntryDraft& entry : entries) {
    const auto [at, fresh] = seen.try_emplace({kind_of(entry), entry.commands}, out.size());
    if (fresh || kind_of(entry) == 3) {
      out.push_back(std::move(entry));
    } else {
      join(out[at->second], entry);
    }
  }
  entries = std::move(out);
}

constexpr double kNever = 2;

double cost_of(const EntryDraft& a, const EntryDraft& b) {
  return kind_of(a) != kind_of(b) || kind_of(a) == 3 ? kNever : excess_of_joining(a, b);
}

}  // namespace

EntryGrouping::EntryGrouping(const Observed& observed, const command::Catalog& catalog,
                             std::string subject)
    : observed_(observed), catalog_(catalog), subject_(std::move(subject)) {}

EntryDraft EntryGrouping::draft_of(const Use& use, const UseFacts& facts) const {
  EntryDraft out;
  out.commands.insert(use.command);
  out.count = facts.count;
  out.last_us = facts.last_us;
  out.examples.push_back(&facts);
  for (const Name& name : use.keys) {
    const ShapeFacts& shape = observed_.shape(name.shape);
    PatternUse& pattern = out.keys[pattern_of(shape.shape, subject_)];
    pattern.access |= name.access;
    pattern.seen.add(use.command);
    pattern.names.add(shape.names);
  }
  for (const Name& name : use.channels) {
    const ShapeFacts& shape = observed_.shape(name.shape);
    PatternUse& pattern = out.channels[name.pattern ? channel_pattern_of(shape.shape)
                                                    : pattern_of(shape.shape, subject_)];
    pattern.seen.add(use.command);
    pattern.names.add(shape.names);
  }
  return out;
}

void EntryGrouping::add(const Use& use, const UseFacts& facts) {
  EntryDraft draft = draft_of(use, facts);
  if (use.scans) return join(scanning_, draft);
  if (draft.keys.empty() && draft.channels.empty()) return join(nameless_, draft);
  if (draft.keys.size() + draft.channels.size() == 1) {
    const bool key = !draft.keys.empty();
    return join(
        single_[key ? "k" + draft.keys.begin()->first : "c" + draft.channels.begin()->first],
        draft);
  }
  // One command must fit one entry: patterns that stand together in a command stay together.
  std::size_t into = several_.size();
  for (std::size_t i = 0; i < several_.size();) {
    const bool shared = several_[i].commands == draft.commands &&
                        (share_a_name(draft.keys, several_[i].keys) ||
                         share_a_name(draft.channels, several_[i].channels));
    if (!shared) {
      ++i;
    } else if (into == several_.size()) {
      into = i++;
      join(several_[into], draft);
    } else {
      join(several_[into], several_[i]);
      several_.erase(several_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  if (into >= several_.size()) several_.push_back(std::move(draft));
}

// What lists keys is held to the patterns that may be read; what counts or empties them is for
// whoever has every key.
void EntryGrouping::add_scans(std::vector<EntryDraft>& out) const {
  EntryDraft listing = scanning_;
  EntryDraft whole = scanning_;
  bool empties = false;
  for (const command::CommandId id : scanning_.commands) {
    const CommandInfo& info = catalog_.all()[id];
    const bool every = info.name == "dbsize" || info.is(command::kWrite);
    empties = empties || info.is(command::kWrite);
    (every ? listing : whole).commands.erase(id);
  }
  const auto grant = [](EntryDraft& entry, const std::string& pattern, std::uint8_t access) {
    PatternUse& use = entry.keys[pattern];
    use.access = access;
    for (const command::CommandId id : entry.commands) use.seen.add(id);
  };
  constexpr std::uint8_t kBoth = command::kRead | command::kModify;
  if (!whole.commands.empty()) {
    grant(whole, "*", empties ? kBoth : std::uint8_t{command::kRead});
    out.push_back(std::move(whole));
  }
  if (listing.commands.empty()) return;
  for (const EntryDraft& entry : std::vector<EntryDraft>(out)) {
    for (const auto& [pattern, use] : entry.keys) {
      if (use.access != command::kModify && pattern != "*") grant(listing, pattern, command::kRead);
    }
  }
  if (listing.keys.empty()) grant(listing, "*", command::kRead);
  out.push_back(std::move(listing));
}

std::vector<EntryDraft> EntryGrouping::entries() const {
  std::vector<EntryDraft> out = several_;
  for (const auto& [pattern, draft] : single_) out.push_back(draft);
  // A pair counts as seen wherever it was seen.
  std::map<std::string, command::CommandSet> keys, channels;
  for (const EntryDraft& entry : out) {
    for (const auto& [pattern, use] : entry.keys) keys[pattern] |= use.seen;
    for (const auto& [pattern, use] : entry.channels) channels[pattern] |= use.seen;
  }
  for (EntryDraft& entry : out) {
    for (auto& [pattern, use] : entry.keys) use.seen = keys[pattern];
    for (auto& [pattern, use] : entry.channels) use.seen = channels[pattern];
  }
  if (!nameless_.commands.empty()) out.push_back(nameless_);
  if (!scanning_.commands.empty()) add_scans(out);
  return out;
}

double excess_of_joining(const EntryDraft& a, const EntryDraft& b) {
  Cells cells;
  for (const auto& [pattern, use] : a.keys) cells.add(a, b, use);
  for (const auto& [pattern, use] : a.channels) cells.add(a, b, use);
  for (const auto& [pattern, use] : b.keys) {
    if (!a.keys.contains(pattern)) cells.add(b, a, use);
  }
  for (const auto& [pattern, use] : b.channels) {
    if (!a.channels.contains(pattern)) cells.add(b, a, use);
  }
  if (cells.all == 0) return 1;
  return static_cast<double>(cells.all - cells.seen) / static_cast<double>(cells.all);
}

void join(EntryDraft& into, const EntryDraft& from) {
  into.commands.insert(from.commands.begin(), from.commands.end());
  join_names(into.keys, from.keys);
  join_names(into.channels, from.channels);
  into.count += from.count;
  into.last_us = std::max(into.last_us, from.last_us);
  into.examples.insert(into.examples.end(), from.examples.begin(), from.examples.end());
}

void join_alike(std::vector<EntryDraft>& entries, double excess) {
  join_equal(entries);
  std::vector<std::vector<double>> costs(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) costs[i].push_back(cost_of(entries[i], entries[j]));
  }
  while (true) {
    double best = excess;
    std::size_t a = 0;
    std::size_t b = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (costs[i][j] > best || (costs[i][j] == best && a != 0)) continue;
        best = costs[i][j];
        a = i;
        b = j;
      }
    }
    if (a == 0) return;
    join(entries[b], entries[a]);
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(a));
    costs.erase(costs.begin() + static_cast<std::ptrdiff_t>(a));
    for (std::size_t i = a; i < costs.size(); ++i)
      costs[i].erase(costs[i].begin() + static_cast<std::ptrdiff_t>(a));
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i == b) continue;
      costs[std::max(i, b)][std::min(i, b)] = cost_of(entries[i], entries[b]);
    }
  }
}

void drop_contained(EntryDraft& entry) {
  for (auto* names : {&entry.keys, &entry.channels}) {
    for (auto one = names->begin(); one != names->end();) {
      const auto wider = std::find_if(names->begin(), names->end(), [&](const auto& other) {
        return other.first != one->first && policy::glob_contains(other.first, one->first) &&
               (other.second.access & one->second.access) == one->second.access;
      });
      if (wider == names->end()) {
        ++one;
        continue;
      }
      wider->second.seen |= one->second.seen;
      wider->second.names.add(one->second.names);
      one = names->erase(one);
    }
  }
}

}  // namespace keyward::review
