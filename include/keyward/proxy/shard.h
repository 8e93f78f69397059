// One thread's share of the proxy: its sessions, its links to Redis, its journal. Shards share
// nothing but immutable values.
#pragma once

#include "keyward/audit/journal.h"
#include "keyward/base/clock.h"
#include "keyward/command/catalog.h"
#include "keyward/identity/authenticator.h"
#include "keyward/lease/lease_client.h"
#include "keyward/net/acceptor.h"
#include "keyward/net/turn.h"
#include "keyward/net/turn_clock.h"
#include "keyward/policy/in_force.h"
#include "keyward/proxy/config.h"
#include "keyward/proxy/metrics.h"
#include "keyward/proxy/session_facts.h"
#include "keyward/proxy/script_book.h"
#include "keyward/proxy/sources.h"
#include "keyward/proxy/usage.h"
#include "keyward/upstream/pool.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace keyward::view {
class RequestNames;
}

namespace keyward::trigger {
class AttestationKeys;
struct Leavings;
}  // namespace keyward::trigger

namespace keyward::proxy {

class Session;
class Drafts;
class Farewells;
class RateWaiters;

// What the control thread knows about Redis; published to the shards as a value.
struct ServerFacts {
  std::string version = "7.0.0";
  std::string info;  // reduced INFO, sections as Redis writes them
};

// What a shard needs from the rest of the process. Functions are called on the shard's thread.
struct ShardWiring {
  const Clock& clock;
  const ProxyLimits& limits;
  const policy::InForce& policy;
  // Refreshes an issuer's keys on the control thread; `done` comes back on the shard's.
  std::function<void(const std::string& issuer_alias, std::function<void()> done)> refresh_keys;
  // Ends the wait of a blocked command on Redis's connection `client`: its answer is then
  // UNBLOCKED, unless another was on its way.
  std::function<void(std::uint64_t client)> unblock;
  // Has a credential judged elsewhere; the answer comes back on the shard's thread.
  std::function<void(std::shared_ptr<const identity::RemoteQuestion>,
                     std::function<void(identity::RemoteAnswer)> done)>
      ask_remote;
  // Connections of the whole process, for limits.connections.
  std::shared_ptr<std::atomic<std::int64_t>> connections;
  std::shared_ptr<UsageRegistry> usage;
  std::shared_ptr<ScriptBook> scripts;
  std::shared_ptr<const audit::NameHash> name_hash;  // of names in records, where a grant asks
  std::shared_ptr<Sources> sources;
  // Connection ids of this shard: first, first + step, ...
  std::uint64_t first_id = 1, id_step = 1;
};

class Shard {
 public:
  Shard(boost::asio::io_context& io, ShardWiring wiring, upstream::LinkSettings links,
        std::unique_ptr<audit::Journal> journal,
        std::unique_ptr<identity::Authenticator> authenticator,
        std::unique_ptr<lease::LeaseClient> leases, net::Turn& turn);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Everything below runs on the shard's thread.
  void listen(std::unique_ptr<net::Acceptor> acceptor, ListenerConfig config, net::SslContext tls);
  void set_facts(std::shared_ptr<const ServerFacts> facts) { facts_ = std::move(facts); }
  void set_tls(const std::string& listener, net::SslContext tls);
  void start();
  // Stops accepting, lets commands on their way finish, closes; `done` when no session is left or
  // the deadline passed.
  void drain(std::function<void()> done);

  // Drain no longer: closes every session now.
  void close_sessions();

  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  [[nodiscard]] net::Turn& turn() { return turn_; }
  [[nodiscard]] upstream::Pool& pool() { return pool_; }
  [[nodiscard]] audit::Journal& journal();  // marks it for the end of the turn
  [[nodiscard]] bool audit_healthy() const { return journal_->healthy(); }
  [[nodiscard]] bool audit_ready(audit::Durability level) const { return journal_->ready(level); }
  [[nodiscard]] audit::Receipt receipt(audit::Durability level) const {
    return journal_->receipt(level);
  }
  // Once, when the trail reached the disk the next time.
  void await_sync(Session& session) {
    await_sync_.insert(&session);
    journal_->request_sync();
  }
  [[nodiscard]] identity::Authenticator& authenticator() { return *authenticator_; }
  [[nodiscard]] lease::LeaseClient& leases() { return *leases_; }
  // The version in force now; never without a snapshot once the shard serves.
  [[nodiscard]] const policy::InForce::Version& policy() {
    return policy_.number == wiring_.policy.number() ? policy_ : newer_policy();
  }
  struct Rights {
    std::uint64_t number = 0;                      // of the version
    std::shared_ptr<const policy::Grants> grants;  // null: it grants nothing
  };
  // What that version grants somebody; remembered while sessions are judged anew.
  [[nodiscard]] Rights rights_of(const std::shared_ptr<const identity::Principal>& principal);
  // A new version is in force: every session is judged by it, a slice at a time, also those that
  // send no command.
  void policy_changed();
  // This session could not be judged then; now it can.
  void judge_soon(Session& session);
  // Its end is near or passed: asks its mind_end() ten times a second until it says no.
  void mind_end_of(Session& session);
  // From now on logins are held against it, and every session that is there, a slice at a time.
  // `told` runs when all were, with the number of those that end by it.
  void set_denials(std::shared_ptr<const identity::DenyList> denials,
                   std::function<void(std::size_t)> told);
  [[nodiscard]] const identity::DenyList& denials() const { return *denials_; }
  // Who is logged in; empty texts mean all.
  [[nodiscard]] std::vector<SessionFacts> sessions(const std::string& principal,
                                                   const std::string& id, std::size_t most) const;
  void unblock(std::uint64_t client) { wiring_.unblock(client); }
  [[nodiscard]] const ServerFacts& facts() const { return *facts_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] ScriptBook& scripts() { return *wiring_.scripts; }
  [[nodiscard]] const audit::NameHash* name_hash() const { return wiring_.name_hash.get(); }
  [[nodiscard]] const ProxyLimits& limits() const { return wiring_.limits; }
  [[nodiscard]] Metrics& metrics() { return metrics_; }
  [[nodiscard]] Drafts& drafts() { return *drafts_; }
  // The request being judged, in Redis's names: one at a time.
  [[nodiscard]] view::RequestNames& names() { return *names_; }
  // What it leaves for triggers, where that is anything.
  [[nodiscard]] trigger::Leavings& leavings() { return *leavings_; }
  // Signs for triggers; null while the fleet's secret cannot be read.
  void set_attestation(std::shared_ptr<const trigger::AttestationKeys> keys) {
    attestation_ = std::move(keys);
  }
  [[nodiscard]] const trigger::AttestationKeys* attestation() const { return attestation_.get(); }
  [[nodiscard]] RateWaiters& rate_waiters() { return *rate_waiters_; }
  void refresh_keys(const std::string& issuer_alias, std::function<void()> done) {
    wiring_.refresh_keys(issuer_alias, std::move(done));
  }
  void ask_remote(std::shared_ptr<const identity::RemoteQuestion> question,
                  std::function<void(identity::RemoteAnswer)> done) {
    wiring_.ask_remote(std::move(question), std::move(done));
  }

