// The keys that session tickets are sealed with (RFC 8446 section 4.6.1, RFC 5077). Made from one
// secret and the time, so that all threads, restarts and instances that share the secret open each
// other's tickets, and old keys go by themselves.
#pragma once

#include "keyward/base/secret.h"

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

namespace keyward::net {

// Thread-safe.
class TicketKeys {
 public:
  static constexpr std::int64_t kEpochSeconds = 4 * 3600;  // a key seals so long, and opens twice
  static constexpr std::size_t kSecretBytes = 32;          // at least

  // `scope`: what a ticket vouches for (who had to show which certificate): tickets of another
  // scope do not open.
  TicketKeys(const Secret& secret, std::string_view scope);

  struct Key {
    std::array<unsigned char, 16> name;  // RFC 5077 section 4: tells the keys apart
    std::array<unsigned char, 32> cipher, mac;
  };
  // The key of an epoch: seconds since 1970 / kEpochSeconds.
  [[nodiscard]] Key of_epoch(std::int64_t epoch) const;

  // Makes `context` use these keys, which live as long as it does.
  static void install(SSL_CTX& context, std::shared_ptr<TicketKeys> keys);

 private:
  friend struct TicketSeal;
  Key cached(std::int64_t epoch);
  Secret root_;
  std::mutex mutex_;
  std::array<std::pair<std::int64_t, Key>, 2> cache_{};
};

}  // namespace keyward::net
