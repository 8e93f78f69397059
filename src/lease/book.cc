#include "lease/book.h"

#include <algorithm>

namespace keyward::lease {
namespace {

Error full() {
  return Error(Errc::limit, "the highest number of Redis users is in use (lease.max_users)");
}

}  // namespace

void LeaseBook::set_state(Entry& entry, State state) {
  if (entry.state == State::idle) --idle_;
  if (state == State::idle) ++idle_;
  entry.state = state;
}

void LeaseBook::queue(const std::string& user, Entry& entry) {
  if (!std::exchange(entry.queued, true)) todo_.push_back(user);
}

// Only for entries that nobody waits for.
void LeaseBook::erase(Entries::iterator at) {
  set_state(at->second, State::active);
  entries_.erase(at);
}

// The user that nobody has held for longest goes first; when every one is held there is no room.
bool LeaseBook::make_room(Calls& calls) {
  if (entries_.size() + others_ < rules_.max_users || live() + others_ < rules_.max_users)
    return true;
  auto oldest = entries_.end();
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    if (at->second.state != State::idle) continue;
    if (oldest == entries_.end() || at->second.idle_since < oldest->second.idle_since) oldest = at;
  }
  if (oldest == entries_.end()) return false;
  begin_removal(oldest->first, oldest->second, Why::evicted, calls);
  return true;
}

LeaseBook::Calls LeaseBook::acquire(const std::string& user,
                                    std::shared_ptr<const policy::Grants> grants, Draft draft,
                                    Waiter waiter, MonoTime now) {
  Calls calls;
  auto at = entries_.find(user);
  if (at == entries_.end()) {
    if (!make_room(calls)) {
      return {[waiter = std::move(waiter)] { waiter(full()); }};
    }
    at = entries_.emplace(user, Entry{}).first;
    at->second.lease = draft();
    at->second.grants = std::move(grants);
    at->second.draft = std::move(draft);
    queue(user, at->second);
  } else if (at->second.state == State::deleting && at->second.waiting.empty() &&
             !make_room(calls)) {
    calls.emplace_back([waiter = std::move(waiter)] { waiter(full()); });
    return calls;
  }
  Entry& entry = at->second;
  if (entry.state == State::minting || entry.state == State::deleting) {
    // A deletion that has not been sent can be called off; the password is new all the same.
    if (entry.state == State::deleting && !entry.in_flight) begin_mint(user, entry);
    entry.waiting.push_back({std::move(waiter), now + rules_.patience});
    ++waiters_;
    return calls;
  }
  set_state(entry, State::active);
  ++entry.holders;
  calls.emplace_back([waiter = std::move(waiter), lease = entry.lease] { waiter(lease); });
  return calls;
}

void LeaseBook::begin_mint(const std::string& user, Entry& entry) {
  entry.lease = entry.draft();
  entry.next = entry.sent_next = entry.previous = nullptr;
  entry.cause = Cause::none;
  entry.literals.clear();
  entry.literals_made = entry.literals_sent = 0;
  set_state(entry, State::minting);
  queue(user, entry);
}

void LeaseBook::begin_removal(const std::string& user, Entry& entry, Why why, Calls& calls) {
  const Error gone(Errc::not_found, "this Redis user is no longer leased");
  fail_makes(entry.make_waiting, gone, calls);
  fail_makes(entry.make_sent, gone, calls);
  entry.why = why;
  set_state(entry, State::deleting);
  queue(user, entry);
}

void LeaseBook::release(const std::string& user, MonoTime now) {
  if (const auto stale = stale_.find(user); stale != stale_.end()) {
    if (--stale->second == 0) stale_.erase(stale);
    return;
  }
  const auto at = entries_.find(user);
  if (at == entries_.end() || at->second.holders == 0) return;
  if (--at->second.holders > 0 || at->second.state != State::active) return;
  at->second.idle_since = now;
  set_state(at->second, State::idle);
}

LeaseBook::Calls LeaseBook::repair(const std::string& user, Cause cause, MakeWaiter waiter,
                                   MonoTime now) {
  const auto at = entries_.find(user);
  if (at == entries_.end() || at->second.state == State::deleting) {
    return {[waiter = std::move(waiter)] {
      waiter(Error(Errc::not_found, "this Redis user is no longer leased"));
    }};
  }
  Entry& entry = at->second;
  ++waiters_;
  if (entry.in_flight || entry.state == State::minting) {
    // The command under way makes the user exist: no second one.
    entry.make_sent.push_back({std::move(waiter), now + rules_.patience});
    return {};
  }
  entry.make_waiting.push_back({std::move(waiter), now + rules_.patience});
  entry.cause = std::max(entry.cause, cause);
  queue(user, entry);
  return {};
}

