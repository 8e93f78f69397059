#include "keyward/lease/lease_client.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <list>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace keyward::lease {
namespace {

namespace asio = boost::asio;
using ChangeDone = std::function<void(Result<>)>;

// Who shares a lease. Looked up by views: a login that finds its lease copies none of these.
template <class Text>
struct Sharing {
  Text rights_id, policy_version, principal;
};
using Key = Sharing<std::string>;
using KeyView = Sharing<std::string_view>;

KeyView view(const KeyView& key) { return key; }
KeyView view(const Key& key) { return {key.rights_id, key.policy_version, key.principal}; }
// All who run as the static user share one lease, whatever their rights.
KeyView key_of(const std::string& principal, const policy::Grants& grants) {
  if (grants.lease().fixed) return {"static", "", ""};
  return {grants.rights_id(), grants.policy_version(), lease_owner(principal, grants)};
}

struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(const auto& key) const {
    const KeyView parts = view(key);
    const std::hash<std::string_view> hash;
    // Rights ids are hashes themselves, and one policy is in force: these two tell keys apart.
    return hash(parts.rights_id) * 31 + hash(parts.principal);
  }
};
struct KeyEqual {
  using is_transparent = void;
  bool operator()(const auto& one, const auto& other) const {
    const KeyView a = view(one);
    const KeyView b = view(other);
    return a.principal == b.principal && a.rights_id == b.rights_id &&
           a.policy_version == b.policy_version;
  }
};

}  // namespace

// Lives on the shard. What travels through the control thread is a weak reference and plain values;
// the callers' functions stay here, so that nothing of the shard is ever destroyed over there.
struct LeaseClient::State : std::enable_shared_from_this<LeaseClient::State> {
  struct Slot;
  using Slots = std::unordered_map<Key, Slot, KeyHash, KeyEqual>;
  using Idle = std::list<Slots::value_type*>;
  struct Slot {
    LeasePtr lease;  // null while the service is asked
    std::size_t holders = 0;
    MonoTime idle_until{};
    Idle::iterator idle_at;  // while nobody holds the lease
    std::vector<Done> waiting;
    std::vector<std::string> literals;  // that the service has confirmed
    std::vector<ChangeDone> repairing;
  };

  State(asio::io_context& shard, asio::io_context& control, LeaseService& leases,
        std::chrono::milliseconds how_long)
      : shard_io(shard), control_io(control), service(leases), linger(how_long), timer(shard) {}

  // Runs `act(service, reply)` on the control thread; calling `reply(value)` there runs
  // `then(state, value)` here.
  template <class Value, class Act, class Then>
  void ask(Act act, Then then) {
    auto reply = [weak = weak_from_this(), &shard = shard_io, then = std::move(then)](Value value) {
      asio::post(shard, [weak, then, value = std::move(value)]() mutable {
        if (const auto self = weak.lock()) then(*self, std::move(value));
      });
    };
    asio::post(control_io, [&leases = service, act = std::move(act), reply = std::move(reply)] {
      act(leases, reply);
    });
  }

  void give_back(const std::string& user) {
    asio::post(control_io, [&leases = service, user] { leases.release(user); });
  }

  Slot* by_user(std::string_view user) {
    const auto place = users.find(user);
    return place == users.end() ? nullptr : &place->second->second;
  }

  LeasePtr hold(Slot& slot) {
    if (slot.holders++ == 0) idle.erase(slot.idle_at);
    return slot.lease;
  }

  void acquired(const Key& key, Result<LeasePtr> result) {
    const auto at = slots.find(key);
    if (at == slots.end()) {  // closed meanwhile
      if (result.has_value()) give_back((*result)->user);
      return;
    }
    Slot& slot = at->second;
    const auto waiting = std::exchange(slot.waiting, {});
    if (result.has_error()) {
      slots.erase(at);
    } else {
      slot.lease = *result;
      slot.holders = waiting.size();
      users.emplace(slot.lease->user, &*at);
    }
    for (const Done& done : waiting) done(result);
  }

  void release(const std::string& user) {
    if (const auto old = stale.find(user); old != stale.end()) {
      if (--old->second == 0) stale.erase(old);
      return;
    }
    const auto place = users.find(user);
    if (place == users.end()) return;
    Slot& slot = place->second->second;
    if (slot.holders == 0 || --slot.holders > 0) return;
    slot.idle_until = std::chrono::steady_clock::now() + linger;
    slot.idle_at = idle.insert(idle.end(), place->second);
    if (!armed) arm();
  }

  // Armed once for as long as anything idles, not anew by every connection that comes and goes.
  void arm() {
    armed = true;
    timer.expires_at(idle.front()->second.idle_until);
    timer.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (!error && self) self->end_idle();
    });
  }

  void end_idle() {
    armed = false;
    const MonoTime now = std::chrono::steady_clock::now();
    while (!idle.empty() && idle.front()->second.idle_until <= now) drop(*idle.front());
    if (!idle.empty()) arm();
  }

  void drop(Slots::value_type& entry) {
    Slot& slot = entry.second;
    const std::string user = slot.lease->user;
    const auto repairing = std::exchange(slot.repairing, {});
    if (slot.holders == 0) idle.erase(slot.idle_at);
    users.erase(user);
    slots.erase(slots.find(entry.first));
    give_back(user);
    for (const ChangeDone& done : repairing) {
      done(Error(Errc::not_found, "this Redis user is no longer leased"));
    }
  }

  asio::io_context& shard_io;
  asio::io_context& control_io;
  LeaseService& service;
  std::chrono::milliseconds linger;
  asio::steady_timer timer;
  Slots slots;
  struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, Slots::value_type*, TextHash, std::equal_to<>> users;
  std::unordered_map<std::uint64_t, ChangeDone> literals;  // who waits for a pattern to be added
  Idle idle;                                               // in order of time
  // Holders of leases that were forgotten; another of the same user may be held by others. Who
  // releases first is taken for one of them.
  std::unordered_map<std::string, std::size_t> stale;
  bool armed = false;
  bool told = false;  // the service was asked to look, and has not yet
  std::uint64_t questions = 0;
};

