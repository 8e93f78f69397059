#include "forward/backoff.h"

#include <algorithm>

namespace keyward::forward {

using std::chrono::milliseconds;

milliseconds backoff(unsigned attempt, milliseconds first, milliseconds most,
                     std::uint32_t random) {
  milliseconds wait = std::max(first, milliseconds(1));
  for (unsigned done = 0; done < attempt && wait < most; ++done) wait *= 2;
  wait = std::min(wait, most);
  const auto half = wait.count() / 2;
  return milliseconds(wait.count() - half + static_cast<std::int64_t>(random) % (half + 1));
}

}  // namespace keyward::forward
