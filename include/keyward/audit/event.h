// What happened, as plain values. Views in it must live until Journal::append returns.
#pragma once

#include "keyward/audit/request.h"
#include "keyward/audit/subject.h"
#include "keyward/base/clock.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace keyward::audit {

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
  start,          // 6002 Application Lifecycle, with the next three
  stop,
  gap,
  drift,
  session,  // 3003 Authorize Session: what commands and denials of a session leave out. Written by
            // the journal itself
  break_glass,  // 3003: grants for emergencies are in force, and no longer
  break_glass_end,
  segment,     // 6002: the stream goes on here after a rotation
  checkpoint,  // 6002: the heads of all streams, signed
  intent,      // 6005: a command that is about to be sent; its outcome follows
  revocation,  // 3004: access was revoked, and that was taken back
  revocation_lifted,
  credential_issue,  // 3001, with the next two: users and passwords given out for tokens
  credential_renew,
  credential_end,
  script,      // 3004: a script or library was handed over for the first time
  admin_call,  // 6003 API Activity: a call of the admin API
  // 6003, with the next two: what an event started at a target, an event whose publisher is not
  // verified, one that no attempt could start.
  trigger_started,
  trigger_refused,
  trigger_dead,
};

enum class Outcome : std::uint8_t { ok, error, denied, unknown, not_executed };

struct Event {
  Kind kind = Kind::command;
  Outcome outcome = Outcome::ok;
  const Subject* subject = nullptr;      // null for events of the process itself
  const RequestText* request = nullptr;  // command, denial, drift
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
  std::string_view grant, rule;  // "airflow-worker", "policies/airflow.yaml"
  int rule_line = -1;            // of the rule in that file; -1 = none
  // Forwarded because the grant only observes: the reason that would have refused it, and the rule
  // that came nearest to allowing it.
  std::string_view would_deny, nearest_grant, nearest_rule;
  int nearest_line = -1;
  // Of a command: the triggers that it was attested for; the first 16 are shown.
  std::span<const std::string_view> attested;
  // Why it happened, and what else is to be said; for policy_loaded the version, for lease_create
  // and lease_delete the Redis user if the subject has none. Never a value or a secret.
  std::string_view reason, detail;
  // Of a refusal that stands for several: how many, none of which has a record of its own, and
  // since when.
  std::uint64_t repeated = 0;
  WallTime repeated_since{};
  std::uint8_t activity = 0;  // of an admin_call: 1 create, 2 read, 3 update, 4 delete
  // Of a revocation: its id and who asked for it; the latter also of an admin_call, and who caused
  // the event of a trigger.
  std::string_view revocation, by;
  std::string_view script;  // its SHA-1
};

}  // namespace keyward::audit
