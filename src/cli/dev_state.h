// Fills the state folder of `keyward dev`: keys and certificates are made once, everything else
// each time.
#pragma once

#include "cli/dev_files.h"

#include "keyward/base/result.h"
#include "keyward/base/secret.h"
#include "keyward/identity/dev_issuer.h"
#include "keyward/policy/snapshot.h"

#include <string>
#include <vector>

namespace keyward::cli {

// The issuer's key: that of the last run, or a new one. Writes the public half beside it.
[[nodiscard]] Result<identity::SigningKey> ensure_signing_key(const DevFiles& files);
// The CA, the server's certificate and ca.pem.
[[nodiscard]] Result<> ensure_certificates(const DevFiles& files);
// The password of the admin user of the child redis-server.
[[nodiscard]] Result<Secret> ensure_admin_password(const DevFiles& files);
// tokens/<grant>.jwt for every grant, good for twelve hours, in place of those of the last run; the
// file names.
[[nodiscard]] Result<std::vector<std::string>> write_tokens(const DevFiles& files,
                                                            const identity::SigningKey& key,
                                                            const policy::Snapshot& snapshot);

}  // namespace keyward::cli
