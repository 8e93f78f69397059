// Sessions whose end is near or passed are looked at more often than the others.
#include "proxy/session.h"

#include "keyward/proxy/shard.h"

#include <chrono>

namespace keyward::proxy {

namespace {

constexpr std::chrono::milliseconds kLookAgain{100};

}  // namespace

void Shard::mind_end_of(Session& session) {
  ending_.push_back(&session);
  if (ending_.size() == 1) arm_endings();
}

void Shard::arm_endings() {
  ending_timer_.expires_after(kLookAgain);
  ending_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) mind_endings();
  });
}

void Shard::mind_endings() {
  const MonoTime now = clock().mono();
  // It may be gone meanwhile. Another at the same address is looked at once more than needed.
  std::erase_if(ending_, [&](Session* session) {
    return !sessions_.contains(session) || !session->mind_end(now);
  });
  if (!ending_.empty()) arm_endings();
}

}  // namespace keyward::proxy
