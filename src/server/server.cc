#include "keyward/server/server.h"

#include "server/bootstrap.h"
#include "server/state.h"

#include "keyward/admin/admin_server.h"
#include "keyward/base/log.h"
#include "keyward/base/secret_source.h"
#include "keyward/base/thread_name.h"
#include "keyward/identity/key_fetcher.h"
#include "keyward/lease/lease_client.h"
#include "keyward/policy/snapshot.h"
#include "keyward/proxy/shard.h"
#include "keyward/trail/search.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/signal_set.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

namespace keyward::server {

namespace {

constexpr std::chrono::seconds kMeetRedis{15};
constexpr std::chrono::seconds kDeleteUsers{3};
constexpr std::chrono::seconds kSendTheRest{2};  // the receivers may be away

std::vector<std::string> aliases_of(const std::vector<identity::IssuerConfig>& issuers) {
  std::vector<std::string> out;
  for (const identity::IssuerConfig& issuer : issuers) out.push_back(issuer.alias);
  return out;
}

// On the keeper's thread.
void index_segment(const std::string& path, const std::function<void()>& between) {
  if (trail::has_index(path)) return;
  if (const auto written = trail::write_index(path, between); !written)
    spdlog::warn("{}; until it has an index, searches read the whole segment",
                 written.error().message());
}

}  // namespace

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::create(Config config, const Clock* clock) {
  auto state = std::make_unique<State>(std::move(config), clock);
  if (Result<> built = state->build(); !built) return built.error();
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Result<> Server::State::build() {
  if (config.shards == 0) config.shards = std::max(1U, std::thread::hardware_concurrency());
  if (config.upstream.endpoint.kind == net::Endpoint::Kind::tls) {
    auto tls = net::make_client_context(config.upstream.tls);
    if (!tls) return tls.error();
    upstream_tls = *tls;
  }
  if (Result<> opened = open_journals(); !opened) return opened;
  control = std::make_unique<upstream::Control>(io, config.upstream);
  if (!config.fleet.secret) config.fleet.secret = config.upstream.admin_password;
  store = std::make_unique<fleet::Store>(*control, config.fleet);
  if (Result<> loaded = load_revocations(); !loaded) return loaded;
  leases = std::make_unique<lease::LeaseService>(io, *control, config.lease, *journal, clock,
                                                 store.get());
  leases->set_hooks(
      {.renewed =
           [this](const lease::LeasePtr& lease) {
             for (auto& thread : shards) {
               asio::post(thread->io,
                          [shard = thread->shard.get(), lease] { shard->leases().renewed(lease); });
             }
           },
       .moved =
           [this](const char*) {
             for (auto& thread : shards) {
               asio::post(thread->io, [shard = thread->shard.get()] { shard->pool().move_on(); });
             }
           }});
  // How the first look at Redis ended.
  const auto claimed = std::make_shared<std::optional<Result<>>>();
  auto redis = meet_redis(
      io, *control, kMeetRedis,
      [this, claimed] {
        store->refresh_secret();  // the password may be another one now
        if (policy != nullptr) renew_attestation();
        revocations->control_up();
        if (desk != nullptr) desk->control_up();
        make_trigger_user();
        leases->on_control_up([this, claimed](const Result<>& result) {
          const bool said = result || result.error().code() == Errc::invalid ||
                            result.error().code() == Errc::forbidden;
          if (!*claimed && said) claimed->emplace(result);
          // With a static user Keyward's own may do without these rights.
          if (!result && config.lease.static_user.empty())
            spdlog::warn("leases: {}", result.error().message());
          else if (!result)
            spdlog::info("leases: {}; only grants with `lease: {{mode: static}}` can be used",
                         result.error().message());
        });
      },
      [this](const std::string& why) {
        if (!stopping)
          spdlog::warn("control connection to {}: {}", config.upstream.endpoint.text(), why);
      });
  if (!redis)
    return Error(redis.error().code(),
                 config.upstream.endpoint.text() + ": " + redis.error().message());
  // Before anything is served: a second process of one name would delete the users of the first.
  if (!run_until(io, std::chrono::steady_clock::now() + config.lease.period + kMeetRedis,
                 [&] { return claimed->has_value(); })) {
    return Error(Errc::timeout, config.upstream.endpoint.text() + ": Redis did not answer in time");
  }
  if (!**claimed && (*claimed)->error().code() == Errc::invalid) return (*claimed)->error();
  catalog = redis->catalog;
  facts = std::make_shared<const proxy::ServerFacts>(std::move(redis->facts));
  if (Result<> loaded = load_policy(); !loaded) return loaded;
  renew_attestation();
  build_desk();
  if (Result<> built = build_shards(); !built) return built;
  if (Result<> built = build_triggers(); !built) return built;
  if (Result<> read = read_revocations(); !read) return read;
  return start_admin();
}

Result<> Server::State::open_journals() {
  auto forwarding = forward::Forwarders::open(config.audit.forward, config.audit_directory,
                                              config.instance, clock);
  if (!forwarding) return forwarding.error();
  forwarders = *std::move(forwarding);
  auto keeping = audit::Keeper::open(
      {.directory = config.audit_directory,
       .instance = config.instance,
       .every = config.audit.checkpoint_every,
       .key_file = config.audit.signing_key,
       .rotate = config.audit.rotate,
       .compress = config.audit.compress,
       .retention = config.audit.retention,
       .hold = [this](std::string_view stream) { return forwarders->hold(stream); },
       .on_closed = index_segment},
      clock);
  if (!keeping) return keeping.error();
  keeper = std::move(*keeping);
  for (const std::string& path : config.audit.checkpoint_copies)
    keeper->copy_to(audit::checkpoint_file(path));
  const std::string& secret = config.audit.names_secret;
  auto names = audit::obtain_name_key(
      secret.empty() ? audit::name_key_file(config.audit_directory, config.instance) : secret);
  if (!names) return names.error();
  name_hash = std::make_shared<const audit::NameHash>(*names);
  scripts = std::make_shared<proxy::ScriptBook>(
      config.audit.script_texts ? config.audit_directory + "/" + config.instance + ".scripts" : "");
  auto opened = open_journal("control");
  if (!opened) return opened.error();
  journal = std::move(*opened);
  return {};
}

Result<std::unique_ptr<audit::Journal>> Server::State::open_journal(const std::string& stream) {
  auto opened = audit::Journal::open({.directory = config.audit_directory,
                                      .instance = config.instance,
                                      .stream = stream,
                                      .redis_label = config.upstream.endpoint.text(),
                                      .rotate = config.audit.rotate,
                                      .signed_by = keeper->key_id()},
                                     clock);
  if (opened) keeper->watch(stream, (*opened)->head());
  return opened;
}

Result<> Server::State::build_shards() {
  std::vector<net::SslContext> contexts;
  for (const proxy::ListenerConfig& listener : config.listeners) {
    if (Result<> free = net::check_port_free(listener.endpoint); !free) return free;
  }
  for (std::size_t index = 0; index < config.shards; ++index) {
    auto thread = std::make_unique<ShardThread>();
    auto opened = open_journal("shard-" + std::to_string(index));
    if (!opened) return opened.error();
    auto client = std::make_unique<lease::LeaseClient>(thread->io, io, *leases);
    lease::LeaseClient* leases_of_shard = client.get();
    asio::io_context* shard_io = &thread->io;
    upstream::LinkSettings links{
        .io = thread->io,
        .turn = thread->turn,
        .endpoint = config.upstream.endpoint,
        .tls = upstream_tls,
        .server_name = config.upstream.tls.server_name,
        .connect_timeout = config.upstream.connect_timeout,
        .repair =
            [leases_of_shard](const std::string& user, std::function<void(bool)> done) {
              leases_of_shard->repair(
                  user, lease::Refusal::login,
                  [done = std::move(done)](Result<> result) { done(result.has_value()); });
            },
        .password =
            [leases_of_shard](const std::string& user) { return leases_of_shard->password(user); },
        .cut = [leases_of_shard](const std::string&) { leases_of_shard->look(); }};
    proxy::ShardWiring wiring{
        .clock = clock,
        .limits = config.limits,
        .policy = in_force,
        .refresh_keys =
            [this, shard_io](const std::string& alias, std::function<void()> done) {
              asio::post(io, [this, shard_io, alias, done = std::move(done)] {
                keys->refresh(alias, [shard_io, done] { asio::post(*shard_io, done); });
              });
            },
        .unblock = [this](std::uint64_t id) { asio::post(io, [this, id] { unblock(id); }); },
        .ask_remote =
            [this, shard_io](std::shared_ptr<const identity::RemoteQuestion> question,
                             std::function<void(identity::RemoteAnswer)> done) {
              asio::post(io, [this, shard_io, question = std::move(question),
                              done = std::move(done)]() mutable {
                ask_remote(std::move(question),
                           [shard_io, done = std::move(done)](identity::RemoteAnswer answer) {
                             asio::post(*shard_io, [done, answer = std::move(answer)]() mutable {
                               done(std::move(answer));
                             });
                           });
              });
            },
        .connections = connections,
        .usage = usage,
        .scripts = scripts,
        .name_hash = name_hash,
        .sources = addresses,
        .first_id = index + 1,
        .id_step = config.shards};
    thread->shard = std::make_unique<proxy::Shard>(
        thread->io, std::move(wiring), std::move(links), std::move(*opened),
        std::make_unique<identity::Authenticator>(config.issuers, config.user_placeholders, clock),
        std::move(client), thread->turn);
    thread->shard->set_facts(facts);
    thread->shard->set_attestation(attestation);
    if (Result<> listening = listen(*thread, index == 0); !listening) return listening;
    shards.push_back(std::move(thread));
  }
  remote = std::make_unique<identity::RemoteVerifier>(io, config.issuers, clock);
  keys = std::make_unique<identity::KeyFetcher>(
      io, config.issuers, clock,
      [this](const std::string& alias, std::shared_ptr<const identity::KeySet> set,
             MonoTime fetched) {
        authenticator->set_keys(alias, set, fetched);
        for (auto& thread : shards) {
          asio::post(thread->io, [shard = thread->shard.get(), alias, set, fetched] {
            shard->authenticator().set_keys(alias, set, fetched);
          });
        }
        // A key set reaches every shard before the next step is taken from here.
        asio::post(io, [this] { maybe_ready(); });
      });
  return {};
}

Result<> Server::State::listen(ShardThread& thread, bool first) {
  for (proxy::ListenerConfig& listener : config.listeners) {
    net::SslContext tls;
    if (listener.endpoint.kind == net::Endpoint::Kind::tls) {
      auto made = net::make_server_context(listener.tls);
      if (!made) return made.error();
      tls = *made;
    }
    auto acceptor = net::Acceptor::listen(thread.io, listener.endpoint);
    if (!acceptor) return acceptor.error();
    if (first)
      listener.endpoint.port =
          (*acceptor)->port();  // port 0: the other shards join the one that was taken
    thread.shard->listen(std::move(*acceptor), listener, tls);
  }
  return {};
}

Result<> Server::State::start_admin() {
  if (!config.admin.enabled) return {};
  net::SslContext tls;
  if (config.admin.endpoint.kind == net::Endpoint::Kind::tls) {
    auto made = net::make_server_context(config.admin.tls);
    if (!made) return made.error();
    tls = *made;
  }
  admin = std::make_unique<admin::AdminServer>(
      io, config.admin.endpoint, tls,
      admin::Sources{
          .readiness = [this] { return readiness(); },
          .metrics = [this] { return metrics(); },
          .policy = [this] { return policy_status(); },
          .snapshot = [this] { return policy; },
          .reload =
              [this](const std::string& trigger, std::function<void()> done) {
                return reload_policy(trigger, std::move(done));
              },
          .revocations = {.list = [this] { return revocations->list(); },
                          .add = [this](identity::Revocation what,
                                        auto done) { revoke(std::move(what), std::move(done)); },
                          .lift = [this](const std::string& id, const std::string& by,
                                         const std::string& reason,
                                         auto done) { lift(id, by, reason, std::move(done)); },
                          .issuers = aliases_of(config.issuers),
                          .clock = &clock},
          .sessions = [this](const admin::SessionQuery& query,
                             auto done) { list_sessions(query, std::move(done)); },
          .instance = config.instance,
          .token = config.admin.token_file.empty()
                       ? std::function<Result<Secret>()>()
                       : [path = config.admin.token_file] { return secret_from_file(path); },
          .credentials = desk.get(),
          .clock = &clock,
          .record = [this](const admin::ApiCall& call) { return record_call(call); }});
  return admin->start();
}

void Server::State::start_threads() {
  for (std::size_t i = 0; i < shards.size(); ++i) {
    ShardThread& thread = *shards[i];
    asio::post(thread.io, [shard = thread.shard.get()] { shard->start(); });
    thread.thread = std::thread([&thread, i] {
      name_thread("shard-" + std::to_string(i));
      thread.io.run();
    });
  }
}

void Server::State::maybe_ready() {
  if (ready || stopping) return;
  ready = true;
  write_pid_file();
  for (const proxy::ListenerConfig& listener : config.listeners) {
    spdlog::info("listening on {} ({})", listener.endpoint.text(), listener.name);
  }
  spdlog::info("policy {} with {} grants, {} expectations held; {} shards", policy->version(),
               policy->grants().size(), policy->expectations(), shards.size());
  if (on_ready) on_ready();
}

void Server::State::write_pid_file() const {
  if (config.pid_file.empty()) return;
  std::ofstream(config.pid_file) << ::getpid() << "\n";
}

void Server::State::watch_signals() {
  signals->async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    if (signal == SIGHUP) {
      reload_certificates();
      (void)reload_policy("signal", {});
      watch_signals();
      return;
    }
    ++stop_signals;
    if (stop_signals == 1) {
      spdlog::info("signal {}: draining; send it again to close every client now", signal);
      shut_down();
    } else if (stop_signals == 2) {
      spdlog::warn("second signal: closing every client; the ACL users are still deleted");
      for (auto& thread : shards) {
        asio::post(thread->io, [shard = thread->shard.get()] { shard->close_sessions(); });
      }
    } else {
      return finish();
    }
    watch_signals();
  });
}

