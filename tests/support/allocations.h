// Counts what this thread takes from the heap. Replaces the global allocation functions: include
// it in exactly one file of a test binary. All forms that a sanitizer would pair are replaced, so
// that it never sees memory of one allocator given back to another.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace keyward::test {

struct Allocations {
  std::size_t count = 0;
  std::size_t bytes = 0;
};
inline thread_local Allocations g_allocated;

template <class Work>
Allocations allocations_of(Work&& work) {
  const Allocations before = g_allocated;
  work();
  return {g_allocated.count - before.count, g_allocated.bytes - before.bytes};
}

inline void* counted_memory(std::size_t size) noexcept {
  ++g_allocated.count;
  g_allocated.bytes += size;
  return std::malloc(size == 0 ? 1 : size);
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
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
