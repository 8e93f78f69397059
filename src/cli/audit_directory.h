// Which audit folder a verb means.
#pragma once

#include <string>

namespace keyward::cli {

inline constexpr const char* kAuditDirectoryHelp =
    "The audit folder (default: $KEYWARD_AUDIT, .keyward/audit, audit)";

// `given`, else $KEYWARD_AUDIT, else .keyward/audit when it is there, else audit.
[[nodiscard]] std::string audit_directory(const std::string& given);

}  // namespace keyward::cli
