// The keys that signed checkpoints of an instance, one line each, every one signed by the one
// before; the first by itself.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/ed25519.h"
#include "keyward/base/result.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

class KeyRing {
 public:
  // Errors name the line that is not as it was written. No file: an empty ring.
  [[nodiscard]] static Result<KeyRing> load(const std::string& path);

  [[nodiscard]] bool empty() const { return keys_.empty(); }
  // Its place in the order of keys.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view id) const;
  [[nodiscard]] const PublicKey& at(std::size_t place) const { return keys_[place].key; }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  // Appends `fresh`, signed by `signer`, to the file.
  [[nodiscard]] static Result<> add(const std::string& path, const PublicKey& fresh,
                                    const PrivateKey& signer, WallTime now);

 private:
  struct Entry {
    std::string id;
    PublicKey key;
  };
  std::vector<Entry> keys_;
};

[[nodiscard]] std::string key_ring_file(std::string_view directory, std::string_view instance);

}  // namespace keyward::audit
