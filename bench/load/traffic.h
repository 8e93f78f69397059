// GET and SET on connections that stay: closed loop, open loop, and the filling of all keys.
#pragma once

#include "options.h"

namespace keyward::load {

// Prints `go` and `end` around the measured part, then one line of JSON.
int run_traffic(const Options& options);
int run_fill(const Options& options);

}  // namespace keyward::load
