// Which sessions are there, and those whose access was revoked: held against each new list in
// slices, so that however many they are the loop goes on.
#include "proxy/session.h"

#include "keyward/proxy/shard.h"

#include <boost/asio/post.hpp>

#include <chrono>

namespace keyward::proxy {

namespace {

constexpr std::chrono::microseconds kDenialSlice{500};
constexpr std::size_t kDenialLook = 16;  // sessions between two looks at the clock

}  // namespace

void Shard::set_denials(std::shared_ptr<const identity::DenyList> denials,
                        std::function<void(std::size_t)> told) {
  denials_ = std::move(denials);
  authenticator_->set_denials(denials_);
  // Those that wait for an older list are answered with this one's walk, which says no less.
  if (told) denials_told_.push_back(std::move(told));
  to_hold_.clear();
  if (!denials_->empty()) {
    to_hold_.reserve(sessions_.size());
    for (const auto& [pointer, session] : sessions_) to_hold_.push_back(pointer);
  }
  hold_slice();
}

void Shard::hold_slice() {
  const auto end = std::chrono::steady_clock::now() + kDenialSlice;
  for (std::size_t count = 1; !to_hold_.empty(); ++count) {
    Session* session = to_hold_.back();
    to_hold_.pop_back();
    // It may be gone meanwhile. Another at the same address is looked at once more than needed.
    if (const auto found = sessions_.find(session);
        found != sessions_.end() && session->hold_against(*denials_))
      ++denied_;
    if (count % kDenialLook == 0 && std::chrono::steady_clock::now() >= end) break;
  }
  if (!to_hold_.empty()) {
    if (std::exchange(holding_, true)) return;
    return boost::asio::post(io_, [this] {
      holding_ = false;
      hold_slice();
    });
  }
  const std::size_t ended = std::exchange(denied_, 0);
  for (auto& told : std::exchange(denials_told_, {})) told(ended);
}

std::vector<SessionFacts> Shard::sessions(const std::string& principal, const std::string& id,
                                          std::size_t most) const {
  std::vector<SessionFacts> out;
  for (const auto& [pointer, session] : sessions_) {
    if (out.size() >= most) break;
    auto facts = pointer->facts();
    if (!facts || (!principal.empty() && facts->principal != principal) ||
        (!id.empty() && facts->id != id)) {
      continue;
    }
    out.push_back(std::move(*facts));
  }
  return out;
}

}  // namespace keyward::proxy