  // A handshake costs as much as a hundred commands: only a few go on in one turn, so that a storm
  // of new clients does not stop those who are there. Asking takes one of them.
  [[nodiscard]] bool may_shake_hands();

  [[nodiscard]] Sources& sources() { return *wiring_.sources; }
  [[nodiscard]] Farewells& farewells() { return *farewells_; }
  [[nodiscard]] UsageRegistry& usage() { return *wiring_.usage; }
  [[nodiscard]] std::shared_ptr<Usage> usage_of(const std::string& principal) {
    return wiring_.usage->of(principal);
  }
  // A session ended and nothing refers to it any more.
  void reap(Session& session);

 private:
  struct Listener;
  struct JournalMember;
  void trail_synced();
  void accepted(Listener& listener, Descriptor socket, const net::Peer& peer);
  void tick();
  void arm_tick();
  void publish_gauges();
  void tell_unseen(MonoTime now);
  void judge_slice();
  void hold_slice();
  void arm_judging();
  void arm_endings();
  void mind_endings();

  boost::asio::io_context& io_;
  ShardWiring wiring_;
  net::Turn& turn_;
  net::TurnClock clock_;
  std::unique_ptr<audit::Journal> journal_;
  std::unique_ptr<JournalMember> journal_member_;
  std::unordered_set<Session*> await_sync_;
  std::shared_ptr<char> life_ = std::make_shared<char>();  // of what is posted from elsewhere
  std::unique_ptr<identity::Authenticator> authenticator_;
  std::unique_ptr<lease::LeaseClient> leases_;
  upstream::Pool pool_;
  const policy::InForce::Version& newer_policy();
  policy::InForce::Version policy_;
  std::vector<Session*> to_judge_;
  bool judging_ = false;  // the next slice is posted
  std::vector<Session*> ending_;
  boost::asio::steady_timer ending_timer_;
  std::shared_ptr<const identity::DenyList> denials_ = std::make_shared<identity::DenyList>();
  std::vector<Session*> to_hold_;  // against the newest list
  std::vector<std::function<void(std::size_t)>> denials_told_;
  std::size_t denied_ = 0;  // by it so far
  bool holding_ = false;    // the next slice is posted
  struct Granted {
    std::shared_ptr<const identity::Principal> principal;  // holds the address that is the key
    std::shared_ptr<const policy::Grants> grants;
  };
  std::unordered_map<const identity::Principal*, Granted> granted_;
  std::uint64_t granted_number_ = 0;  // the version that granted_ speaks of
  std::shared_ptr<const ServerFacts> facts_ = std::make_shared<ServerFacts>();
  Metrics metrics_;
  std::unique_ptr<Drafts> drafts_;
  std::unique_ptr<view::RequestNames> names_;
  std::unique_ptr<trigger::Leavings> leavings_;
  std::shared_ptr<const trigger::AttestationKeys> attestation_;
  std::unique_ptr<RateWaiters> rate_waiters_;
  std::unique_ptr<Farewells> farewells_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<Session*, std::unique_ptr<Session>> sessions_;
  std::uint64_t next_id_;
  std::uint64_t handshake_turn_ = 0;
  std::uint32_t handshakes_ = 0;  // in that turn
  boost::asio::steady_timer timer_;
  std::function<void()> drained_;
  MonoTime drain_until_{};
  MonoTime answers_until_ = MonoTime::max();  // then links that still owe some are closed
  bool draining_ = false;
};

}  // namespace keyward::proxy
