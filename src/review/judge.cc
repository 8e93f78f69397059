#include "keyward/review/judge.h"

#include "keyward/policy/glob.h"

#include <algorithm>

namespace keyward::review {
namespace {

using policy::DenialReason;

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// Everything of a `who` line but its claims.
bool fits_but_claims(const policy::Who& who, const Actor& actor) {
  if (who.issuer != actor.issuer) return false;
  if (!who.subject.empty() && who.subject != actor.subject &&
      (who.subject.find('*') == std::string::npos ||
       !policy::glob_match(who.subject, actor.subject)))
    return false;
  return who.groups.empty() ||
         std::any_of(who.groups.begin(), who.groups.end(),
                     [&](const auto& g) { return contains(actor.groups, g); });
}

// Depends on words of the command that no record holds.
bool hidden(DenialReason reason) {
  return reason == DenialReason::argument || reason == DenialReason::ttl ||
         reason == DenialReason::script;
}

}  // namespace

identity::Principal principal_of(const Actor& actor, const policy::Snapshot& snapshot) {
  identity::Principal out;
  out.id = actor.principal;
  out.issuer_alias = actor.issuer;
  out.subject = actor.subject;
  out.label = actor.name;
  out.groups = actor.groups;
  for (const policy::GrantInfo& grant : snapshot.grants()) {
    if (!contains(actor.grants, grant.name)) continue;
    for (const policy::Who& who : grant.who) {
      if (!fits_but_claims(who, actor)) continue;
      for (const auto& [path, value] : who.claims) {
        if (!out.claims.contains(path)) out.claims[path] = value;
      }
    }
  }
  return out;
}

Judge::Judge(std::shared_ptr<const policy::Snapshot> snapshot)
    : snapshot_(std::move(snapshot)), rebuilder_(snapshot_->catalog()) {}

const Judge::Known& Judge::look_up(const Actor& actor) {
  const auto found = known_.find(&actor);
  if (found != known_.end()) return found->second;
  Known known;
  auto grants = snapshot_->grants_for(principal_of(actor, *snapshot_));
  if (!grants) {
    known.problem = "the identity's claims are not in the trail: " + grants.error().message();
  } else {
    known.grants = std::move(*grants);
    if (known.grants == nullptr && actor.some_groups)
      known.problem = "the trail lists only some of the identity's groups";
  }
  return known_.emplace(&actor, std::move(known)).first->second;
}

const policy::Grants* Judge::grants_of(const Actor& actor) { return look_up(actor).grants.get(); }

Verdict Judge::judge(const Record& record) {
  Verdict out;
  command_ = rebuilder_.rebuild(record);
  if (command_ == nullptr) {
    out.why = rebuilder_.problem();
    return out;
  }
  out.never = command_->info->exposure == command::Exposure::never;
  const Known& known = look_up(*record.actor);
  if (!known.problem.empty()) {
    out.why = known.problem;
    return out;
  }
  if (known.grants == nullptr) {
    out.kind = Verdict::Kind::deny;
    out.why = "no grant matches this identity";
    return out;
  }
  const policy::Facts facts{.db = record.db, .streamed = rebuilder_.longest_argument()};
  const policy::Decision decision = known.grants->decide(*command_, facts);
  if (const auto* permit = std::get_if<policy::Permit>(&decision)) {
    out.rule = &permit->rule();
    out.kind = permit->would_deny() ? Verdict::Kind::observe : Verdict::Kind::allow;
    if (permit->would_deny()) {
      out.denial = permit->would_deny()->reason;
      out.rule = permit->would_deny()->nearest;
    }
    return out;
  }
  const auto& denial = std::get<policy::Denial>(decision);
  out.denial = denial.reason;
  out.rule = denial.nearest;
  // Whom to ask is for the person who was refused.
  out.why = denial.text.substr(0, denial.text.find("; ask "));
  out.kind = Verdict::Kind::deny;
  if (hidden(denial.reason)) {
    out.kind = Verdict::Kind::unknown;
    out.why = "it depends on arguments that the trail does not hold (" +
              std::string(policy::name(denial.reason)) + ")";
  } else if (record.partial() && denial.reason == DenialReason::key) {
    out.kind = Verdict::Kind::unknown;
    out.why = "the trail holds only part of its names";
  }
  return out;
}

}  // namespace keyward::review
