// The other end of a forwarder, spoken to on the forwarder's own thread.
#pragma once

#include "forward/answer.h"
#include "forward/item.h"

#include "keyward/base/result.h"
#include "keyward/forward/config.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace keyward::forward {

// Asked every kTurn while waiting; false ends it.
using GoOn = std::function<bool()>;
inline constexpr std::chrono::milliseconds kTurn{100};
// After that the files of certificates are read again.
inline constexpr std::chrono::minutes kContextLife{1};

class Receiver {
 public:
  virtual ~Receiver() = default;
  // Waits for the answer, at most as long as the configuration says.
  [[nodiscard]] virtual Answer deliver(Items items, const GoOn& go_on) = 0;
  // Whether it can be reached and lets us in, without a record.
  [[nodiscard]] virtual Result<> probe(const GoOn& go_on) = 0;
};

// Errors: a certificate or key that cannot be used.
[[nodiscard]] Result<std::unique_ptr<Receiver>> make_receiver(const ForwarderConfig& config,
                                                              const std::string& instance);
[[nodiscard]] Result<std::unique_ptr<Receiver>> make_syslog_receiver(const ForwarderConfig& config,
                                                                     const std::string& instance);
[[nodiscard]] Result<std::unique_ptr<Receiver>> make_http_receiver(const ForwarderConfig& config,
                                                                   const std::string& instance);

}  // namespace keyward::forward
