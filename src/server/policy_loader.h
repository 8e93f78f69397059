// Loads policy folders on a thread of its own: compiling thousands of grants and running every
// expectation must not keep the control thread from leases and admin pages.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/diagnostics.h"
#include "keyward/command/catalog.h"
#include "keyward/policy/snapshot.h"
#include "keyward/trigger/target.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keyward::server {

// What is loaded, from where and on what conditions.
struct PolicySource {
  std::string folder;
  std::shared_ptr<const command::Catalog> catalog;
  std::vector<std::string> issuers;
  std::vector<std::string> signers;  // public key files; empty = unsigned
  std::string static_user = {};      // of the configuration, for `lease: {mode: static}`
  std::vector<trigger::Connection> connections = {};  // for `triggers:`
};

struct PolicyAttempt {
  std::shared_ptr<const policy::Snapshot> snapshot;  // null: refused, and diagnostics say why
  Diagnostics diagnostics;
  std::string trigger;  // "start", "signal", "watch", "api 127.0.0.1"
  WallTime at{};
  std::chrono::milliseconds took{0};
};

// Reads, verifies the signature, compiles, runs every expect case. Any thread.
[[nodiscard]] PolicyAttempt load_policies(const PolicySource& source, std::string trigger,
                                          const Clock& clock);

// Used on the control thread. One load at a time; what is asked for meanwhile is one more load
// afterwards, since the folder may have changed under the first.
class PolicyLoader {
 public:
  using Done = std::function<void(const PolicyAttempt&)>;
  // `settle` gets each attempt before those who asked for it.
  PolicyLoader(boost::asio::io_context& io, const Clock& clock, PolicySource source, Done settle);
  ~PolicyLoader();  // waits for a load under way
  PolicyLoader(const PolicyLoader&) = delete;
  PolicyLoader& operator=(const PolicyLoader&) = delete;

  // `done` may be empty. False: too many wait already.
  bool request(const std::string& trigger, Done done);

 private:
  void begin();
  void finished(const PolicyAttempt& attempt);

  boost::asio::io_context& io_;
  const Clock& clock_;
  const PolicySource source_;
  Done settle_;
  std::vector<std::string> triggers_;     // of the next load, each once
  std::vector<Done> asked_, being_told_;  // of the next load, of the one under way
  bool loading_ = false;
  boost::asio::thread_pool thread_{1};
};

}  // namespace keyward::server
