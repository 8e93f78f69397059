// One turn of a shard's loop: the sockets that have something to say are told, then everything that
// piled up meanwhile is sent at once, in a fixed order. That is where batching comes from: one
// write per link, one audit write, one write per client, however many commands came in.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <sys/epoll.h>
#include <vector>

namespace keyward::net {

// The order in which a turn ends: requests leave first so that Redis works while we go on; replies
// leave only after the journal has them; what died is freed when nothing refers to it any more.
enum class Phase : std::uint8_t { upstream, journal, clients, reap };
inline constexpr std::size_t kPhases = 4;

// Owned by one shard, used on its thread only. Its own epoll set, registered once per socket, is one
// descriptor to Asio: a socket costs no system call besides its reads and writes (Asio's own waits
// re-arm with epoll_ctl(2) each time). While events keep coming the turn waits on its set itself
// and visits Asio once a millisecond: timers and posts of other threads may be that late.
class Turn {
 public:
  // A descriptor in the set.
  class Source {
   public:
    virtual ~Source() = default;

   private:
    friend class Turn;
    virtual void ready(std::uint32_t events) = 0;  // from epoll_wait(2)
  };

  // Something with work for the end of the turn. Must outlive its place in the list: see forget().
  class Member {
   public:
    virtual ~Member() = default;
    virtual void at_turn_end(Phase phase) = 0;

   private:
    friend class Turn;
    std::array<bool, kPhases> queued_{};
  };

  explicit Turn(boost::asio::io_context& io);
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // Calls member.at_turn_end(phase) once at the end of this turn. A member added while that phase
  // runs is called in the next one.
  void add(Phase phase, Member& member);
  // Removes a member that is about to be destroyed.
  void forget(Member& member);
  // Counts turns from 1: what is measured once a turn, like the time, is good for that long.
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] bool inside() const { return inside_; }

  // `events` as for epoll_ctl(2). Unwatch before the descriptor closes.
  void watch(Source& source, int descriptor, std::uint32_t events);
  void unwatch(Source& source, int descriptor);
  // Tells the source once more in the next turn that it is readable and writable.
  void repeat(Source& source);

 private:
  using Milliseconds = int;
  using SteadyClock = std::chrono::steady_clock;
  void wait();
  void post();
  void run();
  std::size_t tell_ready(Milliseconds patience);
  void end();
  [[nodiscard]] bool work_waits() const;

  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor ready_;  // the epoll set
  std::array<std::vector<Member*>, kPhases> lists_;
  std::vector<Member*> running_;
  std::array<epoll_event, 256> events_{};
  std::size_t told_ = 0, found_ = 0;  // of events_: already handled, filled
  std::vector<Source*> repeats_, repeating_;
  std::uint64_t number_ = 0;
  bool inside_ = false, posted_ = false;
  bool lively_ = false;  // events come faster than Asio must be visited
  SteadyClock::time_point ended_{};
};

}  // namespace keyward::net
