// What a trigger starts: one call that answers done, retry or dead.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/diagnostics.h"
#include "keyward/base/result.h"
#include "keyward/base/secret.h"
#include "keyward/trigger/event.h"
#include "keyward/trigger/rule.h"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace keyward::trigger {

// `triggers.connections[]` of keyward.yaml: where targets are and with which credentials. Read by
// server/config_triggers.cc; immutable afterwards.
struct Connection {
  enum class Kind : std::uint8_t { aws, http };
  std::string name;
  Kind kind = Kind::http;
  std::vector<std::string> teams;  // that may use it; empty = all
  // https:// (http:// only to loopback). Of aws: empty = the service's own endpoint of the region.
  std::string url;
  std::string region;     // aws
  std::string profile;    // aws: of the shared credentials file; empty = AWS_PROFILE, then default
  std::string ca_file;    // PEM; empty = the system's
  bool internal = false;  // private and loopback addresses may be connected to
  // http: one of the two, or none. Read anew for each call, so that they may rotate.
  std::string user;                        // with `secret`: HTTP Basic
  std::function<Result<Secret>()> secret;  // alone: the value of `header`
  std::string header = "Authorization";    // where it stands
  std::string scheme = "Bearer";           // in front of it; empty = nothing
};

// One call. Views nothing: a target may keep it while the call is under way.
struct Start {
  std::string name;       // execution_name(): also the idempotency key and the CloudEvents id
  std::string input;      // rendered, JSON in UTF-8, deterministic
  std::string rule;       // name
  std::string subject;    // stream, channel or key
  std::string principal;  // who caused it
  WallTime time{};        // when it was caused
  std::uint32_t attempt = 1;
};

struct Answer {
  enum class Verdict : std::uint8_t {
    done,   // it runs, or it was there already under this name: acknowledge
    retry,  // throttled, 5xx, away, expired credentials: again, later
    dead,   // it can never become good: dead-letter stream
  };
  Verdict verdict = Verdict::retry;
  bool already = false;  // done: an earlier attempt had started it
  // For records and metrics: "started", "already_started", "throttled", "http_503",
  // "StateMachineDoesNotExist" ... [A-Za-z0-9_]{1,64}.
  std::string reason;
  std::string detail;                  // one line for people, no secret, no input
  std::chrono::milliseconds after{0};  // retry: not before (Retry-After); 0 = it does not say
};

// Lives on the engine's thread, one for each rule. Calls may overlap.
class Target {
 public:
  virtual ~Target() = default;
  // `done` runs exactly once on that thread, never from inside the call; not after the Target is
  // gone. Ends within the rule's timeout.
  virtual void start(Start what, std::function<void(Answer)> done) = 0;
};

// What would be sent, for `keyward trigger test`: no secret, no signature, nothing is sent.
struct Preview {
  std::string method, url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// The connection that the rule names, of a kind that fits; else an error at the rule's place.
// Null: it was reported.
[[nodiscard]] const Connection* connection_of(const Rule& rule,
                                              const std::vector<Connection>& connections,
                                              Diagnostics& diagnostics);

[[nodiscard]] Result<std::unique_ptr<Target>> make_target(boost::asio::io_context& io,
                                                          const Rule& rule,
                                                          const Connection& connection);
[[nodiscard]] Result<Preview> preview(const Rule& rule, const Connection& connection,
                                      const Start& what);

}  // namespace keyward::trigger
