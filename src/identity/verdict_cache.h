// Tokens that were found good, by SHA-256 of the token, least recently used first out. One thread.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/hash.h"
#include "keyward/identity/principal.h"

#include <cstddef>
#include <cstring>
#include <list>
#include <memory>
#include <unordered_map>

namespace keyward::identity {

class VerdictCache {
 public:
  explicit VerdictCache(std::size_t capacity) : capacity_(capacity) {}

  struct Entry {
    Digest token{};
    std::size_t issuer = 0;  // whose keys decided; everything else that decided is inside the token
    std::shared_ptr<const Principal> principal;
    WallTime valid_from{}, valid_until{};
  };
  // Null when absent or when `now` is outside its validity. Valid until the next call of put() or a
  // purge.
  [[nodiscard]] Entry* find(const Digest& token, WallTime now);
  void put(Entry entry);
  void purge_issuer(std::size_t issuer);
  [[nodiscard]] std::size_t size() const { return places_.size(); }

 private:
  struct Hash {
    // Only verified tokens are stored: nobody can choose digests that collide.
    std::size_t operator()(const Digest& digest) const {
      std::size_t value = 0;
      std::memcpy(&value, digest.data(), sizeof value);
      return value;
    }
  };
  using Entries = std::list<Entry>;  // most recently used first
  std::size_t capacity_;
  Entries entries_;
  std::unordered_map<Digest, Entries::iterator, Hash> places_;
};

}  // namespace keyward::identity
