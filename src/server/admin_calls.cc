// Calls of the admin API in the audit trail.
#include "server/state.h"

namespace keyward::server {
namespace {

audit::Subject subject_of(const credential::Caller& caller) {
  audit::Subject subject;
  if (caller.source != "unknown") subject.source_ip = caller.source;
  subject.source_port = caller.port;
  subject.tls_version = caller.tls_version;
  subject.tls_cipher = caller.tls_cipher;
  subject.listener = "admin";
  return subject;
}

audit::Outcome outcome_of(unsigned status) {
  if (status < 400) return audit::Outcome::ok;
  return status == 401 || status == 403 || status == 429 ? audit::Outcome::denied
                                                         : audit::Outcome::error;
}

}  // namespace

// Of calls that are not let in, the first of a kind are recorded one by one and the rest counted.
bool Server::State::record_call(const admin::ApiCall& call) {
  const std::string status = std::to_string(call.status);
  const std::string_view verb(call.operation.data(), call.operation.find(' '));
  const audit::Outcome outcome = outcome_of(call.status);
  const bool one_by_one =
      outcome != audit::Outcome::denied ||
      refused_calls.recorded({.reason = status, .grant = verb, .file = call.caller.source},
                             call.status, clock.mono(), clock.wall());
  if (!one_by_one) return journal->healthy();
  const audit::Subject subject = subject_of(call.caller);
  audit::Event event;
  event.kind = audit::Kind::admin_call;
  event.outcome = outcome;
  event.subject = &subject;
  event.activity = call.activity;
  event.detail = call.operation;
  event.by = call.by;
  event.error_class = status;
  journal->append(event);
  (void)journal->flush();
  return journal->healthy();
}

void Server::State::tell_refused_calls(MonoTime now) {
  refused_calls.take(now, [this](const audit::Repeats::Row& row) {
    audit::Subject subject;
    subject.source_ip = row.file;
    subject.listener = "admin";
    const std::string operation = row.grant + " /v1/...";
    audit::Event event;
    event.kind = audit::Kind::admin_call;
    event.outcome = audit::Outcome::denied;
    event.subject = &subject;
    event.activity = row.grant == "DELETE" ? 4 : row.grant == "POST" ? 1 : 2;
    event.detail = operation;
    event.by = "nobody";
    event.error_class = row.reason;
    event.repeated = row.count;
    event.repeated_since = row.since;
    journal->append(event);
    (void)journal->flush();
  });
}

}  // namespace keyward::server
