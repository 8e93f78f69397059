#include "keyward/net/tls_memory.h"

#include <openssl/crypto.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <malloc.h>

namespace keyward::net {
namespace {

// One record of RFC 8446 section 5.2 with OpenSSL's own head and alignment is 16.4 to 16.8 KiB.
// Ours begin on a page, as hardly any other block does: that tells them apart at once.
constexpr std::size_t kLeast = 16UL * 1024, kMost = 17UL * 1024;
constexpr std::size_t kPage = 4096, kMade = 5 * kPage;
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
  void* const block =
      blocks.ready > 0 ? blocks.at_hand[--blocks.ready] : std::aligned_alloc(kPage, kMade);
  if (block != nullptr) blocks.lent[blocks.out++] = block;
  return block;
}

void give(void* block, const char* /*file*/, int /*line*/) {
  const bool maybe_ours = reinterpret_cast<std::uintptr_t>(block) % kPage == 0;
  for (std::size_t i = 0; maybe_ours && i < blocks.out; ++i) {
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
