// The larger sections of keyward.yaml, one function each.
#pragma once

#include "server/config_fields.h"

#include "keyward/server/config.h"

#include <vector>

namespace keyward::server {

void read_listeners(const yaml::Node& root, const Folder& folder, Config& config);
void read_upstream(const yaml::Node& root, const Folder& folder, Config& config);
void read_issuers(const yaml::Node& root, const Folder& folder, Config& config);
void read_limits(const yaml::Node& root, Config& config);

}  // namespace keyward::server
