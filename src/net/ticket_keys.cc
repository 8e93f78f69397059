#include "net/ticket_keys.h"

#include "keyward/base/hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <chrono>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>

namespace keyward::net {
namespace {

constexpr std::size_t kKeyBytes = 16 + 32 + 32;

std::int64_t epoch_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(since).count() /
         TicketKeys::kEpochSeconds;
}

// HKDF-SHA256 (RFC 5869) with `info` and no salt.
void derive(std::string_view secret, std::string_view info, std::span<unsigned char> out) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr), &EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr, &EVP_KDF_CTX_free);
  char digest[] = "SHA256";
  std::string key(secret), label(info);
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label.data(), label.size()),
      OSSL_PARAM_construct_end()};
  const bool made =
      context && EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) == 1;
  OPENSSL_cleanse(key.data(), key.size());
  // Tickets sealed with a guess would be worse than no service.
  if (!made) throw std::runtime_error("OpenSSL has no HKDF-SHA256");
}

void drop(void* /*parent*/, void* pointer, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*number*/,
          void* /*more*/) {
  delete static_cast<std::shared_ptr<TicketKeys>*>(pointer);
}

int place() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, drop);
  return index;
}

bool arm_mac(EVP_MAC_CTX* mac, const TicketKeys::Key& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_init(mac, key.mac.data(), key.mac.size(), parameters) == 1;
}

}  // namespace

// SSL_CTX_set_tlsext_ticket_key_evp_cb(3).
struct TicketSeal {
  static int run(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                 EVP_MAC_CTX* mac, int sealing) {
    auto* held = static_cast<std::shared_ptr<TicketKeys>*>(
        SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), place()));
    if (held == nullptr) return -1;
    const std::int64_t now = epoch_now();
    return sealing != 0 ? seal((*held)->cached(now), name, iv, cipher, mac)
                        : open(**held, now, name, iv, cipher, mac);
  }

  static int seal(const TicketKeys::Key& key, unsigned char* name, unsigned char* iv,
                  EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    std::memcpy(name, key.name.data(), key.name.size());
    const bool ready =
        EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1 &&
        arm_mac(mac, key);
    return ready ? 1 : -1;
  }

  // 2: opened with the last epoch's key; the client gets a new ticket. 0: a full handshake.
  static int open(TicketKeys& keys, std::int64_t now, const unsigned char* name,
                  const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
    for (const std::int64_t epoch : {now, now - 1}) {
      const TicketKeys::Key key = keys.cached(epoch);
      if (std::memcmp(name, key.name.data(), key.name.size()) != 0) continue;
      const bool ready =
          EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1 &&
          arm_mac(mac, key);
      return !ready ? -1 : epoch == now ? 1 : 2;
    }
    return 0;
  }
};

TicketKeys::TicketKeys(const Secret& secret, std::string_view scope) {
  std::string root(kSecretBytes, '\0');
  derive(secret.reveal(), "keyward tickets of " + std::string(scope),
         {reinterpret_cast<unsigned char*>(root.data()), root.size()});
  root_ = Secret(std::move(root));
  cache_.fill({-1, {}});
}

TicketKeys::Key TicketKeys::of_epoch(std::int64_t epoch) const {
  std::array<unsigned char, kKeyBytes> bytes;
  derive(root_.reveal(), "epoch " + std::to_string(epoch), bytes);
  Key key;
  std::memcpy(key.name.data(), bytes.data(), 16);
  std::memcpy(key.cipher.data(), bytes.data() + 16, 32);
  std::memcpy(key.mac.data(), bytes.data() + 48, 32);
  return key;
}

TicketKeys::Key TicketKeys::cached(std::int64_t epoch) {
  const std::lock_guard lock(mutex_);
  auto& [which, key] = cache_[static_cast<std::size_t>(epoch & 1)];
  if (which != epoch) {
    key = of_epoch(epoch);
    which = epoch;
  }
  return key;
}

void TicketKeys::install(SSL_CTX& context, std::shared_ptr<TicketKeys> keys) {
  auto held = std::make_unique<std::shared_ptr<TicketKeys>>(std::move(keys));
  if (SSL_CTX_set_ex_data(&context, place(), held.get()) != 1) return;
  (void)held.release();
  SSL_CTX_set_tlsext_ticket_key_evp_cb(&context, &TicketSeal::run);
}

}  // namespace keyward::net