void Server::State::shut_down() {
  if (std::exchange(stopping, true)) return;
  draining = shards.size() + 1;
  const auto drained = [this] {
    if (--draining == 0) leases->delete_all(kDeleteUsers, [this] { finish(); });
  };
  drain_triggers(drained);
  for (auto& thread : shards) {
    asio::post(thread->io, [this, drained, one = thread.get()] {
      one->shard->drain([this, drained, one] {
        one->shard->leases().close();
        asio::post(io, drained);
      });
    });
  }
}

void Server::State::finish() {
  for (auto& thread : shards) thread->io.stop();
  if (triggers != nullptr) triggers->io.stop();
  io.stop();
}

int Server::run(std::function<void()> on_ready) {
  // A peer that is gone and a file at its size limit are errors of one write, not the end of the
  // process.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  State& state = *state_;
  state.on_ready = std::move(on_ready);
  state.io.restart();
  state.signals = std::make_unique<asio::signal_set>(state.io, SIGTERM, SIGINT, SIGHUP);
  state.watch_signals();
  state.timer = std::make_unique<asio::steady_timer>(state.io);
  state.poll_info();
  state.watch_policies();
  state.keeper->start();
  state.forwarders->start();
  state.desk->control_up();
  state.start_threads();
  state.start_triggers();
  state.keys->start();
  asio::post(state.io, [&state] {
    const auto& issuers = state.config.issuers;
    const bool waits = std::any_of(issuers.begin(), issuers.end(),
                                   [](const auto& issuer) { return issuer.has_keys(); });
    if (!waits) state.maybe_ready();
  });
  state.io.run();
  for (auto& thread : state.shards) {
    if (thread->thread.joinable()) thread->thread.join();
  }
  if (state.triggers != nullptr && state.triggers->thread.joinable()) state.triggers->thread.join();
  state.watch.reset();
  state.loader.reset();
  state.admin.reset();
  state.revocations.reset();
  state.desk.reset();
  state.triggers.reset();
  state.shards.clear();
  state.tell_refused_calls(MonoTime::max());
  state.journal->close("stopped");
  state.keeper->finish();
  state.forwarders->finish(kSendTheRest);
  if (!state.config.pid_file.empty()) std::filesystem::remove(state.config.pid_file);
  return 0;
}

void Server::stop() {
  boost::asio::post(state_->io, [this] { state_->shut_down(); });
}

}  // namespace keyward::server
