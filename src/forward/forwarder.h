// One forwarder: its thread, its place in the trail, its receiver.
#pragma once

#include "forward/ecs_shape.h"
#include "forward/item.h"
#include "forward/receiver.h"
#include "forward/refused_file.h"

#include "keyward/audit/feed.h"
#include "keyward/base/clock.h"
#include "keyward/forward/forwarders.h"
#include "keyward/forward/position.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

namespace keyward::forward {

class Forwarder {
 public:
  Forwarder(ForwarderConfig config, std::string directory, std::string instance,
            std::unique_ptr<Receiver> receiver, const Clock& clock);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  void start();
  void finish();  // sends what there is, and ends then; returns at once
  void wait_for_end(MonoTime until);

  // From any thread.
  [[nodiscard]] std::uint64_t hold(std::string_view stream) const;
  [[nodiscard]] ForwarderStatus status() const;

 private:
  void go_on();
  void run();
  bool fill();
  bool feed();
  [[nodiscard]] bool ready_to_send() const;
  void send();
  void settle(const Answer& answer, std::size_t offered);
  void pass_over(const Item& item, const std::string& why);
  void accept(std::size_t count);
  void wait_before_retry(const Answer& answer);
  void store(bool now);
  void look_at_lag();
  void nap(std::chrono::milliseconds time);
  [[nodiscard]] bool finishing() const;

  const ForwarderConfig config_;
  const std::string directory_, instance_, path_;
  std::unique_ptr<Receiver> receiver_;
  const Clock& clock_;
  RefusedFile refused_file_;

  // The thread's own.
  audit::Feed feed_;
  std::deque<audit::FedRecord> fed_;
  EcsShape ecs_;
  std::vector<Item> batch_;
  std::size_t batch_bytes_ = 0;
  MonoTime batch_since_{};
  std::size_t limit_;  // how many records the next attempt offers
  std::size_t refused_in_row_ = 0;
  unsigned attempt_ = 0;
  MonoTime next_store_{}, next_lag_{}, next_word_{};
  bool unstored_ = false;
  std::minstd_rand random_;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable wake_;
  Position position_;
  ForwarderStatus status_;
  bool waited_for_ = true;  // retention does
  bool finishing_ = false, ended_ = false;
  std::atomic<bool> stop_{false};  // at once
  std::thread thread_;
};

}  // namespace keyward::forward
