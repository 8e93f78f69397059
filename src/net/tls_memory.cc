#include "keyward/net/tls_memory.h"

#include <openssl/crypto.h>

#include <array>
#include <cstdlib>
#include <malloc.h>

namespace keyward::net {
namespace {

// One record of RFC 8446 section 5.2 with OpenSSL's own head and alignment is 16.4 to 16.8 KiB.
constexpr std::size_t kLeast = 16UL * 1024, kMost = 17UL * 1024, kMade = 17UL * 1024 + 64;
constexpr std::size_t kKept = 4;

// Blocks at hand, and those that were given out and are expected back on this thread.
struct Blocks {
  ~Blocks() {
    while (ready > 0) std::free(at_hand[--ready]);
  }
  std::array<void*, kKept> at_hand{}, lent{};
  std::size_t ready = 0, out = 0;
};
thread_local Blocks blocks;

void* take(std::size_t size, const char* /*file*/, int /*line*/) {
  if (size < kLeast || size > kMost || blocks.out == kKept) return std::malloc(size);
  void* const block = blocks.ready > 0 ? blocks.at_hand[--blocks.ready] : std::malloc(kMade);
  if (block != nullptr) blocks.lent[blocks.out++] = block;
  return block;
}

void give(void* block, const char* /*file*/, int /*line*/) {
  for (std::size_t i = 0; i < blocks.out; ++i) {
    if (blocks.lent[i] != block) continue;
    blocks.lent[i] = blocks.lent[--blocks.out];
    // A block that another thread freed may have come back as a smaller one.
    if (blocks.ready == kKept || ::malloc_usable_size(block) < kMade) break;
    blocks.at_hand[blocks.ready++] = block;
    return;
  }
  std::free(block);
}

void* resize(void* block, std::size_t size, const char* /*file*/, int /*line*/) {
  return std::realloc(block, size);
}

}  // namespace

void keep_record_buffers() { (void)CRYPTO_set_mem_functions(take, resize, give); }

}  // namespace keyward::net
