#include "server/config_sections.h"

namespace keyward::server {

using namespace std::chrono_literals;

void read_limits(const yaml::Node& root, Config& config) {
  const yaml::Node limits = root.get("limits");
  if (!limits.present()) return;
  limits.only({"connections", "connections_per_source", "waiting_logins",
               "failed_logins_per_minute", "logins_per_source", "logins_per_identity",
               "handshake_deadline", "login_deadline", "stall_deadline", "expiry_grace",
               "expiry_jitter", "drain_deadline", "output_buffer", "inflight", "transaction_bytes",
               "filtered_answer", "max_request", "stream_above"});
  constexpr std::uint64_t kKiB = 1024, kGiB = 1024 * 1024 * kKiB;
  auto& out = config.limits;
  read_number(limits.get("connections"), 1, 1'000'000, out.connections);
  read_number(limits.get("connections_per_source"), 0, 1'000'000, out.connections_per_source);
  read_number(limits.get("waiting_logins"), 1, 1'000'000, out.waiting_logins);
  read_number(limits.get("failed_logins_per_minute"), 1, 1'000'000, out.failed_logins_per_minute);
  read_number(limits.get("logins_per_source"), 0, 1'000'000, out.logins_per_source);
  read_number(limits.get("logins_per_identity"), 0, 1'000'000, out.logins_per_identity);
  read_duration(limits.get("handshake_deadline"), 100ms, 5min, out.handshake_deadline);
  read_duration(limits.get("login_deadline"), 100ms, 5min, out.login_deadline);
  read_duration(limits.get("stall_deadline"), 100ms, 1h, out.stall_deadline);
  read_duration(limits.get("expiry_grace"), 0ms, 60s, out.expiry_grace);
  read_duration(limits.get("expiry_jitter"), 0ms, 60s, out.expiry_jitter);
  read_duration(limits.get("drain_deadline"), 0ms, 1h, out.drain_deadline);
  read_bytes(limits.get("output_buffer"), 64 * kKiB, 4 * kGiB, out.output_soft);
  read_number(limits.get("inflight"), 1, 10'000'000, out.inflight);
  read_bytes(limits.get("transaction_bytes"), kKiB, 4 * kGiB, out.transaction_bytes);
  read_bytes(limits.get("filtered_answer"), 64 * kKiB, 4 * kGiB, out.filtered_answer);
  read_bytes(limits.get("max_request"), 64 * kKiB, 4 * kGiB, out.requests.max_buffered);
  const yaml::Node stream_above = limits.get("stream_above");
  read_bytes(stream_above, 16 * kKiB, kGiB, out.requests.stream_above);
  if (out.requests.stream_above > out.requests.max_buffered) {
    (stream_above.present() ? stream_above : limits.get("max_request"))
        .error("an argument would have to be held that is larger than a request may be",
               "stream_above at most as large as max_request");
  }
}

}  // namespace keyward::server
