#include "net/wire.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace keyward::net {
namespace {

struct Memory {
  std::string_view in;
  std::string out;
};
thread_local Memory memory;

constexpr std::size_t kKeptOut = 512UL * 1024;  // larger output gives its memory back

int read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  if (memory.in.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t count = std::min(memory.in.size(), static_cast<std::size_t>(size));
  std::memcpy(into, memory.in.data(), count);
  memory.in.remove_prefix(count);
  return static_cast<int>(count);
}

int write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  memory.out.append(bytes, static_cast<std::size_t>(size));
  return size;
}

long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* method() {
  static BIO_METHOD* const made = [] {
    BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "keyward wire");
    BIO_meth_set_read(fresh, read);
    BIO_meth_set_write(fresh, write);
    BIO_meth_set_ctrl(fresh, control);
    return fresh;
  }();
  return made;
}

}  // namespace

void Wire::begin(std::string_view in) {
  memory.in = in;
  if (memory.out.capacity() > kKeptOut) std::string().swap(memory.out);
  memory.out.clear();
}

std::string_view Wire::in() { return memory.in; }
std::string_view Wire::out() { return memory.out; }

BIO* Wire::make() {
  BIO* bio = BIO_new(method());
  if (bio != nullptr) BIO_set_init(bio, 1);
  return bio;
}

std::span<char> ciphertext_scratch() {
  thread_local std::array<char, 64UL * 1024> bytes;
  return bytes;
}

}  // namespace keyward::net
