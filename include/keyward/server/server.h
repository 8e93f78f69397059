// Assembles everything: the control thread and the shards; start, reload, drain, stop.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/result.h"
#include "keyward/server/config.h"

#include <functional>
#include <memory>
#include <string>

namespace keyward::server {

class Server {
 public:
  // Loads policies, connects upstream, opens listeners. Errors are ready to be shown to a person.
  // `clock`: one that tests move; it must live longer than the server.
  [[nodiscard]] static Result<std::unique_ptr<Server>> create(Config config,
                                                              const Clock* clock = nullptr);
  ~Server();
  // Serves until stop(); `on_ready` runs once when every shard accepts and Redis answered. SIGTERM
  // and SIGINT drain and stop, SIGHUP reloads policies, certificates and issuer files. Returns the
  // process's exit code.
  int run(std::function<void()> on_ready);
  void stop();  // any thread

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keyward::server
