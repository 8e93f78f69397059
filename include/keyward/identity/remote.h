// Credentials that only somebody else can judge: AWS STS, an introspection endpoint, a Kubernetes
// API server, the record of a credential that Keyward gave out. Questions come from the shards,
// answers from the control thread.
#pragma once

#include "keyward/base/hash.h"
#include "keyward/base/secret.h"
#include "keyward/identity/principal.h"

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

namespace keyward::identity {

// Why a login was refused: for the log and the audit; the client sees one text for all of them.
struct Refusal {
  std::string reason;        // stable word: "expired", "unknown_issuer"; all in docs/identity.md
  std::string detail;        // one sentence, no token text
  std::string issuer_alias;  // when known
  std::string evidence;      // digest of the credential
};
// Keys too old or issuer unreachable: fail closed, but "try again".
struct CannotDecide {
  std::string issuer_alias;
  std::string detail;
};

struct RemoteQuestion {
  enum class Kind : std::uint8_t { aws_sts, introspection, token_review, vended };
  Kind kind = Kind::introspection;
  std::string issuer_alias;
  Secret credential;
  Digest digest{};     // SHA-256 of the credential
  std::string source;  // address of the client
  // token_review: what the token's own checks made.
  std::shared_ptr<const Principal> principal;
};
using RemoteAnswer = std::variant<std::shared_ptr<const Principal>, Refusal, CannotDecide>;

}  // namespace keyward::identity
