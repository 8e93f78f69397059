// The keys that sign the checkpoints of a trail.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

// <directory>-keys/<instance>.pem: beside the trail, not in it.
[[nodiscard]] std::string signing_key_file(std::string_view directory, std::string_view instance);

// Makes a new key and lets the old one sign it. A running keeper takes it up by itself. Answers its
// id. Errors: no key of the instance signs yet, the old one cannot be read.
[[nodiscard]] Result<std::string> rotate_signing_key(const std::string& directory,
                                                     const std::string& instance,
                                                     const std::string& key_file,
                                                     const Clock& clock);

// The instances that have keys in the directory.
[[nodiscard]] std::vector<std::string> signing_instances(const std::string& directory);

// The newest public key of an instance in PEM form, to be kept where the trail is not.
struct NewestKey {
  std::string id, pem;
};
[[nodiscard]] Result<NewestKey> newest_key(const std::string& directory,
                                           const std::string& instance);

}  // namespace keyward::audit
