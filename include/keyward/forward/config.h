// Where the trail is sent: one forwarder as a value.
#pragma once

#include "keyward/base/result.h"
#include "keyward/base/secret.h"
#include "keyward/net/endpoint.h"
#include "keyward/net/tls.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace keyward::forward {

enum class Kind : std::uint8_t { syslog, splunk_hec, opensearch, http, otlp };

struct ForwarderConfig {
  std::string name{};  // in file names and metrics
  Kind kind = Kind::syslog;
  net::Endpoint endpoint{};  // syslog
  std::string url{};         // all others: where records are posted
  net::ClientTlsConfig tls{};
  // Asked before every request: a token that was exchanged is used at once. Empty: none.
  std::function<Result<Secret>()> secret{};
  std::string header = "Authorization";  // that carries it
  std::string scheme{};               // in front of it: "Bearer", "Splunk", "Basic" ("user:secret")
  std::string user{};                 // of Basic
  std::string index{}, sourcetype{};  // splunk_hec; opensearch: the index or data stream
  bool array = false;                 // http: one JSON array instead of lines
  bool ecs = false;                   // records as ECS instead of OCSF
  bool gzip = false;
  std::string only{};  // that stream alone (copies of checkpoints); empty = all

  std::size_t batch_bytes = std::size_t{1} << 20;
  std::size_t batch_records = 1000;
  std::chrono::milliseconds batch_time = std::chrono::seconds(1);
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
  std::chrono::milliseconds first_wait = std::chrono::milliseconds(500);
  std::chrono::milliseconds most_wait = std::chrono::minutes(1);
  // How far retention waits for it; beyond either it does not. No wait at all: age 0.
  std::chrono::seconds hold_age = std::chrono::hours(24 * 7);
  std::uint64_t hold_bytes = std::uint64_t{10} << 30;

  [[nodiscard]] std::string destination() const;  // for people; no secret in it
};

[[nodiscard]] const char* name(Kind kind);

}  // namespace keyward::forward
