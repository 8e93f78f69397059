// One turn of a shard's loop: the sockets that have something to say are told, then everything that
// piled up meanwhile is sent at once, in a fixed order. That is where batching comes from: one
// write per link, one audit write, one write per client, however many commands came in.
#pragma once

#include "keyward/net/stream.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <cstdint>
#include <sys/epoll.h>
#include <vector>

namespace keyward::net {

// The order in which a turn ends: requests leave first so that Redis works while we go on; replies
// leave only after the journal has them; what died is freed when nothing refers to it any more.
enum class Phase : std::uint8_t { upstream, journal, clients, reap };
inline constexpr std::size_t kPhases = 4;

// Owned by one shard, used on its thread only. Its own epoll set, edge-triggered and registered
// once per stream, is one descriptor to Asio: a socket costs no system call besides its reads and
// writes (Asio's own waits re-arm with epoll_ctl(2) each time).
class Turn {
 public:
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

 private:
  friend class Stream;
  void watch(Stream& stream);
  void unwatch(Stream& stream);
  void repeat(Stream& stream);

  void wait();
  void post();
  void run();
  std::size_t tell_ready();
  void end();

  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor ready_;  // the epoll set
  std::array<std::vector<Member*>, kPhases> lists_;
  std::vector<Member*> running_;
  std::array<epoll_event, 256> events_{};
  std::size_t told_ = 0, found_ = 0;  // of events_: already handled, filled
  std::vector<Stream*> repeats_, repeating_;
  std::uint64_t number_ = 0;
  bool inside_ = false, posted_ = false;
};

}  // namespace keyward::net
