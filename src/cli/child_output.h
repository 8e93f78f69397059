// Runs another program to its end.
#pragma once

#include "keyward/base/result.h"

#include <string>
#include <vector>

namespace keyward::cli {

// What it wrote to standard output. No shell, nothing on standard input; what it says to standard
// error is dropped. Errors: it could not be run, did not end with 0, or wrote more than 64 MiB.
[[nodiscard]] Result<std::string> child_output(const std::vector<std::string>& argv);

}  // namespace keyward::cli
