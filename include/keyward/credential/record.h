// What the fleet keeps of a credential that it gave out: whose it is, for which grants, until when.
// Never the password.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/hash.h"
#include "keyward/identity/principal.h"

#include <optional>
#include <string>
#include <string_view>

namespace keyward::credential {

struct Record {
  // Of the token, with `vended` set; `expires_at` is when the credential ends. All of the token's
  // claims, so that a login by it is judged by a new policy as a live session of the token would
  // be.
  identity::Principal principal;
  Digest password{};  // SHA-256
  WallTime issued{};
  WallTime last{};        // no renewal leads beyond it
  std::string rights_id;  // direct: what its Redis user may do
  std::string instance;   // that gave it out
};

// The kinds of records in fleet::Store, and the name of the one of a user.
inline constexpr std::string_view kProxyRecords = "credential/", kDirectRecords = "direct/";
[[nodiscard]] std::string record_name(std::string_view user);
[[nodiscard]] std::string write_record(const Record& record);
// Nothing: not written by write_record(). A record was sealed, so this is about versions of
// Keyward, not about strangers.
[[nodiscard]] std::optional<Record> read_record(std::string_view text);

}  // namespace keyward::credential
