// The revocations that an instance knows, on its disk: for a restart while Redis has lost them.
#pragma once

#include "keyward/base/result.h"
#include "keyward/fleet/revocations.h"

#include <string>
#include <vector>

namespace keyward::fleet {

// Nothing when there is no file.
[[nodiscard]] Result<std::vector<RevocationEntry>> read_revocations(const std::string& path);
// Replaces it as a whole; only its owner may read it.
[[nodiscard]] Result<> write_revocations(const std::string& path,
                                         const std::vector<RevocationEntry>& entries);

}  // namespace keyward::fleet
