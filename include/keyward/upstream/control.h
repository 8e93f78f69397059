// Keyward's own commands (ACL, COMMAND, INFO) on a connection that never carries client traffic.
// hiredis parses. One thread.
#pragma once

#include "keyward/base/result.h"
#include "keyward/upstream/config.h"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keyward::upstream {

// A parsed RESP2 reply as a value.
struct ControlReply {
  enum class Type : std::uint8_t { status, error, integer, string, array, nil };
  Type type = Type::nil;
  std::string text;  // status, error, string
  std::int64_t integer = 0;
  std::vector<ControlReply> elements;
};

// Keeps one connection up: logs in as the admin user, reconnects with back-off (50 .. 400 ms,
// jitter: who is back within a second shall be found within a second). When the admin password has
// changed in its file, logs in once more on the same connection. Calls are pipelined in order. A
// call made while down fails at once with Errc::unavailable; calls in flight when the link dies
// fail with Errc::closed.
class Control {
 public:
  using Done = std::function<void(Result<ControlReply>)>;

  Control(boost::asio::io_context& io, UpstreamConfig config);
  ~Control();
  // `on_up` runs after each successful login, `on_down(reason)` after each loss or failed attempt.
  void start(std::function<void()> on_up, std::function<void(const std::string&)> on_down);
  void stop();
  void call(const std::vector<std::string>& argv, Done done);
  // As call(), and hands over the raw bytes of the reply as well (for COMMAND).
  void call_raw(const std::vector<std::string>& argv,
                std::function<void(Result<std::string>)> done);
  [[nodiscard]] bool up() const;
  // Closes the connection and makes another: the address may lead elsewhere now.
  void reconnect(const std::string& why);
  // Why it is not up, or what is wrong although it is: for people, without a secret. Empty = fine.
  [[nodiscard]] const std::string& trouble() const;

  // How many commands that change users were sent, by all who call.
  struct AclCalls {
    std::uint64_t setuser = 0, deluser = 0;
  };
  [[nodiscard]] AclCalls acl_calls() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyward::upstream
