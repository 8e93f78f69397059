// Who an event is about, for the life of a connection.
#pragma once

#include "keyward/audit/durability.h"
#include "keyward/base/clock.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace keyward::audit {

struct Opening;
class NameHash;

// Owned by a session; its events point at it. The views are into what the owner keeps alive, so
// that an idle session holds no copies. Records of commands and refusals name only the principal,
// the session and the address; the rest stands in the `session` record that the journal writes
// before the first of them.
struct Subject {
  std::string_view principal;  // id; empty = not logged in
  std::string_view issuer_alias, issuer, subject, label;
  std::span<const std::string> groups;
  std::string_view token_digest, token_id;
  std::string_view auth_protocol;       // "OpenID", "OAUTH 2.0" or another name
  std::span<const std::string> grants;  // names
  std::string_view policy_version;
  std::string lease_user;  // the Redis ACL user the commands run as
  std::string source_ip;
  std::uint16_t source_port = 0;
  std::string tls_version, tls_cipher;
  std::string client_name, client_library;  // as the client says: untrusted
  std::string listener;
  std::uint64_t connection_id = 0;
  std::string session_id;
  WallTime session_started{}, session_expires{};
  Durability durability = Durability::written;  // of its records
  // Where names of keys and channels are shown as hashes; owned by the process.
  const NameHash* name_hash = nullptr;

  // To be called after any of the fields changed: what was said of the session no longer holds, and
  // the next record of a command is preceded by a new `session` record.
  void changed() { opening.reset(); }

  // The beginning that records of the session share, made at the first of them; for the journal
  // alone.
  mutable std::shared_ptr<const Opening> opening;
};

}  // namespace keyward::audit
