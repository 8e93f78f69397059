// How often something happened within a minute, per name. Bounded; one thread.
#pragma once

#include "keyward/base/clock.h"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace keyward::credential {

class Minute {
 public:
  explicit Minute(std::uint32_t most) : most_(most) {}

  [[nodiscard]] bool allows(const std::string& name, MonoTime now) const {
    const auto found = names_.find(name);
    return found == names_.end() || now - found->second.since > kWindow ||
           found->second.count < most_;
  }
  void count(const std::string& name, MonoTime now) {
    if (names_.size() >= kNames) {
      std::erase_if(names_, [&](const auto& one) { return now - one.second.since > kWindow; });
    }
    // Still full: who comes in such a flood is counted together.
    Count& one = names_[names_.size() < kNames || names_.contains(name) ? name : std::string()];
    if (one.count == 0 || now - one.since > kWindow) one = {now, 0};
    ++one.count;
  }

 private:
  static constexpr std::chrono::minutes kWindow{1};
  static constexpr std::size_t kNames = 10'000;
  struct Count {
    MonoTime since{};
    std::uint32_t count = 0;
  };
  std::uint32_t most_;
  std::unordered_map<std::string, Count> names_;
};

}  // namespace keyward::credential
