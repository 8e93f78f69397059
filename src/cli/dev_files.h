// The state folder of `keyward dev`: where everything lies, and files that only its owner can open.
#pragma once

#include "keyward/base/result.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace keyward::cli {

struct DevFiles {
  std::filesystem::path root;  // absolute

  [[nodiscard]] std::filesystem::path ca() const { return root / "ca.pem"; }
  [[nodiscard]] std::filesystem::path tls() const { return root / "tls"; }
  [[nodiscard]] std::filesystem::path config() const { return root / "keyward.yaml"; }
  [[nodiscard]] std::filesystem::path env() const { return root / "env"; }
  [[nodiscard]] std::filesystem::path audit() const { return root / "audit"; }
  [[nodiscard]] std::filesystem::path tokens() const { return root / "tokens"; }
  [[nodiscard]] std::filesystem::path signing_key() const { return root / "issuer" / "key.json"; }
  [[nodiscard]] std::filesystem::path jwks() const { return root / "issuer" / "jwks.json"; }
  [[nodiscard]] std::filesystem::path redis() const { return root / "redis"; }
  [[nodiscard]] std::filesystem::path admin_password() const { return redis() / "admin.pw"; }
  [[nodiscard]] std::filesystem::path starter_policies() const { return root / "policies"; }
  [[nodiscard]] std::filesystem::path lock() const { return root / "lock"; }
};

[[nodiscard]] DevFiles dev_files(const std::string& state);
// Makes the folders, all of them 0700.
[[nodiscard]] Result<> make_folders(const DevFiles& files);

// Replaces the file in one step; mode 0600.
[[nodiscard]] Result<> write_private(const std::filesystem::path& path, std::string_view text);
[[nodiscard]] Result<std::string> read_whole(const std::filesystem::path& path);

// Keeps a second `keyward dev` out of the same folder, as long as it lives.
class FolderLock {
 public:
  FolderLock() = default;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();
  [[nodiscard]] Result<> take(const std::filesystem::path& path);

 private:
  int descriptor_ = -1;
};

}  // namespace keyward::cli
