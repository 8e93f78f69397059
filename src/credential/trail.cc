#include "credential/trail.h"

#include <spdlog/fmt/chrono.h>

namespace keyward::credential {
namespace {

using audit::Kind;
using identity::Principal;
using identity::Vended;

std::string life_text(const Record& record) {
  const auto text = [](WallTime time) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(
                           std::chrono::floor<std::chrono::seconds>(time))));
  };
  const bool direct = record.principal.vended.mode == Vended::Mode::direct;
  std::string out =
      std::string(direct ? "direct" : "proxy") + ", until " + text(record.principal.expires_at);
  if (direct) out += ", at most until " + text(record.last);
  return out;
}

// Views into what the caller of it keeps.
audit::Subject subject_of(const Principal& who, const Caller* caller) {
  audit::Subject out;
  out.principal = who.id;
  out.issuer_alias = who.issuer_alias;
  out.issuer = who.issuer;
  out.subject = who.subject;
  out.label = who.label;
  out.groups = who.groups;
  out.grants = who.vended.grants;
  out.token_digest = who.evidence;
  out.token_id = who.token_id;
  out.auth_protocol = who.auth_protocol;
  if (caller == nullptr) return out;
  out.source_ip = caller->source;
  out.source_port = caller->port;
  out.tls_version = caller->tls_version;
  out.tls_cipher = caller->tls_cipher;
  out.listener = "admin";
  return out;
}

}  // namespace

bool Trail::append(Kind kind, const Record& record, const Caller* caller, std::string_view version,
                   std::string_view reason, std::string_view detail) {
  audit::Subject subject = subject_of(record.principal, caller);
  subject.lease_user = record.principal.vended.user;
  subject.policy_version = version;
  std::string grants;
  for (const std::string& name : record.principal.vended.grants)
    grants += (grants.empty() ? "" : ",") + name;
  audit::Event event;
  event.kind = kind;
  event.subject = &subject;
  event.grant = grants;
  event.reason = reason;
  event.detail = detail;
  journal_.append(event);
  (void)journal_.flush();
  return journal_.healthy();
}

bool Trail::issued(const Record& record, const Caller& caller, std::string_view version,
                   std::string_view limited_by) {
  return append(Kind::credential_issue, record, &caller, version, "a token was exchanged",
                life_text(record) + ", limited by " + std::string(limited_by));
}

bool Trail::renewed(const Record& record, const Caller& caller, std::string_view version) {
  return append(Kind::credential_renew, record, &caller, version, "asked for with a token",
                life_text(record));
}

void Trail::ended(const Record& record, std::string_view reason) {
  (void)append(Kind::credential_end, record, nullptr, {}, reason, {});
}

void Trail::refused(const Caller& caller, const identity::Refusal& why, const Principal* principal,
                    std::string_view request_id) {
  audit::Subject attempt;
  if (principal != nullptr) attempt = subject_of(*principal, nullptr);
  const audit::Subject place = subject_of(Principal{}, &caller);
  attempt.source_ip = place.source_ip;
  attempt.source_port = place.source_port;
  attempt.tls_version = place.tls_version;
  attempt.tls_cipher = place.tls_cipher;
  attempt.listener = place.listener;
  if (attempt.issuer_alias.empty()) attempt.issuer_alias = why.issuer_alias;
  if (attempt.token_digest.empty()) attempt.token_digest = why.evidence;
  audit::Event event;
  event.kind = Kind::login_refused;
  event.outcome = audit::Outcome::denied;
  event.subject = &attempt;
  event.request_id = request_id;
  event.reason = why.reason;
  const std::string detail = "/v1/credentials: " + why.detail;
  event.detail = detail;
  journal_.append(event);
  (void)journal_.flush();
}

}  // namespace keyward::credential
