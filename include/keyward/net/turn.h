// The end of a loop turn: everything that piled up while the ready events were handled is sent at
// once, in a fixed order. That is where batching comes from: one write per link, one audit write,
// one write per client, however many commands came in.
#pragma once

#include <boost/asio/io_context.hpp>

#include <array>
#include <cstdint>
#include <vector>

namespace keyward::net {

// The order in which a turn ends: requests leave first so that Redis works while we go on; replies
// leave only after the journal has them; what died is freed when nothing refers to it any more.
enum class Phase : std::uint8_t { upstream, journal, clients, reap };
inline constexpr std::size_t kPhases = 4;

// Owned by one shard, used on its thread only.
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

  explicit Turn(boost::asio::io_context& io) : io_(io) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // Calls member.at_turn_end(phase) once at the end of this turn. A member added while that phase
  // runs is called in the same turn's next round.
  void add(Phase phase, Member& member);
  // Removes a member that is about to be destroyed.
  void forget(Member& member);

 private:
  void run();
  boost::asio::io_context& io_;
  std::array<std::vector<Member*>, kPhases> lists_;
  std::vector<Member*> running_;
  bool posted_ = false;
};

}  // namespace keyward::net
