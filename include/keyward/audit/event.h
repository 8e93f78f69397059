// What happened, as plain values. Views in it must live until Journal::append returns.
#pragma once

#include "keyward/base/clock.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

// The part of an event that stays the same for a session, which owns it; events point at it.
struct Subject {
  std::string principal;  // id; empty = not logged in
  std::string issuer_alias, issuer, subject, label;
  std::vector<std::string> groups;
  std::string token_digest, token_id;
  std::string auth_protocol;  // "OpenID", "OAUTH 2.0" or another name
  std::string source_ip;
  std::uint16_t source_port = 0;
  std::string tls_version, tls_cipher;
  std::string client_name, client_library;  // as the client says: untrusted
  std::string listener;
  std::uint64_t connection_id = 0;
  std::string session_id;
  WallTime session_started{}, session_expires{};
  std::string lease_user;  // the Redis ACL user the commands run as
  std::string policy_version;

  // JSON made of the fields above by prepare(), so that records of a session only copy it. Not for
  // others to write.
  struct Prepared {
    std::string fields, actor, source;
    std::uint64_t fingerprint = 0;  // of the fields that change in a session; 0 = not prepared
  };
  Prepared prepared;
};

// Renders the constant JSON parts of the session's records. Call it after filling the fields and
// again after changing any; a record of a subject whose identity, lease, policy or client name
// changed since is rendered afresh, only slower.
void prepare(Subject& subject);

// With their OCSF class.
enum class Kind : std::uint8_t {
  login,  // 3002 Authentication
  login_refused,
  session_end,
  command,       // 6005 Datastore Activity: forwarded, with its outcome
  denial,        // 6005, action denied
  lease_create,  // 3001 Account Change
  lease_delete,
  policy_loaded,  // 3004 Entity Management
  start,          // 6002 Application Lifecycle, as the rest
  stop,
  gap,
  drift,
};

enum class Outcome : std::uint8_t { ok, error, denied, unknown, not_executed };

struct Event {
  Kind kind = Kind::command;
  Outcome outcome = Outcome::ok;
  const Subject* subject = nullptr;  // null for events of the process itself
  // command, denial, drift
  std::string_view command;  // "set", "config|set"
  std::span<const std::string_view> keys;
  std::span<const std::string_view> channels;
  std::span<const std::string_view> args;  // the whole request; only keys and channels are shown
  bool reads = false, writes = false;
  std::uint32_t db = 0;
  std::uint64_t command_number = 0;  // per session
  std::uint64_t multi_id = 0;        // ties the members of a transaction; 0 = none
  std::string_view request_id;       // what a refusal showed to the client
  std::string_view error_class;      // "NOPERM", "WRONGTYPE" ...
  bool has_affected = false;
  std::int64_t affected = 0;     // integer reply
  std::int64_t latency_us = -1;  // sent upstream -> answered
  std::string_view node;         // upstream address
  // decision
  std::string_view grant, rule;  // "airflow-worker", "policies/airflow.yaml:12"
  // Why it happened, and what else is to be said; for policy_loaded the version, for lease_create
  // and lease_delete the Redis user if the subject has none. Never a value or a secret.
  std::string_view reason, detail;
};

}  // namespace keyward::audit