void LeaseBook::remake(const std::string& user, Cause cause) {
  const auto at = entries_.find(user);
  if (at == entries_.end()) return;
  if (at->second.state != State::active && at->second.state != State::idle) return;
  at->second.cause = std::max(at->second.cause, cause);
  queue(user, at->second);
}

LeaseBook::Calls LeaseBook::allow_literal(const std::string& user, const std::string& pattern,
                                          MakeWaiter waiter, MonoTime now) {
  const auto at = entries_.find(user);
  const auto refuse = [&waiter](Errc code, const char* why) {
    return Calls{[waiter, code, why] { waiter(Error(code, why)); }};
  };
  if (at == entries_.end() || at->second.state != State::active) {
    return refuse(Errc::not_found, "this Redis user is no longer leased");
  }
  Entry& entry = at->second;
  const auto found = std::ranges::find(entry.literals, pattern);
  const auto index = static_cast<std::size_t>(found - entry.literals.begin());
  if (index < entry.literals_made) return {[waiter = std::move(waiter)] { waiter({}); }};
  ++waiters_;
  if (entry.in_flight && index < entry.literals_sent) {
    entry.make_sent.push_back({std::move(waiter), now + rules_.patience});
    return {};
  }
  if (found == entry.literals.end()) {
    if (entry.literals.size() >= rules_.max_literals) {
      --waiters_;
      return refuse(Errc::limit, "too many different subscription patterns for one identity");
    }
    entry.literals.push_back(pattern);
  }
  entry.make_waiting.push_back({std::move(waiter), now + rules_.patience});
  entry.cause = std::max(entry.cause, Cause::literal);
  queue(user, entry);
  return {};
}

std::optional<LeaseBook::Work> LeaseBook::take_work() {
  while (!todo_.empty()) {
    const std::string user = std::move(todo_.front());
    todo_.pop_front();
    const auto at = entries_.find(user);
    if (at == entries_.end()) continue;
    Entry& entry = at->second;
    entry.queued = false;
    if (entry.in_flight) continue;  // looked at again when that ends
    const bool mint = entry.state == State::minting;
    if (entry.state == State::deleting) {
      entry.in_flight = true;
      return Work{Work::Kind::remove, user};
    }
    if (!mint && entry.cause == Cause::none) continue;
    entry.in_flight = entry.sent = true;
    entry.sent_cause = std::exchange(entry.cause, Cause::none);
    entry.literals_sent = entry.literals.size();
    entry.sent_next = entry.next;
    std::ranges::move(entry.make_waiting, std::back_inserter(entry.make_sent));
    entry.make_waiting.clear();
    return Work{mint ? Work::Kind::mint : Work::Kind::remake, user};
  }
  return std::nullopt;
}

LeaseBook::Calls LeaseBook::made(const std::string& user, MonoTime now) {
  Calls calls;
  const auto at = entries_.find(user);
  if (at == entries_.end()) return calls;
  Entry& entry = at->second;
  entry.in_flight = false;
  entry.sent_cause = Cause::none;
  entry.literals_made = entry.literals_sent;
  if (entry.sent_next != nullptr) {
    entry.previous = std::exchange(entry.lease, std::exchange(entry.sent_next, nullptr));
    entry.next = nullptr;
    entry.previous_until = now + rules_.overlap;
    entry.password_since = now;
    calls.emplace_back([renewed = renewed_, lease = entry.lease] {
      if (renewed) renewed(lease);
    });
  }
  waiters_ -= entry.make_sent.size();
  for (auto& one : entry.make_sent) {
    calls.emplace_back([waiter = std::move(one.waiter)] { waiter({}); });
  }
  entry.make_sent.clear();
  if (entry.state == State::minting) {
    entry.holders = entry.waiting.size();
    waiters_ -= entry.holders;
    for (auto& one : entry.waiting) {
      calls.emplace_back([waiter = std::move(one.waiter), lease = entry.lease] { waiter(lease); });
    }
    entry.waiting.clear();
    entry.idle_since = entry.password_since = now;
    set_state(entry, entry.holders > 0 ? State::active : State::idle);
  }
  if (entry.state == State::deleting || entry.cause != Cause::none) queue(user, entry);
  return calls;
}

