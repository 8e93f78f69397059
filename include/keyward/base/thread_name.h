// What top -H, perf and a debugger call a thread.
#pragma once

#include <pthread.h>
#include <string>

namespace keyward {

// Names the calling thread. Linux keeps 15 bytes of it (pthread_setname_np(3)).
inline void name_thread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace keyward
