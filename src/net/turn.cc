#include "keyward/net/turn.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace keyward::net {

void Turn::add(Phase phase, Member& member) {
  const auto index = static_cast<std::size_t>(phase);
  if (member.queued_[index]) return;
  member.queued_[index] = true;
  lists_[index].push_back(&member);
  if (!posted_) {
    posted_ = true;
    // Handlers that are ready now run before this one: they share the turn.
    boost::asio::post(io_, [this] { run(); });
  }
}

void Turn::forget(Member& member) {
  for (auto& list : lists_)
    std::replace(list.begin(), list.end(), &member, static_cast<Member*>(nullptr));
  std::replace(running_.begin(), running_.end(), &member, static_cast<Member*>(nullptr));
}

void Turn::run() {
  posted_ = false;
  for (std::size_t index = 0; index < kPhases; ++index) {
    running_.swap(lists_[index]);
    // By index: a member may be forgotten (set to null) while the list runs, but never added to it.
    for (std::size_t i = 0; i < running_.size(); ++i) {
      Member* member = running_[i];
      if (member == nullptr) continue;
      member->queued_[index] = false;
      member->at_turn_end(static_cast<Phase>(index));
    }
    running_.clear();
  }
}

}  // namespace keyward::net
