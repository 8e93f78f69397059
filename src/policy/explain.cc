#include "keyward/policy/explain.h"

#include "keyward/policy/ttl_guard.h"

#include <variant>
#include <vector>

namespace keyward::policy {
namespace {

using Verdict = Explanation::Verdict;

Explanation with_rule(Verdict verdict, const RuleRef* rule, std::string reason) {
  Explanation out;
  out.verdict = verdict;
  out.reason = std::move(reason);
  if (rule == nullptr) return out;
  out.rule = rule->grant;
  out.file = rule->file;
  out.line = rule->line;
  return out;
}

// What allows it, and what will be done to it.
std::string allowed_text(const Permit& permit, const command::Command& command) {
  if (permit.rule().line == 0) return "every session may run it";
  std::string out = "granted by '" + permit.rule().grant + "'";
  if (const auto& objection = permit.would_deny()) {
    out += ", which only observes; it would be refused: " + std::string(name(objection->reason));
    if (objection->nearest != nullptr) out += " (rule " + objection->nearest->text() + ")";
    return out;
  }
  if (permit.entry() == nullptr) return out;
  const TtlGuard& guard = permit.entry()->ttl;
  const std::string life = std::to_string(guard.life.count());
  switch (ttl_way(guard, command)) {
    case TtlWay::as_is:
      break;
    case TtlWay::in_place:
      return out + ", with PX " + life + " added";
    case TtlWay::block:
      return out + ", with PEXPIRE " + life + " NX behind it in one transaction";
  }
  return out;
}

}  // namespace

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::allow:
      return "allow";
    case Verdict::deny:
      return "deny";
    case Verdict::error:
      break;
  }
  return "error";
}

Explanation explain(const Grants& grants, std::span<const std::string> argv,
                    const command::Catalog& catalog, const Facts& facts) {
  const std::vector<std::string_view> args(argv.begin(), argv.end());
  if (args.empty()) return with_rule(Verdict::error, nullptr, "an empty command");
  command::Command command;
  command::Analysis analysis = command::analyse(catalog, args, command);
  if (analysis.verdict != command::Verdict::ok) {
    return with_rule(Verdict::error, nullptr, std::move(analysis.text));
  }
  const Decision decision = grants.decide(command, facts);
  if (const auto* permit = std::get_if<Permit>(&decision)) {
    return with_rule(Verdict::allow, &permit->rule(), allowed_text(*permit, command));
  }
  const auto& denial = std::get<Denial>(decision);
  return with_rule(Verdict::deny, denial.nearest, denial.text);
}

Explanation explain(const Snapshot& snapshot, const identity::Principal& principal,
                    std::span<const std::string> argv, const Facts& facts) {
  const auto grants = snapshot.grants_for(principal);
  if (!grants) return with_rule(Verdict::deny, nullptr, grants.error().message());
  if (*grants == nullptr)
    return with_rule(Verdict::deny, nullptr, "no grant matches this identity");
  return explain(**grants, argv, snapshot.catalog(), facts);
}

}  // namespace keyward::policy
