// The envelope of a record that lies where others may reach it.
#pragma once

#include "keyward/base/secret.h"

#include <optional>
#include <string>
#include <string_view>

namespace keyward::fleet {

// AES-256-GCM (NIST SP 800-38D, random 96-bit nonce) under a key that HKDF-SHA-256 (RFC 5869) makes
// of the secret. The record's name is authenticated with it, so that one cannot stand in for
// another. What it cannot tell: that a record vanished, or that an older one of the same name was
// put back. Output is base64url. Pure.
class Seal {
 public:
  explicit Seal(const Secret& secret);
  [[nodiscard]] std::string close(std::string_view name, std::string_view plain) const;
  // Nothing: not sealed by this secret under this name, or altered.
  [[nodiscard]] std::optional<std::string> open(std::string_view name,
                                                std::string_view sealed) const;
  // Whether both were made of the same secret.
  [[nodiscard]] bool same_as(const Seal& other) const;

 private:
  Secret key_;
};

}  // namespace keyward::fleet
