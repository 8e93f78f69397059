// What each source address takes of the whole process: connections, and logins that failed.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/proxy/config.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace keyward::proxy {

// What counts as one source: an IPv4 address, or the network of 64 bits of an IPv6 address, all of
// which one host may use (RFC 4291 section 2.5.4).
[[nodiscard]] std::string source_of(const std::string& address);

// Counts in windows of a minute. A window that is over is a new one.
class MinuteCount {
 public:
  // False: that would be more than `most` (0 = no limit).
  [[nodiscard]] bool take(std::uint32_t most, MonoTime now);
  [[nodiscard]] bool over(MonoTime now) const { return now - since_ >= std::chrono::minutes(1); }

 private:
  MonoTime since_{};
  std::uint32_t count_ = 0;
};

// Failed logins of one address with tokens of one issuer, in a minute. Counted by credential:
// clients show the same one twice when the first answer does not please them (go-redis: HELLO, then
// AUTH), and a pool with one bad token is not a search for good ones. So that the same one a
// thousand times costs a bounded amount of checks too, attempts count as a tenth; what they lock
// out are the credentials that failed, not the good one that is brought to replace them.
class FailedLogins {
 public:
  void note(std::string_view evidence, std::uint32_t most, MonoTime now);
  // Whether any credential is locked out, and whether this one is. Without evidence: as any.
  [[nodiscard]] bool locked(std::uint32_t most, MonoTime now) const;
  [[nodiscard]] bool locked(std::string_view evidence, std::uint32_t most, MonoTime now) const;
  // True the first time it is asked while locked: for the one record of it.
  [[nodiscard]] bool first_refusal(MonoTime now);
  [[nodiscard]] bool over(MonoTime now) const { return now - since_ >= std::chrono::minutes(1); }

 private:
  void renew(MonoTime now);
  [[nodiscard]] bool full(std::uint32_t most) const;
  [[nodiscard]] bool holds(std::string_view evidence) const;
  MonoTime since_{};
  std::uint64_t attempts_ = 0;
  std::vector<std::uint64_t> credentials_;  // hashes, in order
  bool told_ = false;
};

class Sources;

// The place of one connection. Given back when it goes.
class SourceSeat {
 public:
  SourceSeat() = default;
  SourceSeat(std::shared_ptr<Sources> sources, std::string address)
      : sources_(std::move(sources)), address_(std::move(address)) {}
  SourceSeat(SourceSeat&& other) noexcept = default;
  SourceSeat& operator=(SourceSeat&& other) noexcept = delete;
  ~SourceSeat();
  // Whether somebody is logged in on it.
  void logged_in(bool yes);
  [[nodiscard]] explicit operator bool() const { return sources_ != nullptr; }

 private:
  std::shared_ptr<Sources> sources_;
  std::string address_;
  bool logged_in_ = false;
};

// Shared by the shards; any thread. The lock is taken when connections come and go and at logins,
// never for commands.
class Sources : public std::enable_shared_from_this<Sources> {
 public:
  explicit Sources(const ProxyLimits& limits) : limits_(limits) {}

  // For a connection that was accepted; without a seat it has to be closed.
  [[nodiscard]] SourceSeat arrive(const std::string& address);

  // A login attempt, good or bad. False: the address had its share of this minute.
  [[nodiscard]] bool may_try(const std::string& address, MonoTime now);
  // A credential was refused. `issuer`: alias; empty when it names none of ours.
  void failed(const std::string& address, const std::string& issuer, std::string_view evidence,
              MonoTime now);
  // Too many failed with any issuer: ask locked() before the next is judged.
  [[nodiscard]] bool suspicious(const std::string& address, MonoTime now) const;
  enum class Lock : std::uint8_t { open, locked, just_locked };  // just_locked: not told yet
  [[nodiscard]] Lock lock(const std::string& address, const std::string& issuer,
                          std::string_view evidence, MonoTime now);

  // Login attempts that were refused unseen, of one address: no record tells of each.
  struct Uncounted {
    std::string address, issuer;
    std::string_view reason;  // "too_many_failures", "too_many_logins"
    std::uint64_t count = 0;
    WallTime since{};
  };
  void refused_unseen(const std::string& address, const std::string& issuer,
                      std::string_view reason, MonoTime now, WallTime wall);
  // Hands over, and forgets, what is a minute old; MonoTime::max(): all. The caller records it.
  [[nodiscard]] std::vector<Uncounted> take_unseen(MonoTime now);

  [[nodiscard]] std::uint32_t waiting() const;  // connections that are not logged in
  [[nodiscard]] std::size_t known() const;      // addresses that are remembered

 private:
  friend class SourceSeat;
  struct Source {
    std::uint32_t connections = 0, waiting = 0;
    MinuteCount logins;
    std::map<std::string, FailedLogins> failed;  // by issuer
    [[nodiscard]] bool forgettable(MonoTime now) const;
  };
  void change(const std::string& address, int connections, int waiting);
  void sweep(MonoTime now);

  struct Unseen {
    Uncounted what;
    MonoTime began{};
  };
  std::vector<Unseen> unseen_;
  const ProxyLimits& limits_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Source> all_;
  std::size_t sweep_above_ = 1024;
  std::uint32_t waiting_ = 0;
};

}  // namespace keyward::proxy
