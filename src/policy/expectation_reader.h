// Reads the `expect` cases of a policy file.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"

#include <optional>
#include <string_view>

namespace keyward::policy {

[[nodiscard]] std::vector<Expectation> read_expectations(const yaml::Node& node,
                                                         const std::vector<std::string>& issuers);

// Splits a command line as redis-cli does: white space separates, "..." takes \n \r \t \b \a \xNN,
// '...' takes \'. nullopt when quotes do not close or a quoted word is followed by anything but
// white space.
[[nodiscard]] std::optional<std::vector<std::string>> split_command(std::string_view line);

}  // namespace keyward::policy
