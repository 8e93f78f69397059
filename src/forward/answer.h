// What a receiver said to a batch.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace keyward::forward {

// A record that the receiver will never take.
struct Refused {
  std::size_t index = 0;  // in the batch
  std::string why{};
};

struct Answer {
  enum class Verdict : std::uint8_t {
    settled,  // the first `done` records are: received, or in `refused`
    later,    // nothing is; the same again after a while
    unfit,    // the contents of the batch were refused as a whole: smaller ones find the culprit
  };
  Verdict verdict = Verdict::later;
  std::size_t done = 0;
  std::vector<Refused> refused{};
  std::uint64_t rejected = 0;                       // more that were refused, but not which
  std::string why{};                                // in one sentence, without secrets
  std::optional<std::chrono::milliseconds> wait{};  // what the receiver asked for
};

[[nodiscard]] inline Answer settled(std::size_t count) {
  Answer out;
  out.verdict = Answer::Verdict::settled;
  out.done = count;
  return out;
}
[[nodiscard]] inline Answer later(std::string why) {
  Answer out;
  out.why = std::move(why);
  return out;
}
[[nodiscard]] inline Answer unfit(std::string why) {
  Answer out;
  out.verdict = Answer::Verdict::unfit;
  out.why = std::move(why);
  return out;
}

}  // namespace keyward::forward
