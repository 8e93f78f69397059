// A new policy version and the sessions that are there: judged anew in slices, so that however many
// they are the loop goes on.
#include "proxy/session.h"

#include "keyward/proxy/shard.h"

#include <boost/asio/post.hpp>

#include <chrono>

namespace keyward::proxy {

namespace {

constexpr std::chrono::microseconds kPolicySlice{500};
constexpr std::size_t kPolicyLook = 4;          // sessions between two looks at the clock
constexpr std::size_t kRemembered = 16 * 1024;  // identities

}  // namespace

const policy::InForce::Version& Shard::newer_policy() { return policy_ = wiring_.policy.get(); }

Shard::Rights Shard::rights_of(const std::shared_ptr<const identity::Principal>& principal) {
  const policy::InForce::Version& now = policy();
  if (granted_number_ != now.number || granted_.size() >= kRemembered) {
    granted_.clear();
    granted_number_ = now.number;
  }
  const auto known = granted_.find(principal.get());
  if (known != granted_.end()) return {now.number, known->second.grants};
  auto found = now.snapshot->grants_for(*principal);
  // A claim that a template must not take grants nothing, as at a login.
  std::shared_ptr<const policy::Grants> grants = found ? *found : nullptr;
  granted_.emplace(principal.get(), Granted{principal, grants});
  return {now.number, std::move(grants)};
}

void Shard::policy_changed() {
  to_judge_.clear();
  to_judge_.reserve(sessions_.size());
  for (const auto& [pointer, session] : sessions_) to_judge_.push_back(pointer);
  arm_judging();
}

void Shard::judge_soon(Session& session) {
  to_judge_.push_back(&session);
  arm_judging();
}

void Shard::arm_judging() {
  if (to_judge_.empty() || std::exchange(judging_, true)) return;
  boost::asio::post(io_, [this] {
    judging_ = false;
    judge_slice();
  });
}

void Shard::judge_slice() {
  const auto end = std::chrono::steady_clock::now() + kPolicySlice;
  for (std::size_t count = 1; !to_judge_.empty(); ++count) {
    Session* session = to_judge_.back();
    to_judge_.pop_back();
    // It may be gone meanwhile. Another at the same address is judged once more than needed.
    if (const auto found = sessions_.find(session); found != sessions_.end()) session->judge_anew();
    if (count % kPolicyLook == 0 && std::chrono::steady_clock::now() >= end) break;
  }
  if (to_judge_.empty()) granted_.clear();
  arm_judging();
}

}  // namespace keyward::proxy
