// This process's claim on its instance name: one live process has it, so that no two take each
// other's users for leftovers.
#pragma once

#include "lease/claim_record.h"

#include "keyward/base/result.h"
#include "keyward/fleet/store.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>

namespace keyward::lease {

// On the control thread, with all callbacks.
class Claim : public std::enable_shared_from_this<Claim> {
 public:
  // `instance`: as the configuration says; `hash`: as it stands in the names of users.
  Claim(boost::asio::io_context& io, fleet::Store& store, std::string instance, std::string hash,
        std::chrono::milliseconds period, const Clock& clock);

  // Errc::invalid: another live process has the name. A record that does not move for a period is
  // of a process that is gone. Other errors: nothing can be said. May be called again.
  void take(std::function<void(Result<>)> done);
  // Says once more that this process lives; and looks whether somebody else says so as well.
  void beat();
  // Gives the name back; nothing but `done` is called any more.
  void release(std::function<void()> done);
  void stop();
  [[nodiscard]] bool taken() const { return taken_; }
  // Somebody else uses the name now: for people. Empty = nobody.
  [[nodiscard]] const std::string& rival() const { return rival_; }

 private:
  void found(const Result<std::optional<std::string>>& record);
  void wait_for(const std::optional<ClaimRecord>& record);
  void write(bool first);
  void verify();
  void finish(Result<> result);
  void later(std::chrono::milliseconds time, void (Claim::*step)());
  void ask();
  [[nodiscard]] std::string in_use(const ClaimRecord& record) const;

  fleet::Store& store_;
  const std::string instance_, name_;
  const Clock& clock_;
  ClaimRecord self_;
  boost::asio::steady_timer timer_;
  std::function<void(Result<>)> done_;
  bool waiting_ = false;
  std::optional<ClaimRecord> seen_;  // of the one who may be gone
  MonoTime seen_since_{};
  std::string rival_;
  bool taken_ = false, stopped_ = false;
};

}  // namespace keyward::lease
