// What the fleet has revoked: asked for at one instance, known to all in a moment, and by none
// forgotten before its time.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/result.h"
#include "keyward/fleet/store.h"
#include "keyward/identity/revocation.h"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace keyward::fleet {

// One of them, and whether it was taken back.
struct RevocationEntry {
  identity::Revocation what;
  struct Lift {
    WallTime at{};
    std::string by, reason;
  };
  std::optional<Lift> lifted;
};

// Lives on the control thread; so do all callbacks. Each instance remembers all of them, in memory
// and in a file, and Redis is where they meet: what vanishes there is put back. While Redis is away
// the last known list holds, and what is asked for here counts here at once.
class Revocations {
 public:
  using Denials = std::shared_ptr<const identity::DenyList>;
  struct Config {
    std::string file;  // of this instance alone; empty = none
    std::chrono::milliseconds every{250};
    std::size_t most = 10'000;
  };
  struct News {
    RevocationEntry entry;
    bool lifted = false;  // else it was added
    bool here = false;    // asked for at this instance
  };

  Revocations(boost::asio::io_context& io, Store& store, Config config, const Clock& clock);
  ~Revocations();
  Revocations(const Revocations&) = delete;
  Revocations& operator=(const Revocations&) = delete;

  // What the file holds. An error: it is there and cannot be read, so nobody knows what it held.
  Result<> load();
  // From now on they are exchanged. `first` runs once, when Redis's list was read or Redis refused
  // to show it.
  void start(std::function<void(Result<>)> first);
  // The control connection is there again; the Redis behind it may be another one.
  void control_up();

  // Runs for each new list, first with what was news; from inside add() and lift() too. In order of
  // subscribing.
  void on_change(std::function<void(const Denials&, const std::vector<News>&)> changed);
  // Counts here when add() returns. `id`, `at` are made here. `done`: true when Redis has it, so
  // that all instances will know within a moment; false when Redis is away and gets it later.
  // Errc::limit: there are too many.
  struct Added {
    RevocationEntry entry;
    bool shared = false;
  };
  void add(identity::Revocation what, std::function<void(Result<Added>)> done);
  // Errc::not_found: there is none of that id.
  void lift(const std::string& id, std::string by, std::string reason,
            std::function<void(Result<Added>)> done);

  [[nodiscard]] Denials denials() const;
  // In the order of their times; also lifted ones, until they would have been forgotten.
  [[nodiscard]] std::vector<RevocationEntry> list() const;

  struct Counters {
    std::size_t active = 0, lifted = 0;
    std::size_t unreadable = 0;    // in Redis now: of another secret, or not ours
    std::uint64_t put_back = 0;    // vanished from Redis
    std::uint64_t failures = 0;    // exchanges that came to nothing
    std::optional<MonoTime> last;  // exchange that did not
    bool kept = true;              // the file could be written
    std::string trouble;           // why the last exchange failed; empty when it did not
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyward::fleet
