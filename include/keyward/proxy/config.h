// Caps and deadlines of client connections, in one place.
#pragma once

#include "keyward/audit/durability.h"
#include "keyward/net/endpoint.h"
#include "keyward/net/tls.h"
#include "keyward/resp/limits.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace keyward::proxy {

struct ListenerConfig {
  std::string name = "default";
  net::Endpoint endpoint;  // Kind::tls, or Kind::tcp for a plaintext listener (loopback only)
  net::ServerTlsConfig tls;
  // Alias of the issuer entry (profile mtls) that says who a client certificate is; empty: nobody.
  std::string client_identity;
};

struct ProxyLimits {
  audit::Durability durability = audit::Durability::written;  // of grants that name none
  // No record of commands that were sent: to measure what the records cost. Loopback only.
  bool measure_without_audit = false;
  bool hash_names = false;  // in records, also where no grant asks for it
  std::uint32_t connections = 20'000;  // of the process; beyond: refused with Redis's own text
  std::uint32_t connections_per_source = 0;     // of one address; 0 = no limit
  std::uint32_t waiting_logins = 10'000;        // connections that are not logged in
  std::uint32_t failed_logins_per_minute = 60;  // per address and issuer, by credential
  std::uint32_t logins_per_source = 0;          // a minute, good and bad ones; 0 = no limit
  std::uint32_t logins_per_identity = 0;        // a minute; 0 = no limit
  std::chrono::milliseconds handshake_deadline{10'000};  // TLS
  std::chrono::milliseconds login_deadline{10'000};      // from accept to a successful AUTH
  std::chrono::milliseconds stall_deadline{
      30'000};  // a client that does not read its replies while over output_soft
  std::chrono::milliseconds expiry_grace{
      10'000};  // idle sessions are closed this long after their end
  std::chrono::milliseconds expiry_jitter{
      5'000};  // closes at the end of sessions are spread over this time; counts within the grace
  std::chrono::milliseconds drain_deadline{10'000};  // SIGTERM
  std::size_t output_soft =
      64UL * 1024 * 1024;  // bytes of replies held for one client before its input is paused
  std::size_t inflight =
      128;  // commands of one client under way before its input is paused: what others wait behind
  std::size_t transaction_bytes = 64UL * 1024 * 1024;  // of one MULTI
  std::size_t filtered_answer = 64UL * 1024 * 1024;    // of one answer that must be seen whole
  resp::Limits requests;
};

}  // namespace keyward::proxy
