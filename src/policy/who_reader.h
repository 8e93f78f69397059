// Reads `who` of a grant and the issuers named there and in `expect`.
#pragma once

#include "keyward/base/yaml.h"
#include "keyward/policy/snapshot.h"

#include <string>
#include <vector>

namespace keyward::policy {

[[nodiscard]] std::vector<Who> read_who(const yaml::Node& node,
                                        const std::vector<std::string>& issuers);
// An issuer alias; reports one that the configuration does not know.
[[nodiscard]] std::string read_issuer(const yaml::Node& node,
                                      const std::vector<std::string>& issuers);

}  // namespace keyward::policy
