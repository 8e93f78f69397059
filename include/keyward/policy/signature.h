// Signed policy folders. MANIFEST holds a line "<sha256>  <file>" for every policy file, as
// sha256sum writes it; MANIFEST.sig is the Ed25519 signature over its bytes, 64 bytes.
#pragma once

#include "keyward/base/result.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using EVP_PKEY = struct evp_pkey_st;

namespace keyward::policy {

inline constexpr std::string_view kManifest = "MANIFEST";
inline constexpr std::string_view kSignature = "MANIFEST.sig";

// Whose signature makes a folder acceptable: any one of these keys.
class Signers {
 public:
  // PEM files with "BEGIN PUBLIC KEY". Errors name the file.
  [[nodiscard]] static Result<Signers> load(const std::vector<std::string>& files);
  [[nodiscard]] bool accept(std::string_view text, std::string_view signature) const;
  [[nodiscard]] const std::vector<std::string>& files() const { return files_; }

 private:
  std::vector<std::shared_ptr<EVP_PKEY>> keys_;
  std::vector<std::string> files_;
};

// Makes an Ed25519 key pair: `path` (PEM, readable by its owner only) and `path`.pub. Replaces
// nothing.
[[nodiscard]] Result<> make_signing_key(const std::string& path);
// Writes MANIFEST and MANIFEST.sig into the folder; answers how many files were signed.
[[nodiscard]] Result<std::size_t> sign_folder(const std::string& folder,
                                              const std::string& key_file);

}  // namespace keyward::policy
