#include "cli/process.h"

#include "keyward/base/log.h"

#include <cerrno>
#include <cstring>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace keyward::cli {

void forbid_core_dumps() {
#ifdef __SANITIZE_ADDRESS__
  return;  // the leak check at the end attaches to its own process
#endif
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) spdlog::warn("core dumps: {}", std::strerror(errno));
  forbid_own_core_dump();
}

void forbid_own_core_dump() {
#ifdef __SANITIZE_ADDRESS__
  return;
#endif
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) spdlog::warn("dumpable: {}", std::strerror(errno));
}

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    spdlog::warn("open files: the limit stays, {}", std::strerror(errno));
    return;
  }
  spdlog::info("open files: up to {}", limit.rlim_cur);
}

}  // namespace keyward::cli
