// Whether an earlier attempt started it, of a target that does not know names: what it is asked,
// one question after another, and what the answers mean. Pure: no clock, no secret, no I/O.
#pragma once

#include "trigger/outgoing.h"

#include "keyward/base/clock.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::trigger {

// Conductor's open-source server. One call's own; views the rule and the connection.
class Search {
 public:
  enum class State : std::uint8_t {
    asks,    // question() wants an answer
    there,   // it was started
    absent,  // nothing of it was found
    failed,  // the answer was none: ask again later
  };
  // Nothing: the kind knows names, or does not mind.
  [[nodiscard]] static std::optional<Search> of(const Rule& rule, const Connection& connection,
                                                const Start& what, WallTime now);

  [[nodiscard]] Outgoing question() const;
  [[nodiscard]] State answered(int status, std::string_view body);
  // The answer was longer than anybody reads.
  [[nodiscard]] State too_long();

 private:
  enum class Step : std::uint8_t { correlated, version, day, one };
  Search(const Rule& rule, const Connection& connection, const Start& what, WallTime now);
  [[nodiscard]] State next(Step step);

  const Rule* rule_;
  const Connection* connection_;
  std::string name_;
  WallTime caused_, now_;
  std::int64_t version_;
  Step step_ = Step::correlated;
  std::vector<std::string> started_;  // ids of all that were, since the event
  std::size_t looked_ = 0;
};

}  // namespace keyward::trigger
