// Counts what this thread takes from the heap. Replaces the global allocation functions: include
// it in exactly one file of a test binary. All forms that a sanitizer would pair are replaced, so
// that it never sees memory of one allocator given back to another.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <malloc.h>
#include <new>

namespace keyward::test {

struct Allocations {
  std::size_t count = 0;
  std::size_t bytes = 0;
  std::size_t held = 0;  // taken and not given back, in blocks as the heap makes them
};
inline thread_local Allocations g_allocated;

template <class Work>
Allocations allocations_of(Work&& work) {
  const Allocations before = g_allocated;
  work();
  return {g_allocated.count - before.count, g_allocated.bytes - before.bytes,
          g_allocated.held - before.held};
}

inline void* counted_memory(std::size_t size) noexcept {
  ++g_allocated.count;
  g_allocated.bytes += size;
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory != nullptr) g_allocated.held += malloc_usable_size(memory);
  return memory;
}
inline void given_back(void* memory) noexcept {
  if (memory != nullptr) g_allocated.held -= malloc_usable_size(memory);
  std::free(memory);
}
inline void* counted_memory_or_throw(std::size_t size) {
  if (void* memory = counted_memory(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace keyward::test

[[gnu::noinline]] void* operator new(std::size_t size) {
  return keyward::test::counted_memory_or_throw(size);
}
[[gnu::noinline]] void* operator new[](std::size_t size) {
  return keyward::test::counted_memory_or_throw(size);
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return keyward::test::counted_memory(size);
}
[[gnu::noinline]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return keyward::test::counted_memory(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { keyward::test::given_back(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept {
  keyward::test::given_back(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  keyward::test::given_back(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept {
  keyward::test::given_back(memory);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  keyward::test::given_back(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  keyward::test::given_back(memory);
}
