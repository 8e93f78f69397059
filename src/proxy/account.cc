#include "proxy/account.h"

#include "keyward/base/hash.h"
#include "keyward/proxy/shard.h"

#include <algorithm>

namespace keyward::proxy {

namespace {

std::int64_t microseconds_since(MonoTime start, MonoTime now) {
  return std::chrono::duration_cast<std::chrono::microseconds>(now - start).count();
}

// Redis refused what the policy allowed: the two fences disagree.
bool is_drift(const resp::FrameHead& head) {
  const std::string_view word = head.first_word();
  return head.is_error() && (word == "NOPERM" || word == "WRONGPASS" || word == "NOAUTH");
}

}  // namespace

Account::Account(Shard& shard, std::uint64_t connection_id) : shard_(shard) {
  subject_.connection_id = connection_id;
  subject_.session_id = hex(random_bytes(6));
}

std::string Account::request_id() const {
  return subject_.session_id + "-" + std::to_string(number_);
}

std::uint64_t Account::logged_in(const Login& login) {
  const identity::Principal& principal = *login.principal;
  subject_.principal = principal.id;
  subject_.issuer_alias = principal.issuer_alias;
  subject_.issuer = principal.issuer;
  subject_.subject = principal.subject;
  subject_.label = principal.label;
  subject_.groups = principal.groups;
  subject_.token_digest = principal.evidence;
  subject_.token_id = principal.token_id;
  subject_.auth_protocol = principal.auth_protocol;
  subject_.session_started = login.since;
  subject_.session_expires = login.ends;
  renewed(login);
  std::string names;
  for (const std::string& name : login.grants->grant_names())
    names += (names.empty() ? "" : ",") + name;
  audit::Event event;
  event.kind = audit::Kind::login;
  event.subject = &subject_;
  event.command_number = number_;
  event.grant = names;
  return shard_.journal().append(event);
}

void Account::renewed(const Login& login) {
  subject_.lease_user = (*login.lease)->user;
  subject_.policy_version = login.grants->policy_version();
  audit::prepare(subject_);
}

std::uint64_t Account::login_refused(const LoginRefused& refused) {
  // The failed attempt belongs to the connection, not to whoever is logged in on it.
  audit::Subject attempt = subject_;
  attempt.principal.clear();
  attempt.issuer_alias = refused.issuer_alias;
  attempt.token_digest = refused.evidence;
  const std::string id = request_id();
  audit::Event event;
  event.kind = audit::Kind::login_refused;
  event.outcome = audit::Outcome::denied;
  event.subject = &attempt;
  event.request_id = id;
  event.reason = refused.reason;
  event.detail = refused.detail;
  event.command_number = number_;
  return shard_.journal().append(event);
}

void Account::session_ended(std::string_view reason) {
  if (subject_.principal.empty()) return;
  audit::Event event;
  event.kind = audit::Kind::session_end;
  event.subject = &subject_;
  event.reason = reason;
  event.command_number = number_;
  shard_.journal().append(event);
}

std::uint64_t Account::refused(std::string_view name, const command::Command* command,
                               const policy::Denial* denial, std::string_view reason,
                               std::uint32_t db) {
  shard_.metrics().denied.add();
  const std::string id = request_id();
  std::string rule;
  audit::Event event;
  event.kind = audit::Kind::denial;
  event.outcome = audit::Outcome::denied;
  event.subject = &subject_;
  event.command = name;
  event.request_id = id;
  event.reason = reason;
  event.db = db;
  event.command_number = number_;
  if (denial != nullptr) {
    event.detail = denial->text;
    if (denial->nearest != nullptr) {
      rule = denial->nearest->text();
      event.grant = denial->nearest->grant;
      event.rule = rule;
    }
  }
  if (command == nullptr) return shard_.journal().append(event);
  static const policy::RuleRef kNoRule;
  Draft* draft = shard_.drafts().make(*command, kNoRule);
  const DraftViews& views = views_of(*draft);
  event.keys = views.keys;
  event.channels = views.channels;
  event.args = views.args;
  event.reads = draft->reads;
  event.writes = draft->writes;
  const std::uint64_t ticket = shard_.journal().append(event);
  shard_.drafts().release(draft);
  return ticket;
}

Draft* Account::begin(const command::Command& command, const policy::Permit& permit, bool reads_too,
                      std::uint32_t db) {
  if (!command.mutates && !(reads_too && !command.keys.empty())) return nullptr;
  Draft* draft = shard_.drafts().make(command, permit.rule());
  draft->db = db;
  draft->number = number_;
  draft->sent = shard_.clock().mono();
  draft->next = nullptr;
  if (command.mutates) {
    draft->writes = true;
    shard_.metrics().state_changing.add();
  }
  return draft;
}

std::uint64_t Account::record(const Draft& draft, audit::Outcome outcome,
                              const resp::FrameHead* head, std::string_view node,
                              std::string_view detail) {
  const DraftViews& views = views_of(draft);
  const std::string rule = draft.rule->text();
  audit::Event event;
  event.kind = audit::Kind::command;
  event.outcome = outcome;
  event.subject = &subject_;
  event.command = draft.info->name;
  event.keys = views.keys;
  event.channels = views.channels;
  event.args = views.args;
  event.reads = draft.reads;
  event.writes = draft.writes;
  event.db = draft.db;
  event.command_number = draft.number;
  event.multi_id = draft.multi_id;
  event.latency_us = microseconds_since(draft.sent, shard_.clock().mono());
  event.node = node;
  event.grant = draft.rule->grant;
  event.rule = rule;
  event.detail = detail;
  if (head != nullptr) {
    if (head->is_error()) event.error_class = head->first_word();
    if (head->type == ':') {
      event.has_affected = true;
      event.affected = head->number;
    }
  }
  if (outcome == audit::Outcome::unknown) shard_.metrics().outcome_unknown.add();
  const std::uint64_t ticket = shard_.journal().append(event);
  if (head == nullptr || !is_drift(*head)) return ticket;
  shard_.metrics().drift.add();
  event.kind = audit::Kind::drift;
  event.reason = "Redis refused what the policy allowed";
  return std::max(ticket, shard_.journal().append(event));
}

std::uint64_t Account::answered(const Draft& draft, const resp::FrameHead& head,
                                std::string_view node) {
  return record(draft, head.is_error() ? audit::Outcome::error : audit::Outcome::ok, &head, node);
}

std::uint64_t Account::executed(const Draft& first, const upstream::ReplyPart& part,
                                std::string_view node) {
  std::uint64_t ticket = 0;
  for (const Draft* draft = &first; draft != nullptr; draft = draft->next) {
    const resp::FrameHead* head = nullptr;
    audit::Outcome outcome = audit::Outcome::ok;
    std::string_view detail;
    if (part.head.is_error() || part.head.is_null()) {
      outcome = audit::Outcome::not_executed;
      detail = part.head.is_error() ? "EXEC was refused" : "a watched key changed";
    } else if (part.children != nullptr && draft->member < part.children->size()) {
      head = &(*part.children)[draft->member];
      if (head->is_error()) outcome = audit::Outcome::error;
    } else {
      detail = "executed; its own answer came later than this record";
    }
    ticket = std::max(ticket, record(*draft, outcome, head, node, detail));
  }
  return ticket;
}

std::uint64_t Account::lost(const Draft& first, bool maybe_executed, std::string_view node) {
  std::uint64_t ticket = 0;
  const audit::Outcome outcome =
      maybe_executed ? audit::Outcome::unknown : audit::Outcome::not_executed;
  for (const Draft* draft = &first; draft != nullptr; draft = draft->next) {
    ticket = std::max(
        ticket, record(*draft, outcome, nullptr, node, "the connection to Redis ended first"));
  }
  return ticket;
}

}  // namespace keyward::proxy
