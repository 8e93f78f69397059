// A record in the Elastic Common Schema, for Elasticsearch and OpenSearch. What ECS has no field
// for stands under keyward.*.
#pragma once

#include "keyward/trail/record.h"

#include <string>
#include <string_view>

namespace keyward::trail {

inline constexpr std::string_view kEcsVersion = "8.17.0";

// One JSON line without a newline at the end of `out`. event.id is the same for the same record
// whenever it is written: instance, stream and sequence.
void append_ecs(const Record& record, std::string& out);

}  // namespace keyward::trail
