// The local endpoint for clients that cannot refresh tokens: accepts, logs in for them, renews.
#pragma once

#include "keyward/agent/config.h"
#include "keyward/agent/token.h"
#include "keyward/base/result.h"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keyward::agent {

// Everything runs on the thread that runs io(), commands of token sources aside.
class Agent {
 public:
  // Opens the listeners. `source` instead of config.token when it is not null; made with io() in
  // mind by `make`.
  using MakeSource = std::function<Result<std::unique_ptr<TokenSource>>(boost::asio::io_context&)>;
  [[nodiscard]] static Result<std::unique_ptr<Agent>> create(AgentConfig config,
                                                             const MakeSource& make);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  [[nodiscard]] boost::asio::io_context& io();
  // Accepts from now on. `on_token` runs once, when the first token is there.
  void start(std::function<void()> on_token);
  // Ends the clients at safe points, the rest after the drain time; then `done`.
  void drain(std::function<void()> done);
  // As they were bound: port 0 became a port.
  [[nodiscard]] std::vector<net::Endpoint> listening() const;
  // One JSON object.
  [[nodiscard]] std::string status() const;
  // Why there is no token; "" when there is one.
  [[nodiscard]] std::string token_trouble() const;

 private:
  struct State;
  explicit Agent(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// READY=1 or STOPPING=1 to the service manager that asked for it (sd_notify(3)); without one
// nothing.
void notify_manager(const char* state);

}  // namespace keyward::agent
