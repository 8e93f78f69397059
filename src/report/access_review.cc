#include "keyward/report/access_review.h"

#include "keyward/base/hash.h"
#include "keyward/base/latin1.h"
#include "keyward/base/text.h"
#include "keyward/policy/glob.h"
#include "keyward/report/policy_view.h"
#include "keyward/report/visible.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

namespace keyward::report {
namespace {

constexpr std::size_t kMostPeople = 1000;

std::string span_text(std::chrono::seconds life) {
  return shown(duration_cell(std::chrono::duration_cast<std::chrono::microseconds>(life).count()));
}

std::string limits_of(const policy::GrantInfo& info, const policy::Grants& grants) {
  std::vector<std::string> out;
  const auto session = grants.limits().session;
  if (grants.break_glass()) out.emplace_back("break-glass: only with a reason");
  if (session.count() > 0) out.push_back("a session lasts " + span_text(session) + " at most");
  if (info.credentials.proxy.count() > 0)
    out.push_back("credentials last " + span_text(info.credentials.proxy));
  if (info.credentials.direct.count() > 0)
    out.push_back("direct credentials last " + span_text(info.credentials.direct));
  return out.empty() ? "as long as the policy says so; a session as long as its token"
                     : joined(out, "; ");
}

// As the worksheet has them, so that what was read from one compares with what was just made.
std::vector<std::string> names(const std::vector<std::string>& patterns) {
  std::vector<std::string> out;
  out.reserve(patterns.size());
  for (const std::string& pattern : patterns) out.push_back(visible(latin1_to_utf8(pattern)));
  return out;
}

Right right_of(const review::RuleReach& reach) {
  return {reach.commands,     names(reach.read_write), names(reach.read),
          names(reach.write), names(reach.channels),   reach.databases};
}

// As far as a record tells: claims do not stand in it and are taken for given.
bool fits(const policy::Who& who, const review::Actor& actor) {
  if (who.issuer != actor.issuer) return false;
  if (!who.subject.empty() && !policy::glob_match(who.subject, actor.subject)) return false;
  if (who.groups.empty()) return true;
  return std::any_of(who.groups.begin(), who.groups.end(), [&](const std::string& group) {
    return std::find(actor.groups.begin(), actor.groups.end(), group) != actor.groups.end();
  });
}

}  // namespace

Reviewer::Reviewer(std::shared_ptr<const policy::Snapshot> snapshot)
    : snapshot_(std::move(snapshot)), usage_(snapshot_, "", std::nullopt) {
  review_.policy_version = snapshot_->version();
  review_.policy_commit = snapshot_->commit();
  for (const policy::GrantInfo& info : snapshot_->grants()) {
    const auto grants = snapshot_->grants_as_written(info.name);
    if (!grants) continue;
    if ((*grants)->break_glass()) break_glass_.insert(info.name);
    std::vector<std::string> reach;
    for (const review::RuleReach& one : review::what_is_reached(**grants, snapshot_->catalog())) {
      reach.push_back(one.rule + ": " + words(one) + (one.observes ? " (observed only)" : ""));
      if (!one.observes) review_.rights[info.name].push_back(right_of(one));
    }
    for (const policy::Who& who : info.who) {
      ReviewRow& row = review_.rows.emplace_back();
      row.grant = info.name;
      row.team = info.team;
      row.who = review::who_text(who);
      row.id = short_hash(row.grant + "\n" + row.who, 12);
      row.rule = info.file + ":" + std::to_string(info.line);
      row.reach = reach;
      row.limits = limits_of(info, **grants);
      who_.push_back(&who);
    }
  }
  seen_.resize(review_.rows.size());
}

void Reviewer::add(const review::Record& record) {
  review_.with_trail = true;
  std::string grant;
  if (const policy::RuleRef* rule = usage_.add(record)) {
    grant = rule->grant;
  } else if (record.accepted() && break_glass_.contains(record.grant)) {
    // Nobody has these rights for good, so no judgement by the folder finds them: the record does.
    grant = record.grant;
  }
  if (grant.empty()) return;
  const auto [found, fresh] = known_.try_emplace({record.actor, grant});
  if (fresh) {
    for (std::size_t i = 0; i < who_.size(); ++i) {
      if (review_.rows[i].grant == grant && fits(*who_[i], *record.actor))
        found->second.push_back(i);
    }
  }
  for (const std::size_t row : found->second) {
    seen_[row].uses.at(record.time_us);
    if (seen_[row].people.size() < kMostPeople) seen_[row].people.insert(record.actor->principal);
  }
}

Review Reviewer::finish() {
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    ReviewRow& row = review_.rows[i];
    row.used = seen_[i].uses;
    row.principals = seen_[i].people.size();
    for (const std::string& principal : seen_[i].people) {
      if (row.used_by.size() < ReviewRow::kMostNamed) row.used_by.push_back(principal);
    }
  }
  std::stable_sort(review_.rows.begin(), review_.rows.end(),
                   [](const ReviewRow& a, const ReviewRow& b) {
                     return std::tie(a.grant, a.who) < std::tie(b.grant, b.who);
                   });
  return std::move(review_);
}

void check_finished(const std::string& file, const Review& review, Diagnostics& diagnostics) {
  if (review.rows.empty()) diagnostics.error(file, 0, 0, "there is no row to sign");
  for (const ReviewRow& row : review.rows) {
    const std::string of = "row " + row.id + " (" + row.grant + " for " + row.who + ")";
    if (row.decision.empty()) {
      diagnostics.error(file, row.line, 1, of + " has no decision", "decision: keep");
    } else if (row.decision != "keep" && row.decision != "remove" && row.decision != "change") {
      diagnostics.error(file, row.line, 1, of + " is decided by none of keep, remove, change",
                        "decision: keep");
    } else if (row.decision == "change" && row.comment.empty()) {
      diagnostics.error(file, row.line, 1, of + " does not say what to change",
                        "comment: \"only reads\"");
    }
  }
}

}  // namespace keyward::report
