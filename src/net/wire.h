// The BIO through which OpenSSL reads and writes memory. What it reads and writes is set per call,
// per thread, so a connection owns no buffers for it.
#pragma once

#include <openssl/bio.h>

#include <span>
#include <string_view>

namespace keyward::net {

// Before an SSL_* call: `in` is what SSL may read. After it: in() is what it left, out() what it
// wants sent (valid until the next begin() on this thread).
class Wire {
 public:
  static void begin(std::string_view in);
  [[nodiscard]] static std::string_view in();
  [[nodiscard]] static std::string_view out();
  // A new BIO over this; freed with the SSL that takes it.
  [[nodiscard]] static BIO* make();
};

// Of this thread; overwritten by the next read of any stream.
[[nodiscard]] std::span<char> ciphertext_scratch();

}  // namespace keyward::net
