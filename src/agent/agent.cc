#include "keyward/agent/agent.h"

#include "agent/local_listener.h"
#include "agent/tunnel.h"

#include "keyward/base/log.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <unordered_map>
#include <utility>

namespace keyward::agent {

struct Agent::State {
  explicit State(AgentConfig given) : config(std::move(given)), turn(io) {}

  void accepted(Descriptor client, const DialogueRules& of);
  void new_token();
  void ended();

  AgentConfig config;
  SystemClock clock;
  boost::asio::io_context io{1};
  net::Turn turn;
  std::unique_ptr<TokenKeeper> tokens;
  std::unique_ptr<TunnelSettings> settings;
  std::vector<std::unique_ptr<LocalListener>> listeners;
  std::vector<std::unique_ptr<DialogueRules>> rules;  // one per listener, at a lasting place
  std::unordered_map<Tunnel*, std::unique_ptr<Tunnel>> tunnels;
  boost::asio::steady_timer timer{io};
  std::function<void()> on_token, on_drained;
  std::uint64_t accepted_count = 0, over_limit = 0;
};

Agent::Agent(std::unique_ptr<State> state) : state_(std::move(state)) {}

Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::create(AgentConfig config, const MakeSource& make) {
  auto made = std::make_unique<State>(std::move(config));
  State& state = *made;
  if (state.config.listeners.empty())
    return Error(Errc::invalid,
                 "no listener: name one, unix:///run/keyward/agent.sock for example");
  auto tls = net::make_client_context(state.config.tls);
  if (!tls) return tls.error();
  auto source = make(state.io);
  if (!source) return source.error();
  state.tokens = std::make_unique<TokenKeeper>(state.io, std::move(*source), state.clock,
                                               [&state] { state.new_token(); });
  state.settings =
      std::make_unique<TunnelSettings>(TunnelSettings{.io = state.io,
                                                      .turn = state.turn,
                                                      .clock = state.clock,
                                                      .tokens = *state.tokens,
                                                      .upstream = state.config.upstream,
                                                      .tls = *tls,
                                                      .server_name = state.config.tls.server_name,
                                                      .connect_wait = state.config.connect_wait,
                                                      .upstream_trouble = {}});
  std::unique_ptr<Agent> agent(new Agent(std::move(made)));
  for (const ListenerConfig& listener : state.config.listeners) {
    auto rules = std::make_unique<DialogueRules>();
    rules->user = state.config.user;
    rules->status = [raw = agent.get()] { return raw->status(); };
    if (listener.password) {
      Result<Secret> password = listener.password();
      if (!password) return password.error();
      rules->password = std::make_shared<const Secret>(std::move(*password));
    }
    auto opened = LocalListener::listen(state.io, listener);
    if (!opened) return opened.error();
    state.listeners.push_back(std::move(*opened));
    state.rules.push_back(std::move(rules));
  }
  return agent;
}

boost::asio::io_context& Agent::io() { return state_->io; }

void Agent::start(std::function<void()> on_token) {
  State& state = *state_;
  state.on_token = std::move(on_token);
  for (std::size_t i = 0; i < state.listeners.size(); ++i) {
    state.listeners[i]->start(state.turn,
                              [&state, rules = state.rules[i].get()](Descriptor client) {
                                state.accepted(std::move(client), *rules);
                              });
    spdlog::info("listening on {}", state.listeners[i]->endpoint().text());
  }
  state.tokens->start();
}

void Agent::State::accepted(Descriptor client, const DialogueRules& of) {
  if (tunnels.size() >= config.max_clients) {
    ++over_limit;
    constexpr std::string_view kFull = "-ERR max number of clients reached\r\n";
    (void)::send(client.number(), kFull.data(), kFull.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  ++accepted_count;
  auto tunnel = std::make_unique<Tunnel>(*settings, of, std::move(client), [this](Tunnel& gone) {
    tunnels.erase(&gone);
    ended();
  });
  tunnels.emplace(tunnel.get(), std::move(tunnel));
}

void Agent::State::new_token() {
  for (auto& [key, tunnel] : tunnels) tunnel->renew();
  if (on_token) std::exchange(on_token, nullptr)();
}

void Agent::State::ended() {
  if (on_drained && tunnels.empty()) {
    timer.cancel();
    std::exchange(on_drained, nullptr)();
  }
}

void Agent::drain(std::function<void()> done) {
  State& state = *state_;
  state.on_drained = std::move(done);
  for (auto& listener : state.listeners) listener->stop();
  for (auto& [key, tunnel] : state.tunnels) tunnel->drain();
  state.timer.expires_after(state.config.drain);
  state.timer.async_wait([&state](const boost::system::error_code& stopped) {
    if (stopped) return;
    for (auto& [key, tunnel] : state.tunnels) tunnel->close();
  });
  state.ended();
}

std::vector<net::Endpoint> Agent::listening() const {
  std::vector<net::Endpoint> out;
  for (const auto& listener : state_->listeners) out.push_back(listener->endpoint());
  return out;
}

std::string Agent::token_trouble() const { return state_->tokens->trouble(); }

std::string Agent::status() const {
  const State& state = *state_;
  const TunnelSettings& counted = *state.settings;
  boost::json::array places;
  std::uint64_t turned_away = 0;
  for (const auto& listener : state.listeners) {
    places.emplace_back(listener->endpoint().text());
    turned_away += listener->turned_away();
  }
  boost::json::object token{{"source", state.tokens->source()},
                            {"fetched", state.tokens->fetched()},
                            {"held", state.tokens->current() != nullptr},
                            {"trouble", state.tokens->trouble()}};
  if (const auto end = state.tokens->expires())
    token["expires_in"] =
        std::chrono::duration_cast<std::chrono::seconds>(*end - state.clock.wall()).count();
  return boost::json::serialize(boost::json::object{{"version", KEYWARD_VERSION},
                                                    {"listeners", std::move(places)},
                                                    {"upstream", state.config.upstream.text()},
                                                    {"upstream_trouble", counted.upstream_trouble},
                                                    {"token", std::move(token)},
                                                    {"clients", state.tunnels.size()},
                                                    {"accepted", state.accepted_count},
                                                    {"turned_away", turned_away},
                                                    {"over_limit", state.over_limit},
                                                    {"renewals", counted.renewed},
                                                    {"renewals_refused", counted.renewals_refused},
                                                    {"logins_refused", counted.logins_refused}});
}

void notify_manager(const char* state) {
  const char* place = std::getenv("NOTIFY_SOCKET");
  if (place == nullptr || (place[0] != '/' && place[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t size = std::strlen(place);
  if (size >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, place, size);
  if (place[0] == '@') address.sun_path[0] = '\0';  // an abstract name, unix(7)
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  (void)::sendto(socket.number(), state, std::strlen(state), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), length);
}

}  // namespace keyward::agent
