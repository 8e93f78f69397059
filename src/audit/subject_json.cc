#include "audit/subject_json.h"

#include "keyward/audit/json_text.h"

#include "keyward/audit/name_hash.h"

#include <algorithm>

namespace keyward::audit {
namespace {

char* put_string(char* at, std::string_view value) {
  at = escape(put(at, '"'), cut(value, kTextLimit)).end;
  return put(at, '"');
}

char* put_groups(char* at, std::span<const std::string> groups) {
  at = put(at, ",\"groups\":[");
  for (std::size_t index = 0; index < std::min(groups.size(), kGroupsListed); ++index) {
    at = put(at, index == 0 ? std::string_view("{\"name\":") : ",{\"name\":");
    at = put(put_string(at, groups[index]), '}');
  }
  return put(at, ']');
}

}  // namespace

std::uint64_t microseconds(WallTime time) {
  const auto count = time.time_since_epoch().count();
  return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

std::uint64_t milliseconds(WallTime time) { return microseconds(time) / 1000; }

std::string_view name_of(const Subject& subject) {
  if (!subject.label.empty()) return subject.label;
  if (!subject.subject.empty()) return subject.subject;
  return subject.principal.empty() ? std::string_view("(not logged in)") : subject.principal;
}

char* put_subject_fields(char* at, const Subject& subject) {
  at = put_text(at, "principal", subject.principal);
  at = put_text(at, "token_digest", subject.token_digest);
  if (subject.connection_id != 0) at = put_number(at, "connection_id", subject.connection_id);
  at = put_text(at, "listener", subject.listener);
  at = put_text(at, "lease_user", subject.lease_user);
  at = put_text(at, "policy_version", subject.policy_version);
  at = put_text(at, "tls_version", subject.tls_version);
  at = put_text(at, "tls_cipher", subject.tls_cipher);
  if (subject.name_hash != nullptr)
    at = put_number(at, "names_key", std::uint64_t{subject.name_hash->version()});
  at = put_text(at, "client_name", subject.client_name);
  at = put_text(at, "client_library", subject.client_library);
  if (subject.groups.size() > kGroupsListed)
    at = put_number(at, "group_count", subject.groups.size());
  if (subject.grants.size() > kGrantsListed)
    at = put_number(at, "grant_count", subject.grants.size());
  return at;
}

char* put_user(char* at, const Subject& subject) {
  at = put_string(put(at, "\"user\":{\"name\":"), name_of(subject));
  at = put_text(at, "uid", subject.principal);
  if (!subject.label.empty()) at = put_text(at, "uid_alt", subject.subject);
  if (!subject.groups.empty()) at = put_groups(at, subject.groups);
  return put(at, '}');
}

char* put_session(char* at, const Subject& subject) {
  if (subject.session_id.empty()) return at;
  at = put_string(put(at, ",\"session\":{\"uid\":"), subject.session_id);
  if (subject.session_started != WallTime{})
    at = put_number(at, "created_time", milliseconds(subject.session_started));
  if (subject.session_expires != WallTime{})
    at = put_number(at, "expiration_time", milliseconds(subject.session_expires));
  at = put_text(at, "credential_uid", subject.token_id);
  return put(at, '}');
}

char* put_actor(char* at, const Subject& subject) {
  return put_issuer(put_session(put_user(at, subject), subject), subject);
}

char* put_issuer(char* at, const Subject& subject) {
  if (subject.issuer.empty() && subject.issuer_alias.empty()) return at;
  at = put_string(put(at, ",\"idp\":{\"name\":"),
                  subject.issuer_alias.empty() ? subject.issuer : subject.issuer_alias);
  return put(put_text(at, "uid", subject.issuer), '}');
}

char* put_source(char* at, const Subject& subject) {
  at = put(at, ",\"src_endpoint\":{");
  if (subject.source_ip.empty()) return put(at, "\"name\":\"local\"}");
  at = put(put(at, "\"port\":"), std::uint64_t{subject.source_port});
  return put(put_text(at, "ip", subject.source_ip), '}');
}

char* put_privileges(char* at, const Subject& subject) {
  at = put(at, ",\"privileges\":[");
  for (std::size_t index = 0; index < std::min(subject.grants.size(), kGrantsListed); ++index) {
    if (index > 0) at = put(at, ',');
    at = put_string(at, subject.grants[index]);
  }
  return put(at, ']');
}

}  // namespace keyward::audit
