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
    mine.commands.insert(use.commands.begin(), use.commands.end());
    mine.names.add(use.names);
  }
}

bool share_a_name(const std::map<std::string, PatternUse>& a,
                  const std::map<std::string, PatternUse>& b) {
  return std::any_of(a.begin(), a.end(), [&](const auto& one) { return b.contains(one.first); });
}

std::size_t common(const std::set<command::CommandId>& a, const std::set<command::CommandId>& b) {
  return static_cast<std::size_t>(
      std::count_if(a.begin(), a.end(), [&](command::CommandId id) { return b.contains(id); }));
}

}  // namespace

std::size_t EntryDraft::cells() const { return commands.size() * (keys.size() + channels.size()); }

std::size_t EntryDraft::seen() const {
  std::size_t out = 0;
  for (const auto* names : {&keys, &channels}) {
    for (const auto& [pattern, use] : *names) out += use.commands.size();
  }
  return out;
}

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
    pattern.commands.insert(use.command);
    pattern.names.add(shape.names);
  }
  for (const Name& name : use.channels) {
    const ShapeFacts& shape = observed_.shape(name.shape);
    PatternUse& pattern = out.channels[name.pattern ? channel_pattern_of(shape.shape)
                                                    : pattern_of(shape.shape, subject_)];
    pattern.commands.insert(use.command);
    pattern.names.add(shape.names);
  }
  return out;
}

// One command must fit one entry: patterns that stand together in a command stay together.
void EntryGrouping::add(const Use& use, const UseFacts& facts) {
  EntryDraft draft = draft_of(use, facts);
  if (use.scans) return join(scanning_, draft);
  if (draft.keys.empty() && draft.channels.empty()) return join(nameless_, draft);
  std::size_t into = families_.size();
  for (std::size_t i = 0; i < families_.size();) {
    const bool shared = share_a_name(draft.keys, families_[i].keys) ||
                        share_a_name(draft.channels, families_[i].channels);
    if (!shared) {
      ++i;
    } else if (into == families_.size()) {
      into = i++;
      join(families_[into], draft);
    } else {
      join(families_[into], families_[i]);
      families_.erase(families_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  if (into >= families_.size()) families_.push_back(std::move(draft));
}

std::vector<EntryDraft> EntryGrouping::entries() const {
  std::vector<EntryDraft> out = families_;
  if (!nameless_.commands.empty()) out.push_back(nameless_);
  if (scanning_.commands.empty()) return out;
  // What lists keys is held to the patterns that may be read; what counts or empties them is for
  // whoever has every key.
  EntryDraft listing = scanning_;
  EntryDraft whole = scanning_;
  for (const command::CommandId id : scanning_.commands) {
    const CommandInfo& info = catalog_.all()[id];
    const bool every = info.name == "dbsize" || info.is(command::kWrite);
    (every ? listing : whole).commands.erase(id);
  }
  if (!whole.commands.empty()) {
    const bool empties = std::any_of(whole.commands.begin(), whole.commands.end(), [&](auto id) {
      return catalog_.all()[id].is(command::kWrite);
    });
    PatternUse& every = whole.keys["*"];
    every.access = empties ? command::kRead | command::kModify : command::kRead;
    every.commands = whole.commands;
    out.push_back(std::move(whole));
  }
  if (listing.commands.empty()) return out;
  for (const EntryDraft& family : families_) {
    for (const auto& [pattern, use] : family.keys) {
      if ((use.access & command::kRead) == 0 && use.access != command::kNone) continue;
      PatternUse& mine = listing.keys[pattern];
      mine.access = command::kRead;
      mine.commands = listing.commands;
      mine.names.add(use.names);
    }
  }
  if (listing.keys.empty()) {
    listing.keys["*"].access = command::kRead;
    listing.keys["*"].commands = listing.commands;
  }
  out.push_back(std::move(listing));
  return out;
}

double excess_of_joining(const EntryDraft& a, const EntryDraft& b) {
  const std::size_t commands =
      a.commands.size() + b.commands.size() - common(a.commands, b.commands);
  std::size_t names = a.keys.size() + b.keys.size() + a.channels.size() + b.channels.size();
  for (const auto& [pattern, use] : a.keys) names -= b.keys.contains(pattern) ? 1 : 0;
  for (const auto& [pattern, use] : a.channels) names -= b.channels.contains(pattern) ? 1 : 0;
  if (commands == 0 || names == 0) return 1;
  const std::size_t cells = commands * names;
  const std::size_t before = std::min(cells, a.cells() + b.cells());
  return static_cast<double>(cells - before) / static_cast<double>(cells);
}

void join(EntryDraft& into, const EntryDraft& from) {
  into.commands.insert(from.commands.begin(), from.commands.end());
  join_names(into.keys, from.keys);
  join_names(into.channels, from.channels);
  into.count += from.count;
  into.last_us = std::max(into.last_us, from.last_us);
  into.examples.insert(into.examples.end(), from.examples.begin(), from.examples.end());
}

namespace {

// Keys with keys, channels with channels; what has neither, or every key, stays alone.
int kind_of(const EntryDraft& entry) {
  if (entry.keys.contains("*") || (entry.keys.empty() && entry.channels.empty())) return 3;
  if (!entry.keys.empty() && !entry.channels.empty()) return 2;
  return entry.keys.empty() ? 1 : 0;
}

// Those with the same commands cost nothing, and there can be many of them.
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

}  // namespace

void join_alike(std::vector<EntryDraft>& entries, double excess) {
  join_equal(entries);
  while (true) {
    double best = excess;
    std::size_t a = 0;
    std::size_t b = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      for (std::size_t j = i + 1; j < entries.size(); ++j) {
        if (kind_of(entries[i]) != kind_of(entries[j]) || kind_of(entries[i]) == 3) continue;
        const double cost = excess_of_joining(entries[i], entries[j]);
        if (cost > best || (cost == best && b != 0)) continue;
        best = cost;
        a = i;
        b = j;
      }
    }
    if (b == 0) return;
    join(entries[a], entries[b]);
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(b));
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
      wider->second.commands.insert(one->second.commands.begin(), one->second.commands.end());
      wider->second.names.add(one->second.names);
      one = names->erase(one);
    }
  }
}

}  // namespace keyward::review
