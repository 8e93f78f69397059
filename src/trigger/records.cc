#include "trigger/records.h"

namespace keyward::trigger {

void Records::append(audit::Kind kind, audit::Outcome outcome, const Rule& rule, EntryId id,
                     const Event* event, std::string_view reason, std::string_view detail) {
  // "orders-1700000000000-0 of shop:orders to step_functions arn:aws:...".
  std::string operation = execution_name(rule.name, id);
  operation.append(" of ").append(event_stream(rule)).append(" to ");
  operation.append(kind_name(rule.target.kind)).append(" ").append(rule.target.resource);
  if (!detail.empty()) operation.append(": ").append(detail);
  audit::Event record;
  record.kind = kind;
  record.outcome = outcome;
  record.activity = 1;
  record.rule = rule.file;
  record.rule_line = rule.line;
  record.reason = reason;
  record.detail = operation;
  record.by = "nobody";  // vouches for it
  if (event != nullptr) {
    record.grant = event->by.grant;
    record.by = event->by.principal;
  }
  if (outcome != audit::Outcome::ok) record.error_class = reason;
  journal_->append(record);
}

void Records::started(const Rule& rule, const Event& event, const Answer& answer) {
  append(audit::Kind::trigger_started, audit::Outcome::ok, rule, event.id, &event,
         answer.already ? std::string_view("already_started") : std::string_view("started"), {});
}

void Records::refused(const Rule& rule, EntryId id, std::string_view reason) {
  append(audit::Kind::trigger_refused, audit::Outcome::denied, rule, id, nullptr, reason, {});
}

void Records::dead(const Rule& rule, EntryId id, const Event* event, std::string_view reason,
                   std::string_view detail) {
  append(audit::Kind::trigger_dead, audit::Outcome::error, rule, id, event, reason, detail);
}

bool Records::flush() {
  (void)journal_->flush();
  return journal_->healthy();
}

}  // namespace keyward::trigger
