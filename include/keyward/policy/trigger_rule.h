// One entry of `triggers:` in a policy file: which event, caused by whom, starts what.
#pragma once

#include "keyward/base/reserved_keys.h"

#include <boost/json/value.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::policy {

struct TriggerSource {
  enum class Kind : std::uint8_t {
    stream,   // an entry of one stream, read through a consumer group
    channel,  // a message to one channel
    expired,  // a key that one SET EX, EXPIRE ... gave an expiry has reached it
  };
  Kind kind = Kind::stream;
  // Redis's names, in database 0: of a stream or channel exactly, of expiring keys a glob.
  std::string name;
  std::string group;  // of the stream; "keyward" unless it is named
  friend bool operator==(const TriggerSource&, const TriggerSource&) = default;
};

enum class TargetKind : std::uint8_t {
  step_functions,
  event_bridge,
  http,
  airflow,
  prefect,
  conductor,
};

// What is called. Where it is and with which credentials says a connection of keyward.yaml:
// policy files hold no address and no secret.
struct TriggerTarget {
  TargetKind kind = TargetKind::http;
  std::string via;  // name of the connection
  // The state machine's ARN, the event bus (name or ARN), the path of the URL, the DAG, the
  // deployment's id, the workflow's name.
  std::string resource;
  std::string source, detail_type;  // event_bridge
  std::string type;                 // http: CloudEvents `type`
  std::string api = "v2";           // airflow: v1 (2.x) or v2 (3.x)
  std::int64_t version = 0;         // conductor; 0 = the newest
  bool binary = false;              // http: CloudEvents in headers instead of one JSON document
  std::chrono::milliseconds timeout{10'000};  // of one attempt
  friend bool operator==(const TriggerTarget&, const TriggerTarget&) = default;
};

// After attempt n the next one comes after a random time of at most first * 2^(n-1), at most
// `most`. After `attempts` the event is dead.
struct TriggerRetry {
  std::uint32_t attempts = 10;
  std::chrono::milliseconds first{500};
  std::chrono::milliseconds most{60'000};
  friend bool operator==(const TriggerRetry&, const TriggerRetry&) = default;
};

// After so many failures in a row nothing is sent for `pause`; then one event is tried.
struct TriggerBreaker {
  std::uint32_t failures = 5;
  std::chrono::milliseconds pause{30'000};
  friend bool operator==(const TriggerBreaker&, const TriggerBreaker&) = default;
};

struct DeadLetters {
  std::string stream;           // Redis's name
  std::uint64_t most = 10'000;  // entries kept, about (MAXLEN ~)
  friend bool operator==(const DeadLetters&, const DeadLetters&) = default;
};

// A plain value, immutable inside a Snapshot; any thread.
struct TriggerRule {
  std::string name, team;
  std::string file;  // relative to the policy folder
  int line = 0;
  TriggerSource source;
  std::vector<std::string> from;  // names of grants of the same team that may cause it, sorted
  TriggerTarget target;
  // What the target gets, with places "{{...}}" in its texts; nothing = the whole event. Its
  // places were checked when it was read (trigger/input.h fills them).
  std::optional<boost::json::value> input;
  std::uint32_t rate = 0;          // starts a second of one instance; 0 = no limit
  std::uint32_t concurrency = 16;  // calls of one instance under way
  TriggerRetry retry;
  TriggerBreaker breaker;
  DeadLetters dead_letter;
  // An event that waited longer than this since it was caused is dead; also how long it is
  // remembered that an event was taken.
  std::chrono::milliseconds max_age = std::chrono::hours(24);
  friend bool operator==(const TriggerRule&, const TriggerRule&) = default;
};

// What lies beside a rule in database 0 begins so (trigger/rule.h says what that is).
[[nodiscard]] inline std::string trigger_base(std::string_view rule_name) {
  return std::string(kReservedKeys).append("trigger:").append(rule_name).append(":");
}

}  // namespace keyward::policy
