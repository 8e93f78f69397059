#include "keyward/trigger/engine.h"

#include "trigger/records.h"
#include "trigger/rule_runner.h"

#include "keyward/base/log.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace keyward::trigger {

struct Engine::State : std::enable_shared_from_this<Engine::State> {
  State(boost::asio::io_context& context, EngineConfig settings,
        std::unique_ptr<audit::Journal> journal, const Clock& time, std::function<void()> told)
      : io(context),
        config(std::move(settings)),
        records(std::move(journal)),
        writer(io, config.redis),
        common{io, config, time, records, writer, nullptr},
        refused(std::move(told)),
        limit(io) {}

  // The user is made before the first rule is handed over, so there is something to log in as.
  void start_writer() {
    if (std::exchange(started, true)) return;
    writer.start(
        [this] {
          for (const auto& runner : runners) runner->wake();
        },
        [this](const std::string& why) {
          if (draining) return;
          spdlog::warn("triggers: {}", why);
          if (refused) refused();
        });
  }

  [[nodiscard]] bool has(const std::vector<Rule>& rules, const Rule& one) const {
    return std::find(rules.begin(), rules.end(), one) != rules.end();
  }

  void set_rules(std::vector<Rule> rules) {
    if (draining) return;
    wanted = std::move(rules);
    if (!wanted.empty()) start_writer();
    for (auto at = runners.begin(); at != runners.end();) {
      if (has(wanted, (*at)->rule())) {
        ++at;
        continue;
      }
      leaving.push_back(*at);
      at = runners.erase(at);
      let_go(*leaving.back());
    }
    begin_wanted();
  }

  void let_go(RuleRunner& runner) {
    runner.stop([weak = weak_from_this(), gone = &runner] {
      if (const auto self = weak.lock()) self->left(gone);
    });
  }

  void left(const RuleRunner* gone) {
    std::erase_if(leaving, [&](const auto& one) { return one.get() == gone; });
    if (draining) return drained();
    begin_wanted();
  }

  // A rule that changed begins when its old self is done: one consumer, one name.
  void begin_wanted() {
    for (const Rule& rule : wanted) {
      const auto same = [&](const auto& one) { return one->rule().name == rule.name; };
      if (std::any_of(runners.begin(), runners.end(), same) ||
          std::any_of(leaving.begin(), leaving.end(), same))
        continue;
      begin(rule);
    }
  }

  void begin(const Rule& rule) {
    Diagnostics found;
    const Connection* connection = connection_of(rule, config.connections, found);
    if (connection == nullptr) {
      spdlog::error("trigger {} does nothing:\n{}", rule.name, found.text());
      return;
    }
    auto target = make_target(io, rule, *connection);
    if (!target) {
      spdlog::error("trigger {} does nothing: {}", rule.name, target.error().message());
      return;
    }
    runners.push_back(
        std::make_shared<RuleRunner>(common, rule, std::move(*target), counters_of(rule.name)));
    runners.back()->start();
  }

  std::shared_ptr<Counters> counters_of(const std::string& name) {
    const std::lock_guard lock(mutex);
    std::shared_ptr<Counters>& one = counters[name];
    if (one == nullptr) one = std::make_shared<Counters>();
    return one;
  }

  void set_keys(std::shared_ptr<const AttestationKeys> keys) {
    common.keys = std::move(keys);
    for (const auto& runner : runners) runner->wake();
  }

  void drain(std::chrono::milliseconds within, std::function<void()> told) {
    draining = true;
    done = std::move(told);
    limit.expires_after(within);
    limit.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!self || error) return;
      self->leaving.clear();
      self->drained();
    });
    leaving.insert(leaving.end(), runners.begin(), runners.end());
    runners.clear();
    const auto stopping = leaving;
    for (const auto& runner : stopping) let_go(*runner);
    drained();
  }

  void drained() {
    if (!leaving.empty() || !done) return;
    limit.cancel();
    writer.stop();
    (void)records.flush();
    records.close();
    boost::asio::post(io, std::exchange(done, nullptr));
  }

  boost::asio::io_context& io;
  const EngineConfig config;
  Records records;
  upstream::Control writer;
  Common common;
  std::function<void()> refused;
  std::vector<Rule> wanted;
  std::vector<std::shared_ptr<RuleRunner>> runners, leaving;
  bool started = false, draining = false;
  boost::asio::steady_timer limit;
  std::function<void()> done;
  mutable std::mutex mutex;  // of the map alone
  std::map<std::string, std::shared_ptr<Counters>> counters;
};

Engine::Engine(boost::asio::io_context& io, EngineConfig config,
               std::unique_ptr<audit::Journal> journal, const Clock& clock,
               std::function<void()> refused)
    : state_(std::make_shared<State>(io, std::move(config), std::move(journal), clock,
                                     std::move(refused))) {}

Engine::~Engine() = default;

void Engine::set_rules(std::vector<Rule> rules) {
  boost::asio::post(state_->io, [state = state_, rules = std::move(rules)]() mutable {
    state->set_rules(std::move(rules));
  });
}

void Engine::set_keys(std::shared_ptr<const AttestationKeys> keys) {
  boost::asio::post(state_->io, [state = state_, keys = std::move(keys)]() mutable {
    state->set_keys(std::move(keys));
  });
}

void Engine::drain(std::chrono::milliseconds within, std::function<void()> done) {
  boost::asio::post(state_->io, [state = state_, within, done = std::move(done)]() mutable {
    state->drain(within, std::move(done));
  });
}

std::map<std::string, std::shared_ptr<const Counters>> Engine::counters() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->counters.begin(), state_->counters.end()};
}

}  // namespace keyward::trigger
