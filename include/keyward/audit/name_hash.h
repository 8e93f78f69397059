// Names of keys and channels as HMAC-SHA-256 under a key of their own, so that a trail can be
// searched for a name and tells none to who has only the trail.
#pragma once

#include "keyward/base/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

// "hmac:" and 32 hex digits.
using HashedName = std::array<char, 37>;

class NameHash {
 public:
  // `secret`: 32 bytes. `version` says which of the keys in the file this is.
  NameHash(std::string_view secret, std::uint32_t version);
  // Allocates nothing; any thread.
  [[nodiscard]] HashedName operator()(std::string_view name) const;
  [[nodiscard]] std::uint32_t version() const { return version_; }

 private:
  std::array<std::uint32_t, 8> inner_, outer_;  // SHA-256 after the key's block
  std::uint32_t version_;
};

// <directory>-keys/<instance>.names: beside the trail, not in it.
[[nodiscard]] std::string name_key_file(std::string_view directory, std::string_view instance);

// All keys of a file, oldest first. One line each: its version and 64 hex digits; "#" begins a
// comment. Errors: not there, open to others, not of that form.
[[nodiscard]] Result<std::vector<NameHash>> load_name_keys(const std::string& path);

// The newest of them; a file that is not there is made, with one key, readable by its owner only.
[[nodiscard]] Result<NameHash> obtain_name_key(const std::string& path);

}  // namespace keyward::audit
