#include "keyward/lease/lease_client.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <vector>

namespace keyward::lease {
namespace {

namespace asio = boost::asio;
using ChangeDone = std::function<void(Result<>)>;

}  // namespace

// Lives on the shard. What travels through the control thread is a weak reference and plain values;
// the callers' functions stay here, so that nothing of the shard is ever destroyed over there.
struct LeaseClient::State : std::enable_shared_from_this<LeaseClient::State> {
  struct Slot {
    LeasePtr lease;  // null while the service is asked
    std::size_t holders = 0;
    std::uint64_t idle_stamp = 0;  // tells an old linger from the present one
    std::vector<Done> waiting;
    std::vector<std::string> literals;  // that the service has confirmed
    std::vector<ChangeDone> repairing;
  };
  struct Linger {
    MonoTime until;
    std::string key;
    std::uint64_t stamp = 0;
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

  Slot* by_user(const std::string& user) {
    const auto key = keys.find(user);
    return key == keys.end() ? nullptr : &slots.at(key->second);
  }

  void acquired(const std::string& key, Result<LeasePtr> result) {
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
      keys.emplace(slot.lease->user, key);
    }
    for (const Done& done : waiting) done(result);
  }

  void release(const std::string& user) {
    Slot* slot = by_user(user);
    if (slot == nullptr || slot->holders == 0 || --slot->holders > 0) return;
    slot->idle_stamp = ++stamps;
    lingering.push_back({std::chrono::steady_clock::now() + linger, keys.at(user), stamps});
    if (lingering.size() == 1) arm();
  }

  void arm() {
    timer.expires_at(lingering.front().until);
    timer.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (!error && self) self->end_lingers();
    });
  }

  void end_lingers() {
    const MonoTime now = std::chrono::steady_clock::now();
    while (!lingering.empty() && lingering.front().until <= now) {
      const Linger one = std::move(lingering.front());
      lingering.pop_front();
      const auto at = slots.find(one.key);
      if (at == slots.end() || at->second.holders > 0 || at->second.idle_stamp != one.stamp)
        continue;
      drop(at);
    }
    if (!lingering.empty()) arm();
  }

  void drop(std::unordered_map<std::string, Slot>::iterator at) {
    const std::string user = at->second.lease->user;
    const auto repairing = std::exchange(at->second.repairing, {});
    keys.erase(user);
    slots.erase(at);
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
  std::unordered_map<std::string, Slot> slots;        // by principal, rights and policy version
  std::unordered_map<std::string, std::string> keys;  // user -> key of its slot
  std::unordered_map<std::uint64_t, ChangeDone> literals;  // who waits for a pattern to be added
  std::deque<Linger> lingering;                            // in order of time
  std::uint64_t stamps = 0;
};

LeaseClient::LeaseClient(asio::io_context& shard_io, asio::io_context& control_io,
                         LeaseService& service, std::chrono::milliseconds linger)
    : state_(std::make_shared<State>(shard_io, control_io, service, linger)) {}

LeaseClient::~LeaseClient() = default;

void LeaseClient::acquire(const std::string& principal,
                          std::shared_ptr<const policy::Grants> grants, Done done) {
  const std::string key = grants->rights_id() + '\n' + grants->policy_version() + '\n' + principal;
  const auto [at, fresh] = state_->slots.try_emplace(key);
  State::Slot& slot = at->second;
  if (slot.lease) {
    ++slot.holders;
    return done(slot.lease);
  }
  slot.waiting.push_back(std::move(done));
  if (!fresh) return;
  state_->ask<Result<LeasePtr>>(
      [principal, grants = std::move(grants)](LeaseService& service, const auto& reply) {
        service.acquire(principal, grants, reply);
      },
      [key](State& state, Result<LeasePtr> result) { state.acquired(key, std::move(result)); });
}

void LeaseClient::release(const std::string& user) { state_->release(user); }

void LeaseClient::allow_literal_channel(const std::string& user, const std::string& pattern,
                                        std::function<void(Result<>)> done) {
  const State::Slot* slot = state_->by_user(user);
  if (slot != nullptr && std::ranges::find(slot->literals, pattern) != slot->literals.end()) {
    return done({});
  }
  const std::uint64_t id = ++state_->stamps;
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

void LeaseClient::repair(const std::string& user, std::function<void(Result<>)> done) {
  State::Slot* slot = state_->by_user(user);
  if (slot == nullptr) {
    return asio::post(state_->shard_io, [done = std::move(done)] {
      done(Error(Errc::not_found, "this Redis user is no longer leased"));
    });
  }
  slot->repairing.push_back(std::move(done));
  if (slot->repairing.size() > 1) return;
  state_->ask<Result<>>(
      [user](LeaseService& service, const auto& reply) { service.repair(user, reply); },
      [user](State& state, const Result<>& result) {
        State::Slot* here = state.by_user(user);
        if (here == nullptr) return;
        for (const ChangeDone& one : std::exchange(here->repairing, {})) one(result);
      });
}

void LeaseClient::close() {
  state_->timer.cancel();
  state_->lingering.clear();
  while (!state_->slots.empty()) {
    const auto at = state_->slots.begin();
    if (at->second.lease) {
      state_->drop(at);
      continue;
    }
    const auto waiting = std::exchange(at->second.waiting, {});
    state_->slots.erase(at);
    for (const Done& done : waiting) done(Error(Errc::unavailable, "Keyward is stopping"));
  }
}

std::size_t LeaseClient::held() const {
  std::size_t count = 0;
  for (const auto& [key, slot] : state_->slots) count += slot.holders > 0 ? 1U : 0U;
  return count;
}

}  // namespace keyward::lease
