// One rule at work: its reader's connection, its events, its target. Lives on the engine's thread.
#pragma once

#include "trigger/entries.h"
#include "trigger/flow.h"
#include "trigger/records.h"

#include "keyward/trigger/engine.h"
#include "keyward/upstream/control.h"

#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace keyward::trigger {

// What the rules of an engine share.
struct Common {
  boost::asio::io_context& io;
  const EngineConfig& config;
  const Clock& clock;
  Records& records;
  upstream::Control& writer;  // everything that does not block
  std::shared_ptr<const AttestationKeys> keys;
};

class RuleRunner : public std::enable_shared_from_this<RuleRunner> {
 public:
  RuleRunner(Common& common, Rule rule, std::unique_ptr<Target> target,
             std::shared_ptr<Counters> counters);

  void start();
  // Reads no more; `idle` runs once, when nothing is under way and all is acknowledged, perhaps at
  // once. May be called again while it waits.
  void stop(std::function<void()> idle);
  [[nodiscard]] const Rule& rule() const { return rule_; }
  // The keys, the writer's connection or the trail are there (again).
  void wake();

 private:
  struct Burial {
    EntryId id;
    std::vector<Field> fields;  // of the dead letter
    bool under_way = false;
  };
  using Weak = std::weak_ptr<RuleRunner>;

  // reading (rule_runner_reading.cc)
  void up();
  void make_group();
  void read();
  void read_again(std::chrono::milliseconds after);
  void received(Result<upstream::ControlReply> reply, bool own);
  void live();
  void claim();
  void sweep();
  void accept(std::vector<Entry> entries, std::function<void()> then);
  void check_nonce(Event event, std::function<void()> then);

  // starting (rule_runner.cc)
  void pump();
  void begin(const Event& event, std::uint32_t attempt);
  void answered(EntryId id, const Answer& answer);
  void acknowledge(EntryId id);
  void send_acknowledgements();
  void bury(EntryId id, const Event* event, const std::vector<Field>& fields,
            const std::string& reason, const std::string& detail);
  void send_burials();
  void settle_soon();
  void look_idle();
  void show();

  Common& common_;
  const Rule rule_;
  const std::string stream_, group_, since_;
  std::unique_ptr<Target> target_;
  std::shared_ptr<Counters> counters_;
  Flow flow_;
  upstream::Control reader_;
  boost::asio::steady_timer pump_timer_, read_timer_, life_timer_, sweep_timer_;
  std::function<void()> idle_;
  bool stopping_ = false, reading_ = false, claiming_ = false, settling_ = false;
  bool acknowledging_ = false, own_ = true, group_made_ = false;
  bool slowly_ = false;  // what was read could not be handled: not at once again
  std::string own_from_ = "0-0", claim_from_ = "0-0";
  MonoTime last_life_{};
  std::vector<EntryId> done_;  // to be acknowledged
  std::vector<Burial> burials_;
};

}  // namespace keyward::trigger
