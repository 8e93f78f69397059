// A property of a fuzz target: says which one failed, then aborts, which is what libFuzzer and the
// smoke test look for.
#pragma once

#include <cstdio>
#include <cstdlib>

inline void require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "property does not hold: %s\n", property);
  std::abort();
}
