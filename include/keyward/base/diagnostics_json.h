// Diagnostics for programs.
#pragma once

#include "keyward/base/diagnostics.h"

#include <boost/json/value.hpp>

namespace keyward {

// [{"level","file","line","column","what","instead"}]
[[nodiscard]] boost::json::value to_json(const Diagnostics& diagnostics);

}  // namespace keyward
