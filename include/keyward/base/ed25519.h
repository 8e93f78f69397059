// Ed25519 over OpenSSL: keys in PEM files, signatures of 64 bytes.
#pragma once

#include "keyward/base/result.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

using EVP_PKEY = struct evp_pkey_st;

namespace keyward {

class PublicKey {
 public:
  [[nodiscard]] static std::optional<PublicKey> from_hex(std::string_view text);  // 64 digits
  // A PEM file with "BEGIN PUBLIC KEY".
  [[nodiscard]] static Result<PublicKey> load(const std::string& path);
  [[nodiscard]] std::string hex() const;
  // The first 16 hex digits of the SHA-256 of its 32 bytes.
  [[nodiscard]] std::string id() const;
  [[nodiscard]] std::string pem() const;
  [[nodiscard]] bool accepts(std::string_view text, std::string_view signature) const;

 private:
  friend class PrivateKey;
  explicit PublicKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}
  std::shared_ptr<EVP_PKEY> key_;
};

class PrivateKey {
 public:
  [[nodiscard]] static PrivateKey make();  // ends the process when OpenSSL has none
  // A PEM file with "BEGIN PRIVATE KEY"; one that others may read is refused.
  [[nodiscard]] static Result<PrivateKey> load(const std::string& path);
  // 0600, under another name until it is whole; `replace`: an existing one is exchanged, else an
  // error.
  [[nodiscard]] Result<> save(const std::string& path, bool replace) const;
  [[nodiscard]] PublicKey public_key() const { return PublicKey(key_); }
  [[nodiscard]] std::string sign(std::string_view text) const;

 private:
  explicit PrivateKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace keyward
