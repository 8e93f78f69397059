#include "proxy/account.h"

#include "keyward/base/hash.h"
#include "keyward/proxy/shard.h"

#include <algorithm>
#include <utility>

namespace keyward::proxy {

namespace {

std::int64_t microseconds_since(MonoTime start, MonoTime now) {
  return std::chrono::duration_cast<std::chrono::microseconds>(now - start).count();
}

// Why a command at the source of a trigger is no event of it.
constexpr std::string_view kCausedNothing = "caused_nothing";

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
  tell_repeats(MonoTime::max());
  principal_ = login.principal;
  grants_ = login.grants;
  subject_.principal = principal_->id;
  subject_.issuer_alias = principal_->issuer_alias;
  subject_.issuer = principal_->issuer;
  subject_.subject = principal_->subject;
  subject_.label = principal_->label;
  subject_.groups = principal_->groups;
  subject_.token_digest = principal_->evidence;
  const std::string& vended = principal_->vended.user;
  subject_.token_id = vended.empty() ? principal_->token_id : vended;
  subject_.auth_protocol = principal_->auth_protocol;
  subject_.grants = grants_->grant_names();
  subject_.policy_version = grants_->policy_version();
  subject_.lease_user = (*login.lease)->user;
  subject_.session_started = login.since;
  subject_.session_expires = login.ends;
  subject_.durability = grants_->audit().durability_or(shard_.limits().durability);
  subject_.name_hash =
      grants_->audit().hash_names || shard_.limits().hash_names ? shard_.name_hash() : nullptr;
  subject_.changed();
}

Drafts& Account::drafts() {
  shard_.drafts().hash_names(subject_.name_hash);
  return shard_.drafts();
}

void Account::logged_out() {
  audit::Subject nobody;
  nobody.source_ip = std::move(subject_.source_ip);
  nobody.source_port = subject_.source_port;
  nobody.tls_version = std::move(subject_.tls_version);
  nobody.tls_cipher = std::move(subject_.tls_cipher);
  nobody.client_library = std::move(subject_.client_library);
  nobody.listener = std::move(subject_.listener);
  nobody.connection_id = subject_.connection_id;
  nobody.session_id = std::move(subject_.session_id);
  subject_ = std::move(nobody);
  principal_.reset();
  grants_.reset();
}

std::uint64_t Account::login_refused(const LoginRefused& refused) {
  // The failed attempt belongs to the connection, not to whoever is logged in on it.
  audit::Subject attempt = subject_;
  attempt.principal = {};
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

void Account::session_ended(std::string_view reason, std::string_view detail) {
  if (subject_.principal.empty()) return;
  tell_repeats(MonoTime::max());
  audit::Event event;
  event.kind = audit::Kind::session_end;
  event.subject = &subject_;
  event.reason = reason;
  event.detail = detail;
  event.command_number = number_;
  shard_.journal().append(event);
}

std::uint64_t Account::glass_broken(const Login& login, std::string_view reason,
                                    std::string_view grants, std::string_view life) {
  renewed(login);
  audit::Event event;
  event.kind = audit::Kind::break_glass;
  event.subject = &subject_;
  event.command_number = number_;
  event.grant = grants;
  event.reason = reason;
  event.detail = life;
  return shard_.journal().append(event);
}

void Account::glass_whole(std::string_view reason) {
  audit::Event event;
  event.kind = audit::Kind::break_glass_end;
  event.subject = &subject_;
  event.command_number = number_;
  event.reason = reason;
  shard_.journal().append(event);
}

std::uint64_t Account::refused(std::string_view name, const command::Command* command,
                               const policy::Denial* denial, std::string_view reason,
                               std::uint32_t db, std::string_view detail) {
  shard_.metrics().denied.add();
  intends_ = false;
  if (repeats_ == nullptr) repeats_ = std::make_unique<audit::Repeats>();
  const policy::RuleRef* nearest = denial != nullptr ? denial->nearest : nullptr;
  if (!repeats_->recorded({.reason = reason,
                           .grant = nearest != nullptr ? nearest->grant : std::string_view(),
                           .file = nearest != nullptr ? nearest->file : std::string_view(),
                           .line = nearest != nullptr ? nearest->line : -1},
                          number_, shard_.clock().mono(), shard_.clock().wall()))
    return 0;
  const std::string id = request_id();
  audit::Event event;
  event.kind = audit::Kind::denial;
  event.outcome = audit::Outcome::denied;
  event.subject = &subject_;
  event.request =
      command == nullptr
          ? &drafts().show(name)
          : &drafts().show(*command, script_facts(*command, shard_.policy().snapshot->catalog()));
  event.request_id = id;
  event.reason = reason;
  event.detail = detail;
  event.db = db;
  event.command_number = number_;
  if (denial != nullptr) {
    event.detail = denial->text;
    if (denial->nearest != nullptr) {
      event.grant = denial->nearest->grant;
      event.rule = denial->nearest->file;
      event.rule_line = denial->nearest->line;
    }
  }
  // What it says may quote a name.
  if (subject_.name_hash != nullptr) event.detail = {};
  return shard_.journal().append(event);
}

void Account::tell_repeats(MonoTime now) {
  const auto take = [&](audit::Repeats* repeats, audit::Kind kind) {
    if (repeats == nullptr) return;
    repeats->take(now, [&](const audit::Repeats::Row& row) { tell(row, kind); });
  };
  take(repeats_.get(), audit::Kind::denial);
  take(uncaused_.get(), audit::Kind::trigger_refused);
}

void Account::tell(const audit::Repeats::Row& row, audit::Kind kind) {
  const std::string first = subject_.session_id + "-" + std::to_string(row.first);
  const std::string last = subject_.session_id + "-" + std::to_string(row.last);
  const std::string detail = "refusals like the ones before, from request " + first + " to " + last;
  audit::Event event;
  event.kind = kind;
  event.outcome = audit::Outcome::denied;
  event.subject = &subject_;
  if (kind == audit::Kind::trigger_refused) {
    event.by = subject_.principal;
    event.error_class = row.reason;
  }
  event.request_id = last;
  event.reason = row.reason;
  event.detail = detail;
  event.command_number = row.last;
  event.grant = row.grant;
  event.rule = row.file;
  event.rule_line = row.line;
  event.repeated = row.count;
  event.repeated_since = row.since;
  shard_.journal().append(event);
}

Draft* Account::begin(const command::Command& command, const policy::Permit& permit,
                      Recording recording, std::uint32_t db, std::span<const std::size_t> lengths) {
  const auto& objection = permit.would_deny();
  intends_ = false;
  const bool read = recording == Recording::everything ||
                    (recording == Recording::keyed && !command.keys.empty());
  if (!command.mutates && !read && !objection) return nullptr;
  if (shard_.limits().measure_without_audit) return nullptr;
  const ScriptFacts script = script_facts(command, shard_.policy().snapshot->catalog());
  if (!script.text.empty()) introduce(command, permit, script, db);
  Draft* draft = drafts().make(command, permit.rule(), lengths, script);
  if (objection) {
    draft->nearest = objection->nearest;
    object(draft, objection->reason);
  }
  draft->db = db;
  draft->number = number_;
  draft->sent = shard_.clock().mono();
  draft->next = nullptr;
  if (command.mutates) shard_.metrics().state_changing.add();
  return draft;
}

// Who brought it: what EVALSHA and FCALL name later is resolved by this record.
void Account::introduce(const command::Command& command, const policy::Permit& permit,
                        const ScriptFacts& script, std::uint32_t db) {
  const ScriptBook::Seen seen = shard_.scripts().see(script.sha1, script.text);
  if (!seen.first) return;
  const std::string what =
      (script.library.empty() ? std::string("script") : "library " + std::string(script.library)) +
      " of " + std::to_string(script.text.size()) + " bytes" + (seen.kept ? ", text kept" : "");
  audit::Event event;
  event.kind = audit::Kind::script;
  event.subject = &subject_;
  event.request = &drafts().introduction(command, script);
  event.script = script.sha1;
  event.detail = what;
  event.db = db;
  event.command_number = number_;
  event.grant = permit.rule().grant;
  event.rule = permit.rule().file;
  event.rule_line = permit.rule().line;
  shard_.journal().append(event);
}

void Account::object(Draft* draft, policy::DenialReason reason) {
  shard_.metrics().would_deny[static_cast<std::size_t>(reason)].add();
  if (draft != nullptr) draft->would_deny = policy::name(reason);
}

std::uint64_t Account::intends(const command::Command& command, const policy::Permit& permit,
                               std::uint32_t db) {
  audit::Event event;
  event.kind = audit::Kind::intent;
  event.subject = &subject_;
  intended_ = drafts().show(command, script_facts(command, shard_.policy().snapshot->catalog()));
  intended_db_ = db;
  intends_ = true;
  event.request = &intended_;
  event.db = db;
  event.command_number = number_;
  event.grant = permit.rule().grant;
  event.rule = permit.rule().file;
  event.rule_line = permit.rule().line;
  return shard_.journal().append(event);
}

void Account::subscribed(const command::Command& command, const policy::Permit& permit,
                         Recording recording, std::uint32_t db) {
  if (!permit.would_deny() && recording != Recording::everything) return;
  Draft* draft = begin(command, permit, Recording::everything, db);
  if (draft == nullptr) return;
  record(*draft, audit::Outcome::ok, nullptr, "", "sent; recorded before it was confirmed");
  shard_.drafts().release(draft);
}

std::uint64_t Account::record(const Draft& draft, audit::Outcome outcome,
                              const resp::FrameHead* head, std::string_view node,
                              std::string_view detail) {
  audit::Event event;
  event.kind = audit::Kind::command;
  event.outcome = outcome;
  event.subject = &subject_;
  event.request = &draft.request;
  event.db = draft.db;
  event.command_number = draft.number;
  event.multi_id = draft.multi_id;
  event.latency_us = microseconds_since(draft.sent, shard_.clock().mono());
  event.node = node;
  event.grant = draft.rule->grant;
  event.rule = draft.rule->file;
  event.rule_line = draft.rule->line;
  event.detail = detail;
  event.would_deny = draft.would_deny;
  if (draft.nearest != nullptr) {
    event.nearest_grant = draft.nearest->grant;
    event.nearest_rule = draft.nearest->file;
    event.nearest_line = draft.nearest->line;
  }
  if (head != nullptr) {
    if (head->is_error()) event.error_class = head->first_word();
    if (head->type == ':') {
      event.has_affected = true;
      event.affected = head->number;
    }
  }
  const bool ran = outcome == audit::Outcome::ok || outcome == audit::Outcome::unknown;
  if (ran) event.attested = draft.attested;
  if (outcome == audit::Outcome::unknown) shard_.metrics().outcome_unknown.add();
  std::uint64_t ticket = shard_.journal().append(event);
  if (ran && !draft.refused.empty()) ticket = std::max(ticket, caused_nothing(draft));
  // What a script may touch is Redis's to say, and its NOPERM no surprise.
  if (head == nullptr || draft.script || !is_drift(*head)) return ticket;
  return std::max(ticket, drift(event));
}

// It ran, at the source of triggers that none of the grants permitting it may cause: one record for
// each of those.
std::uint64_t Account::caused_nothing(const Draft& draft) {
  if (uncaused_ == nullptr) uncaused_ = std::make_unique<audit::Repeats>();
  std::uint64_t ticket = 0;
  for (const policy::Cause* cause : draft.refused) {
    if (!uncaused_->recorded({.reason = kCausedNothing,
                              .grant = draft.rule->grant,
                              .file = cause->file,
                              .line = cause->line},
                             draft.number, shard_.clock().mono(), shard_.clock().wall()))
      continue;
    audit::Event event;
    event.kind = audit::Kind::trigger_refused;
    event.outcome = audit::Outcome::denied;
    event.subject = &subject_;
    event.by = subject_.principal;
    event.request = &draft.request;
    event.command_number = draft.number;
    event.multi_id = draft.multi_id;
    event.grant = draft.rule->grant;
    event.rule = cause->file;
    event.rule_line = cause->line;
    event.reason = event.error_class = kCausedNothing;
    event.detail = subject_.name_hash != nullptr ? cause->rule : cause->what;
    ticket = std::max(ticket, shard_.journal().append(event));
  }
  return ticket;
}

std::uint64_t Account::drift(audit::Event& event) {
  shard_.metrics().drift.add();
  event.kind = audit::Kind::drift;
  event.outcome = audit::Outcome::error;
  event.subject = &subject_;
  event.reason = "Redis refused what the policy allowed";
  return shard_.journal().append(event);
}

void Account::mending(const Draft* draft, const resp::FrameHead& head, std::string_view node) {
  audit::Event event;
  if (draft != nullptr) {
    event.request = &draft->request;
    event.db = draft->db;
    event.command_number = draft->number;
  }
  event.error_class = head.first_word();
  event.node = node;
  event.detail = "not executed; its Redis user is made again and it is sent once more";
  drift(event);
}

std::uint64_t Account::answered(const resp::FrameHead& head, std::string_view node) {
  if (!is_drift(head)) return 0;
  audit::Event event;
  event.error_class = head.first_word();
  event.node = node;
  event.detail = "a command that is not recorded by itself";
  return drift(event);
}

void Account::withheld(std::uint32_t db) {
  shard_.metrics().drift.add();
  audit::Event event;
  event.kind = audit::Kind::drift;
  event.outcome = audit::Outcome::error;
  event.subject = &subject_;
  event.reason = "Redis answered in a form that this command is not known to have";
  event.detail = "the answer was withheld";
  event.db = db;
  event.command_number = number_;
  shard_.journal().append(event);
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

std::uint64_t Account::not_executed(const Draft& first, std::string_view why) {
  std::uint64_t ticket = 0;
  for (const Draft* draft = &first; draft != nullptr; draft = draft->next)
    ticket = std::max(ticket, record(*draft, audit::Outcome::not_executed, nullptr, "", why));
  return ticket;
}

void Account::settle_intent(std::string_view why) {
  if (!std::exchange(intends_, false)) return;
  audit::Event event;
  event.outcome = audit::Outcome::not_executed;
  event.subject = &subject_;
  event.request = &intended_;
  event.db = intended_db_;
  event.command_number = number_;
  event.detail = why;
  shard_.journal().append(event);
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
