#include "audit/subject_json.h"

#include "audit/json_text.h"

#include <algorithm>
#include <functional>

namespace keyward::audit {
namespace {

constexpr std::string_view kNobody = "(not logged in)";

void append_groups(std::string& out, const std::vector<std::string>& groups) {
  out.append(",\"groups\":[");
  const std::size_t listed = std::min(groups.size(), kGroupsListed);
  for (std::size_t index = 0; index < listed; ++index) {
    out.append(index == 0 ? "{\"name\":\"" : ",{\"name\":\"");
    append_escaped(out, cut(groups[index], kTextLimit));
    out.append("\"}");
  }
  out.push_back(']');
}

}  // namespace

std::uint64_t microseconds(WallTime time) {
  const auto count = time.time_since_epoch().count();
  return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

std::uint64_t milliseconds(WallTime time) { return microseconds(time) / 1000; }

void append_subject_fields(std::string& out, const Subject& subject) {
  put_text(out, "principal", subject.principal);
  put_text(out, "token_digest", subject.token_digest);
  if (subject.connection_id != 0) put_number(out, "connection_id", subject.connection_id);
  put_text(out, "listener", subject.listener);
  put_text(out, "lease_user", subject.lease_user);
  put_text(out, "policy_version", subject.policy_version);
  put_text(out, "tls_version", subject.tls_version);
  put_text(out, "tls_cipher", subject.tls_cipher);
  put_text(out, "client_name", subject.client_name);
  put_text(out, "client_library", subject.client_library);
  if (subject.groups.size() > kGroupsListed) put_number(out, "group_count", subject.groups.size());
}

void append_user(std::string& out, const Subject& subject) {
  std::string_view name = subject.label.empty() ? subject.subject : subject.label;
  if (name.empty())
    name = subject.principal.empty() ? kNobody : std::string_view(subject.principal);
  out.append("\"user\":{\"name\":\"");
  append_escaped(out, cut(name, kTextLimit));
  out.push_back('"');
  put_text(out, "uid", subject.principal);
  if (!subject.label.empty()) put_text(out, "uid_alt", subject.subject);
  if (!subject.groups.empty()) append_groups(out, subject.groups);
  out.push_back('}');
}

void append_session(std::string& out, const Subject& subject) {
  if (subject.session_id.empty()) return;
  out.append(",\"session\":{\"uid\":\"");
  append_escaped(out, cut(subject.session_id, kTextLimit));
  out.push_back('"');
  if (subject.session_started != WallTime{})
    put_number(out, "created_time", milliseconds(subject.session_started));
  if (subject.session_expires != WallTime{})
    put_number(out, "expiration_time", milliseconds(subject.session_expires));
  put_text(out, "credential_uid", subject.token_id);
  out.push_back('}');
}

void append_actor(std::string& out, const Subject& subject) {
  append_user(out, subject);
  append_session(out, subject);
  if (subject.issuer.empty() && subject.issuer_alias.empty()) return;
  const std::string& name = subject.issuer_alias.empty() ? subject.issuer : subject.issuer_alias;
  out.append(",\"idp\":{\"name\":\"");
  append_escaped(out, cut(name, kTextLimit));
  out.push_back('"');
  put_text(out, "uid", subject.issuer);
  out.push_back('}');
}

void append_source(std::string& out, const Subject& subject) {
  out.append(",\"src_endpoint\":{");
  if (subject.source_ip.empty()) {
    out.append("\"name\":\"local\"}");
    return;
  }
  out.append("\"port\":");
  append_number(out, subject.source_port);
  put_text(out, "ip", subject.source_ip);
  out.push_back('}');
}

std::uint64_t fingerprint(const Subject& subject) {
  std::uint64_t mixed =
      static_cast<std::uint64_t>(subject.session_expires.time_since_epoch().count());
  for (const std::string* field :
       {&subject.principal, &subject.issuer_alias, &subject.token_digest, &subject.lease_user,
        &subject.policy_version, &subject.client_name, &subject.client_library,
        &subject.session_id}) {
    mixed = mixed * 0x9e3779b97f4a7c15U + std::hash<std::string_view>{}(*field);
    mixed ^= mixed >> 29;
  }
  return mixed | 1U;
}

void prepare(Subject& subject) {
  Subject::Prepared& prepared = subject.prepared;
  prepared.fields.clear();
  prepared.actor.clear();
  prepared.source.clear();
  append_subject_fields(prepared.fields, subject);
  append_actor(prepared.actor, subject);
  append_source(prepared.source, subject);
  prepared.fingerprint = fingerprint(subject);
}

}  // namespace keyward::audit
