// Where a secret comes from: a file, an environment variable or a command; read anew each time it
// is needed.
#pragma once

#include "keyward/base/result.h"
#include "keyward/base/secret.h"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace keyward {

// Answers are without their trailing line ends. Errors name the source, never what it said.
[[nodiscard]] Result<Secret> secret_from_file(const std::string& path);
[[nodiscard]] Result<Secret> secret_from_environment(const std::string& name);
// Runs argv[0] by PATH, without a shell. Output above 64 KiB, silence until the deadline and a
// failure are errors.
[[nodiscard]] Result<Secret> secret_from_command(const std::vector<std::string>& argv,
                                                 std::chrono::milliseconds deadline);

}  // namespace keyward
