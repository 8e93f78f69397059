// The TLS context of a receiver, made anew once a minute: certificates are replaced under a running
// process.
#pragma once

#include "forward/receiver.h"

#include "keyward/net/tls.h"

#include <chrono>
#include <utility>

namespace keyward::forward {

// Used on the forwarder's thread only.
class ClientContext {
 public:
  // Errors: a certificate or key that cannot be used, as long as there never was one.
  [[nodiscard]] Result<> renew(const ForwarderConfig& config) {
    const auto now = std::chrono::steady_clock::now();
    if (context_ && now - made_ < kContextLife) return {};
    auto made = net::make_client_context(config.tls);
    if (!made) return context_ ? Result<>() : made.error();
    context_ = *std::move(made);
    made_ = now;
    return {};
  }
  [[nodiscard]] const net::SslContext& get() const { return context_; }

 private:
  net::SslContext context_;
  std::chrono::steady_clock::time_point made_{};
};

}  // namespace keyward::forward
