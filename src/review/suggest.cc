#include "keyward/review/suggest.h"

#include "review/grant_draft.h"
#include "review/policy_text.h"
#include "review/yaml_text.h"

#include "keyward/review/rebuild.h"

#include <algorithm>

namespace keyward::review {
namespace {

constexpr std::size_t kFewWords = 24;  // at one place, before they count as varying
constexpr std::size_t kMostPatternsOfEntry = 200;
constexpr std::size_t kMostDrafts = 1000;  // of a grant
constexpr double kCheapJoin = 0.25;

std::size_t rules_of(const std::vector<GrantDraft>& grants) {
  std::size_t out = 0;
  for (const GrantDraft& grant : grants) out += grant.entries.size();
  return out;
}

// To be compared two by two.
bool too_many_entries(const std::vector<GrantDraft>& grants) {
  return std::any_of(grants.begin(), grants.end(),
                     [](const GrantDraft& grant) { return grant.entries.size() > kMostDrafts; });
}

bool too_many_patterns(const std::vector<GrantDraft>& grants) {
  return std::any_of(grants.begin(), grants.end(), [](const GrantDraft& grant) {
    return std::any_of(grant.entries.begin(), grant.entries.end(), [](const EntryDraft& entry) {
      return std::max(entry.keys.size(), entry.channels.size()) > kMostPatternsOfEntry;
    });
  });
}

void join_until_few(std::vector<GrantDraft>& grants, std::size_t most) {
  for (double excess = kCheapJoin; excess < 1.05; excess += 0.1) {
    for (GrantDraft& grant : grants) join_alike(grant.entries, excess);
    if (rules_of(grants) <= most) return;
  }
}

}  // namespace

struct Suggester::State {
  std::shared_ptr<const command::Catalog> catalog;
  SuggestOptions options;
  Rebuilder rebuilder;
  Observed observed;
  std::uint64_t skipped = 0, added = 0;

  State(std::shared_ptr<const command::Catalog> with, SuggestOptions chosen)
      : catalog(std::move(with)), options(std::move(chosen)), rebuilder(*catalog) {}

  std::vector<GrantDraft> draft() {
    observed.add_calls(options.calls);
    observed.settle_digits();
    std::vector<GrantDraft> grants;
    for (std::size_t limit = kFewWords;; limit /= 2) {
      observed.fold_shapes(limit);
      grants = draft_grants(observed, *catalog, options.refused_too);
      if (too_many_entries(grants) && limit > 1) continue;
      join_until_few(grants, options.most_rules);
      if (!too_many_patterns(grants) || limit <= 1) break;
    }
    for (GrantDraft& grant : grants) {
      add_what_follows(grant, *catalog);
      for (EntryDraft& entry : grant.entries) drop_contained(entry);
      std::sort(grant.entries.begin(), grant.entries.end(),
                [](const EntryDraft& a, const EntryDraft& b) { return a.count > b.count; });
    }
    return grants;
  }

  void write_head(const TrailCounts& counts, Suggestion& out) const {
    out.yaml += "# Suggested by `keyward policy suggest` from " + grouped(added) +
                " commands of a trail,\n# " + span_of(counts) +
                ".\n# What was not done in that time is not in it. Read every line with `*` before "
                "you use it.\n";
    out.yaml += "apiVersion: keyward/v1\nteam: " + yaml_scalar(options.team) + "\n";
    if (!options.owners.empty()) out.yaml += flow_list("owners: ", options.owners) + "\n";
    out.yaml += "\ngrants:\n";
  }

  void warn(const std::vector<GrantDraft>& grants, Suggestion& out) const {
    bool scripts = false;
    bool called = false;
    bool reads = false;
    for (const GrantDraft& grant : grants) {
      for (const Role* role : grant.roles) called = called || !role->calls.empty();
      for (const EntryDraft& entry : grant.entries) {
        for (const command::CommandId id : entry.commands) {
          const command::CommandInfo& info = catalog->all()[id];
          scripts = scripts || info.kind == command::Kind::script;
          reads = reads || (!info.mutates && !info.key_specs.empty());
        }
      }
    }
    if (scripts && !called) {
      out.warnings.emplace_back(
          "scripts were run, and the trail does not say what they call: Redis refuses what the "
          "file does not grant inside of them, too; name the commands with --calls, or give the "
          "scripts with --script");
    }
    if (!reads && !grants.empty()) {
      out.warnings.emplace_back(
          "the trail holds no command that only reads: it was written without `mode: observe` or "
          "`audit: {reads: true}`, and the file grants no reading");
    }
    if (observed.dropped() > 0) {
      out.warnings.push_back(grouped(observed.dropped()) +
                             " commands found no room in memory and are not covered");
    }
    if (skipped > 0) {
      out.warnings.push_back(grouped(skipped) +
                             " records do not hold enough of their command to grant it");
    }
    if (out.wide > 0) {
      out.warnings.push_back(std::to_string(out.wide) +
                             " patterns have no fixed beginning: they reach into everybody's keys");
    }
  }
};

Suggester::Suggester(std::shared_ptr<const command::Catalog> catalog, SuggestOptions options)
    : state_(std::make_unique<State>(std::move(catalog), std::move(options))) {}
Suggester::Suggester(Suggester&&) noexcept = default;
Suggester::~Suggester() = default;

bool Suggester::about(const Actor& actor) const {
  const SuggestOptions& options = state_->options;
  if (!options.issuer.empty() && actor.issuer != options.issuer) return false;
  if (!options.principal.empty() && actor.principal != options.principal &&
      actor.subject != options.principal)
    return false;
  return options.grant.empty() ||
         std::find(actor.grants.begin(), actor.grants.end(), options.grant) != actor.grants.end();
}

void Suggester::add(const Record& record) {
  State& state = *state_;
  if (!about(*record.actor)) return;
  if (!record.accepted() && !state.options.refused_too) return;
  const command::Command* command = state.rebuilder.rebuild(record);
  if (command == nullptr) {
    ++state.skipped;
    return;
  }
  if (command->info->exposure == command::Exposure::never) return;
  state.observed.add(record, *command);
  ++state.added;
}

Suggestion Suggester::finish(const TrailCounts& counts) {
  State& state = *state_;
  Suggestion out;
  out.commands = state.added;
  out.skipped = state.skipped;
  std::vector<GrantDraft> grants = state.draft();
  state.write_head(counts, out);
  PolicyText text(*state.catalog, out.yaml);
  bool first = true;
  for (const GrantDraft& grant : grants) {
    if (!first) out.yaml += "\n";
    first = false;
    text.grant(grant);
    ++out.grants;
    out.people += grant.people;
    out.rules += grant.entries.size();
    for (const EntryDraft& entry : grant.entries) {
      out.patterns += entry.keys.size() + entry.channels.size();
      for (const auto* names : {&entry.keys, &entry.channels}) {
        out.wide += static_cast<std::size_t>(
            std::count_if(names->begin(), names->end(),
                          [](const auto& one) { return one.first.front() == '*'; }));
      }
    }
  }
  std::string cases;
  PolicyText expectations(*state.catalog, cases);
  for (const GrantDraft& grant : grants) expectations.expectations(grant);
  if (!cases.empty()) out.yaml += "\nexpect:\n" + cases;
  state.warn(grants, out);
  return out;
}

}  // namespace keyward::review
