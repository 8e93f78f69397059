// Preloaded into keyward: while the file named by SLOW_SYNC is there, fdatasync does not come back; while the one named by
// READ_ONLY is there, files ending in .jsonl are on a file system that was mounted again, to read only.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int there(const char* name) {
  const char* gate = getenv(name);
  return gate && access(gate, F_OK) == 0;
}

int fdatasync(int fd) {
  while (there("SLOW_SYNC")) usleep(20000);
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return real(fd);
}

ssize_t write(int fd, const void* bytes, size_t size) {
  static ssize_t (*real)(int, const void*, size_t);
  if (!real) real = (ssize_t (*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
  if (there("READ_ONLY")) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 6 && memcmp(path + length - 6, ".jsonl", 6) == 0) {
      errno = EROFS;
      return -1;
    }
  }
  return real(fd, bytes, size);
}
