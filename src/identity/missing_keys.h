// Key ids that one issuer does not have: after a fetch has proven it, they are refused without
// asking for another fetch.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/hash.h"

#include <chrono>
#include <cstddef>
#include <map>
#include <string_view>

namespace keyward::identity {

class MissingKeys {
 public:
  static constexpr std::size_t kMost = 1024;
  static constexpr std::chrono::minutes kRemember{5};

  // A token named `kid`, which the set fetched at `fetched` does not have. True when another fetch
  // would be pointless. A fetch that failed or was held back by the cool-down proves nothing:
  // `fetched` is then older than the question.
  [[nodiscard]] bool proven_missing(std::string_view kid, MonoTime fetched, MonoTime now) {
    const auto place = asked_.find(sha256(kid));
    if (place == asked_.end()) return false;
    if (now - place->second >= kRemember) {
      asked_.erase(place);
      return false;
    }
    return fetched > place->second;
  }
  void ask(std::string_view kid, MonoTime now) {
    if (asked_.size() >= kMost) asked_.clear();  // the fetcher's cool-down bounds the fetches
    asked_.emplace(sha256(kid), now);
  }
  void clear() { asked_.clear(); }
  [[nodiscard]] std::size_t size() const { return asked_.size(); }

 private:
  std::map<Digest, MonoTime> asked_;
};

}  // namespace keyward::identity
