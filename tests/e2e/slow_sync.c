// Preloaded into keyward: fdatasync does not come back while the file named by SLOW_SYNC is there.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int fd) {
  const char* gate = getenv("SLOW_SYNC");
  while (gate && access(gate, F_OK) == 0) usleep(20000);
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return real(fd);
}
