// Whose an instance name is, as the instances of a fleet tell each other (fleet::Store, record
// "instance/<hash>"). Pure but for the facts about this process.
#pragma once

#include "keyward/base/clock.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keyward::lease {

struct ClaimRecord {
  std::string run;   // of one process, random
  std::string host;  // for people
  std::string
      place;  // where process ids mean the same: this boot of the machine, this pid namespace
  std::int64_t pid = 0;
  std::uint64_t beat = 0;  // goes up while the process lives
  std::chrono::milliseconds period{0};
  friend bool operator==(const ClaimRecord&, const ClaimRecord&) = default;
};

[[nodiscard]] std::string write_claim(const ClaimRecord& record);
// Nothing when it is not one.
[[nodiscard]] std::optional<ClaimRecord> read_claim(std::string_view text);

[[nodiscard]] ClaimRecord this_process(std::chrono::milliseconds period);
// Surely ended: it ran where this process runs, and there is no such process, or it is this one in
// an earlier life.
[[nodiscard]] bool surely_gone(const ClaimRecord& record, const ClaimRecord& self);

// "instance/" and the eight hex digits that stand in the names of its users.
[[nodiscard]] std::string claim_name(std::string_view instance_hash);

// Other instances that have users on this Redis: who has not been heard for two of its periods is
// gone. Instances whose record cannot be read belong to somebody else and are never judged. Nobody
// is asked about while it has no users, so each is judged only by the answer that came for it just
// now.
class Fellows {
 public:
  void heard(const std::string& hash, const std::optional<ClaimRecord>& record, MonoTime now);
  // Precondition: heard() of it with the same `now`.
  [[nodiscard]] bool gone(const std::string& hash, MonoTime now) const;
  void forget(const std::string& hash) { known_.erase(hash); }

 private:
  struct Fellow {
    ClaimRecord last;
    MonoTime since{};
  };
  std::unordered_map<std::string, Fellow> known_;
};

}  // namespace keyward::lease
