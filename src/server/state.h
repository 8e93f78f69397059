// What the running server is made of. Private to the module; everything runs on the control thread
// unless it says otherwise.
#pragma once

#include "server/folder_watch.h"
#include "server/policy_loader.h"

#include "keyward/admin/admin_server.h"
#include "keyward/audit/journal.h"
#include "keyward/audit/keeper.h"
#include "keyward/audit/name_hash.h"
#include "keyward/audit/repeats.h"
#include "keyward/base/clock.h"
#include "keyward/credential/desk.h"
#include "keyward/fleet/revocations.h"
#include "keyward/fleet/store.h"
#include "keyward/forward/forwarders.h"
#include "keyward/identity/authenticator.h"
#include "keyward/identity/key_fetcher.h"
#include "keyward/identity/remote_verifier.h"
#include "keyward/lease/lease_service.h"
#include "keyward/net/turn.h"
#include "keyward/policy/in_force.h"
#include "keyward/proxy/shard.h"
#include "keyward/server/server.h"
#include "keyward/trigger/attestation.h"
#include "keyward/trigger/engine.h"
#include "keyward/upstream/control.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace keyward::server {

namespace asio = boost::asio;

// One thread of the data path with everything it owns, in the order of construction.
struct ShardThread {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  net::Turn turn{io};
  std::unique_ptr<proxy::Shard> shard;
  std::thread thread;
};

// The engine of triggers with its thread; `retry` is the control thread's.
struct TriggerThread {
  explicit TriggerThread(asio::io_context& control) : retry(control) {}
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  Secret password;  // of its Redis user, of this run
  asio::steady_timer retry;
  std::unique_ptr<trigger::Engine> engine;
  std::thread thread;
};

struct Server::State {
  State(Config given, const Clock* moved)
      : config(std::move(given)), clock(moved != nullptr ? *moved : system_clock) {}

  Result<> build();
  Result<> open_journals();
  Result<std::unique_ptr<audit::Journal>> open_journal(const std::string& stream);
  Result<> load_policy();
  Result<> build_shards();
  Result<> listen(ShardThread& thread, bool first);
  Result<> start_admin();
  Result<> load_revocations();
  Result<> read_revocations();
  struct Spread;
  void spread_denials(const fleet::Revocations::Denials& denials,
                      const std::vector<fleet::Revocations::News>& news);
  void end_leases(const std::vector<fleet::Revocations::News>& news);
  void record_revocation(const fleet::Revocations::News& news);
  void revoke(identity::Revocation what, std::function<void(Result<admin::RevocationDone>)> done);
  void lift(const std::string& id, const std::string& by, const std::string& reason,
            std::function<void(Result<admin::RevocationDone>)> done);
  void list_sessions(const admin::SessionQuery& query,
                     std::function<void(std::vector<proxy::SessionFacts>)> done);
  struct TokenLogin;
  void build_desk();
  std::string login_obstacle(const Secret& token, const std::string& address);
  void ask_remote(std::shared_ptr<const identity::RemoteQuestion> question,
                  std::function<void(identity::RemoteAnswer)> done);
  Result<> build_triggers();
  void make_trigger_user();
  void start_triggers();
  void drain_triggers(std::function<void()> done);
  void start_threads();
  void watch_signals();
  void poll_info();
  void renew_attestation();
  void watch_policies();
  bool reload_policy(const std::string& trigger, std::function<void()> done);
  void settle(const PolicyAttempt& attempt);
  void put_in_force(const PolicyAttempt& attempt);
  void reload_certificates();
  void unblock(std::uint64_t client);
  void maybe_ready();
  void shut_down();
  void finish();
  std::vector<admin::ReadyCheck> readiness() const;
  std::vector<prometheus::MetricFamily> metrics() const;
  [[nodiscard]] PolicySource policy_source() const;
  [[nodiscard]] admin::PolicyStatus policy_status() const;
  void record_policy(const PolicyAttempt& attempt);
  [[nodiscard]] bool record_call(const admin::ApiCall& call);
  void tell_refused_calls(MonoTime now);
  void write_pid_file() const;

  Config config;
  SystemClock system_clock;
  const Clock& clock;
  asio::io_context io{1};  // the control thread
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::unique_ptr<forward::Forwarders> forwarders;  // the keeper asks it what has to stay
  std::unique_ptr<audit::Keeper> keeper;            // ends after all journals
  std::unique_ptr<audit::Journal> journal;
  std::shared_ptr<const audit::NameHash> name_hash;
  std::shared_ptr<proxy::ScriptBook> scripts;
  net::SslContext upstream_tls;
  std::unique_ptr<upstream::Control> control;
  std::unique_ptr<fleet::Store> store;  // what the fleet shares
  // Made of the fleet's secret; null while that cannot be read.
  std::shared_ptr<const trigger::AttestationKeys> attestation;
  Secret attestation_secret;
  std::unique_ptr<fleet::Revocations> revocations;
  std::shared_ptr<Spread> spread;  // of the newest list to the shards
  std::unique_ptr<lease::LeaseService> leases;
  std::unique_ptr<identity::KeyFetcher> keys;
  std::unique_ptr<identity::RemoteVerifier> remote;
  std::unique_ptr<identity::Authenticator> authenticator;  // of tokens that are exchanged
  std::unique_ptr<credential::Desk> desk;
  std::shared_ptr<const command::Catalog> catalog;
  std::shared_ptr<const policy::Snapshot> policy;  // what in_force holds
  policy::InForce in_force;
  std::shared_ptr<const proxy::ServerFacts> facts;
  std::shared_ptr<std::atomic<std::int64_t>> connections =
      std::make_shared<std::atomic<std::int64_t>>(0);
  std::shared_ptr<proxy::UsageRegistry> usage = std::make_shared<proxy::UsageRegistry>();
  std::shared_ptr<proxy::Sources> addresses = std::make_shared<proxy::Sources>(config.limits);
  std::vector<std::unique_ptr<ShardThread>> shards;
  std::unique_ptr<TriggerThread> triggers;  // null: no connection is configured
  std::unique_ptr<admin::AdminServer> admin;
  audit::Repeats refused_calls;  // of the API
  std::unique_ptr<asio::signal_set> signals;
  std::unique_ptr<asio::steady_timer> timer;
  std::function<void()> on_ready;
  // Both post to `io`; the loader's thread is joined before anything above goes.
  std::unique_ptr<PolicyLoader> loader;
  std::unique_ptr<FolderWatch> watch;
  PolicyAttempt last_attempt;  // without its snapshot
  bool last_changed = false;
  WallTime policy_loaded_at{};
  std::string policy_loaded_by;
  std::uint64_t reloads = 0, reload_failures = 0;
  std::size_t draining = 0;
  int stop_signals = 0;
  bool ready = false, stopping = false;
};

}  // namespace keyward::server