LeaseClient::LeaseClient(asio::io_context& shard_io, asio::io_context& control_io,
                         LeaseService& service, std::chrono::milliseconds linger)
    : state_(std::make_shared<State>(shard_io, control_io, service, linger)) {}

LeaseClient::~LeaseClient() = default;

LeasePtr LeaseClient::acquire_held(const std::string& principal, const policy::Grants& grants) {
  const auto at = state_->slots.find(key_of(principal, grants));
  if (at == state_->slots.end() || !at->second.lease) return nullptr;
  return state_->hold(at->second);
}

void LeaseClient::acquire(const std::string& principal,
                          std::shared_ptr<const policy::Grants> grants, Done done) {
  if (LeasePtr held = acquire_held(principal, *grants)) return done(std::move(held));
  const KeyView parts = key_of(principal, *grants);
  const Key key{std::string(parts.rights_id), std::string(parts.policy_version),
                std::string(parts.principal)};
  const auto [at, fresh] = state_->slots.try_emplace(key);
  at->second.waiting.push_back(std::move(done));
  if (!fresh) return;
  state_->ask<Result<LeasePtr>>(
      [principal, grants = std::move(grants)](LeaseService& service, const auto& reply) {
        service.acquire(principal, grants, reply);
      },
      [key](State& state, Result<LeasePtr> result) { state.acquired(key, std::move(result)); });
}

void LeaseClient::release(const std::string& user) { state_->release(user); }

void LeaseClient::forget(std::string_view principal, std::string_view user) {
  std::vector<State::Slots::value_type*> found;
  for (auto& entry : state_->slots) {
    const LeasePtr& lease = entry.second.lease;
    if (lease == nullptr) continue;  // the service is asked; it gives what counts then
    if ((!principal.empty() && lease->principal == principal) || lease->user == user)
      found.push_back(&entry);
  }
  for (auto* entry : found) {
    const std::size_t holders = entry->second.holders;
    if (holders > 0) state_->stale[entry->second.lease->user] += holders;
    state_->drop(*entry);
  }
}

void LeaseClient::allow_literal_channel(const std::string& user, const std::string& pattern,
                                        std::function<void(Result<>)> done) {
  const State::Slot* slot = state_->by_user(user);
  if (slot != nullptr && std::ranges::find(slot->literals, pattern) != slot->literals.end()) {
    return done({});
  }
  const std::uint64_t id = ++state_->questions;
  state_->literals.emplace(id, std::move(done));
  state_->ask<Result<>>(
      [user, pattern](LeaseService& service, const auto& reply) {
        service.allow_literal_channel(user, pattern, reply);
      },
      [user, pattern, id](State& state, const Result<>& result) {
        State::Slot* here = state.by_user(user);
        if (result.has_value() && here != nullptr) here->literals.push_back(pattern);
        const auto node = state.literals.extract(id);
        if (!node.empty()) node.mapped()(result);
      });
}

void LeaseClient::repair(const std::string& user, Refusal refusal,
                         std::function<void(Result<>)> done) {
  State::Slot* slot = state_->by_user(user);
  if (slot == nullptr) {
    return asio::post(state_->shard_io, [done = std::move(done)] {
      done(Error(Errc::not_found, "this Redis user is no longer leased"));
    });
  }
  slot->repairing.push_back(std::move(done));
  if (slot->repairing.size() > 1) return;
  state_->ask<Result<>>(
      [user, refusal](LeaseService& service, const auto& reply) {
        service.repair(user, refusal, reply);
      },
      [user](State& state, const Result<>& result) {
        State::Slot* here = state.by_user(user);
        if (here == nullptr) return;
        for (const ChangeDone& one : std::exchange(here->repairing, {})) one(result);
      });
}

const Secret* LeaseClient::password(const std::string& user) const {
  const State::Slot* slot = state_->by_user(user);
  return slot == nullptr ? nullptr : &slot->lease->password;
}

void LeaseClient::renewed(const LeasePtr& lease) {
  if (State::Slot* slot = state_->by_user(lease->user)) slot->lease = lease;
}

// A hundred links that end at once are one question.
void LeaseClient::look() {
  if (std::exchange(state_->told, true)) return;
  state_->ask<Result<>>(
      [](LeaseService& service, const auto& reply) {
        service.look();
        reply(Result<>());
      },
      [](State& state, const Result<>&) { state.told = false; });
}

void LeaseClient::close() {
  state_->timer.cancel();
  state_->armed = false;
  while (!state_->slots.empty()) {
    const auto at = state_->slots.begin();
    if (at->second.lease) {
      state_->drop(*at);
      continue;
    }
    const auto waiting = std::exchange(at->second.waiting, {});
    state_->slots.erase(at);
    for (const Done& done : waiting) done(Error(Errc::unavailable, "Keyward is stopping"));
  }
}

std::size_t LeaseClient::held() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      state_->slots, [](const auto& entry) { return entry.second.holders > 0; }));
}

}  // namespace keyward::lease
