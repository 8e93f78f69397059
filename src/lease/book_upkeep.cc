// What the book wants without anybody having asked: users that Redis lost, passwords that are old,
// the end.
#include "lease/book.h"

#include <algorithm>

namespace keyward::lease {
namespace {

// At a time: Redis shall not notice that a thousand passwords are of the same age.
constexpr std::size_t kMostRotations = 32;

}  // namespace

std::vector<LeasePtr> LeaseBook::reconcile(const std::unordered_set<std::string>& listed,
                                           bool strange) {
  std::vector<LeasePtr> vanished;
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto here = at++;
    Entry& entry = here->second;
    if (entry.in_flight || entry.state == State::minting) continue;
    if (listed.contains(here->first)) {
      if (strange) remake(here->first, Cause::confirm);
      continue;
    }
    if (entry.state == State::active || !entry.make_waiting.empty()) {
      entry.cause = std::max(entry.cause, Cause::recreate);
      queue(here->first, entry);
      continue;
    }
    vanished.push_back(entry.lease);
    if (entry.waiting.empty()) {
      erase(here);
    } else {
      begin_mint(here->first, entry);
    }
  }
  return vanished;
}

void LeaseBook::rotate(MonoTime now) {
  std::size_t begun = 0;
  for (auto& [user, entry] : entries_) {
    const bool there = entry.state == State::active || entry.state == State::idle;
    if (!there || entry.in_flight || entry.next != nullptr) continue;
    if (entry.previous != nullptr) {
      if (entry.previous_until > now) continue;
      entry.previous = nullptr;
      remake(user, Cause::tidy);
    } else if (rules_.rotate_every.count() > 0 && begun < kMostRotations &&
               entry.password_since + rules_.rotate_every <= now) {
      ++begun;
      entry.next = entry.draft();
      remake(user, Cause::rotate);
    }
  }
}

std::vector<LeasePtr> LeaseBook::valid(const Entry& entry) {
  std::vector<LeasePtr> leases{entry.lease};
  if (entry.sent_next != nullptr) leases.push_back(entry.sent_next);
  if (entry.previous != nullptr) leases.push_back(entry.previous);
  return leases;
}

LeaseBook::Calls LeaseBook::remove_all(const Error& error) {
  Calls calls;
  for (auto& [user, entry] : entries_) {
    fail_waiting(entry, error, calls);
    begin_removal(user, entry, entry.state == State::deleting ? entry.why : Why::shutdown, calls);
  }
  return calls;
}

}  // namespace keyward::lease
