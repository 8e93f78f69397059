// The private key that signs the checkpoints now, and the file it is in.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/ed25519.h"
#include "keyward/base/result.h"

#include <cstdint>
#include <string>

namespace keyward::audit {

struct KeyFile {
  PrivateKey key;
  std::string id;
  std::uint64_t inode = 0, changed_ns = 0;
};

// What tells that the file was exchanged; false when it is not there.
[[nodiscard]] bool stamp(const std::string& path, std::uint64_t& inode, std::uint64_t& changed_ns);

[[nodiscard]] Result<KeyFile> load_key(const std::string& path);

// The first key of an instance, or the one that signs now.
[[nodiscard]] Result<KeyFile> obtain_key(const std::string& path, const std::string& ring_file,
                                         const Clock& clock);

}  // namespace keyward::audit