LeaseBook::Calls LeaseBook::failed(const std::string& user, const Error& error) {
  Calls calls;
  const auto at = entries_.find(user);
  if (at == entries_.end()) return calls;
  Entry& entry = at->second;
  entry.in_flight = false;
  fail_makes(entry.make_sent, error, calls);
  entry.next = entry.sent_next = nullptr;
  // What Redis refused is not tried again with every later remake.
  const auto first = entry.literals.begin();
  entry.literals.erase(first + static_cast<std::ptrdiff_t>(entry.literals_made),
                       first + static_cast<std::ptrdiff_t>(entry.literals_sent));
  entry.literals_sent = entry.literals_made;
  entry.sent_cause = Cause::none;
  if (entry.state == State::minting) {
    fail_waiting(entry, error, calls);
    begin_removal(user, entry, Why::failed, calls);
  }
  if (entry.state == State::deleting || entry.cause != Cause::none) queue(user, entry);
  return calls;
}

void LeaseBook::removed(const std::string& user) {
  const auto at = entries_.find(user);
  if (at == entries_.end()) return;
  at->second.in_flight = false;
  if (at->second.waiting.empty()) return erase(at);
  begin_mint(user, at->second);
}

void LeaseBook::lost(const std::string& user) {
  const auto at = entries_.find(user);
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  entry.in_flight = false;
  entry.cause = std::max(entry.cause, std::exchange(entry.sent_cause, Cause::none));
  entry.sent_next = nullptr;
  std::ranges::move(entry.make_sent, std::back_inserter(entry.make_waiting));
  entry.make_sent.clear();
  queue(user, entry);
}

LeaseBook::Calls LeaseBook::expire(MonoTime now) {
  Calls calls;
  const Error late(Errc::unavailable, "Redis could not be reached in time to prepare the login");
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    const auto is_late = [now](const auto& one) { return one.until <= now; };
    const auto drop = [&](auto& list) {
      for (auto& one : list) {
        if (is_late(one)) calls.emplace_back([waiter = one.waiter, late] { waiter(late); });
      }
      waiters_ -= std::erase_if(list, is_late);
    };
    drop(entry.waiting);
    drop(entry.make_waiting);
    drop(entry.make_sent);
    if (entry.state == State::idle && entry.idle_since + rules_.linger <= now) {
      begin_removal(at->first, entry, Why::unused, calls);
    }
    // A mint that nobody waits for any more is no debt, but its command may have reached Redis
    // before the connection died.
    const auto here = at++;
    const bool awaited =
        !entry.waiting.empty() || !entry.make_waiting.empty() || !entry.make_sent.empty();
    if (entry.state != State::minting || entry.in_flight || awaited) continue;
    if (entry.sent) {
      begin_removal(here->first, entry, Why::unused, calls);
    } else {
      erase(here);
    }
  }
  return calls;
}

LeaseBook::Calls LeaseBook::revoke(std::string_view principal, std::string_view user) {
  Calls calls;
  for (auto& [name, entry] : entries_) {
    const bool named = (!principal.empty() && entry.lease->principal == principal) || name == user;
    if (!named || entry.state == State::minting || entry.state == State::deleting) continue;
    if (entry.holders > 0) stale_[name] += std::exchange(entry.holders, 0);
    begin_removal(name, entry, Why::revoked, calls);
  }
  return calls;
}

void LeaseBook::fail_waiting(Entry& entry, const Error& error, Calls& calls) {
  waiters_ -= entry.waiting.size();
  for (auto& one : entry.waiting) {
    calls.emplace_back([waiter = std::move(one.waiter), error] { waiter(error); });
  }
  entry.waiting.clear();
}

void LeaseBook::fail_makes(std::vector<Entry::MakeWaiting>& list, const Error& error,
                           Calls& calls) {
  waiters_ -= list.size();
  for (auto& one : list) {
    calls.emplace_back([waiter = std::move(one.waiter), error] { waiter(error); });
  }
  list.clear();
}

std::size_t LeaseBook::live() const {
  return static_cast<std::size_t>(std::ranges::count_if(entries_, [](const auto& one) {
    return one.second.state != State::deleting || !one.second.waiting.empty();
  }));
}

const LeaseBook::Entry* LeaseBook::find(const std::string& user) const {
  const auto at = entries_.find(user);
  return at == entries_.end() ? nullptr : &at->second;
}

}  // namespace keyward::lease
