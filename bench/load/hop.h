// How far apart two CPUs are: a machine that moves under its host serves at two speeds, and only
// runs at the same one compare.
#pragma once

#include "options.h"

namespace keyward::load {

// Prints the nanoseconds that a cache line takes from one CPU to the other and back.
int run_hop(const Options& options);

}  // namespace keyward::load
