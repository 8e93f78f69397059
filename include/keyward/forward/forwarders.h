// Everything that sends the trail elsewhere: one thread a forwarder, which reads the files of the
// trail and nothing else. No thread that serves clients ever waits for it.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/result.h"
#include "keyward/forward/config.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::forward {

class Forwarder;

struct ForwarderStatus {
  std::string name{}, kind{}, destination{};
  bool up = true;  // the last attempt was answered
  // Since the process began. Refused: records that the receiver will never take. Lost: removed or
  // missing before they were sent.
  std::uint64_t records = 0, bytes = 0, retries = 0, refused = 0, lost = 0;
  std::uint64_t lag_records = 0;
  double lag_seconds = 0;  // age of the oldest record that was not received; 0 = none
};

class Forwarders {
 public:
  // Errors: a certificate or key that cannot be used. A damaged position is said and begins anew:
  // records may then be sent twice.
  [[nodiscard]] static Result<std::unique_ptr<Forwarders>> open(
      const std::vector<ForwarderConfig>& configs, const std::string& directory,
      const std::string& instance, const Clock& clock);
  ~Forwarders();  // without waiting for what was not sent yet
  Forwarders(const Forwarders&) = delete;
  Forwarders& operator=(const Forwarders&) = delete;

  void start();
  // Once nothing is written any more: sends the rest, for at most that long, and ends the threads.
  void finish(std::chrono::milliseconds within);

  // From any thread. For KeeperConfig::hold: the lowest sequence of the stream that a forwarder
  // still needs and is waited for.
  [[nodiscard]] std::uint64_t hold(std::string_view stream) const;
  [[nodiscard]] std::vector<ForwarderStatus> statuses() const;

 private:
  Forwarders();
  std::vector<std::unique_ptr<Forwarder>> all_;
};

// Connects, with TLS and the credential, and sends no record.
[[nodiscard]] Result<> probe(const ForwarderConfig& config, const std::string& instance);

}  // namespace keyward::forward
