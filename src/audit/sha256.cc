#include "audit/sha256.h"

#include <algorithm>
#include <cstring>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace keyward::audit {
namespace {

using Pairs = std::array<char, 512>;

// "00", "01", ... "ff"
constexpr Pairs kPairs = [] {
  constexpr std::string_view kDigits = "0123456789abcdef";
  Pairs pairs{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    pairs[2 * byte] = kDigits[byte >> 4];
    pairs[2 * byte + 1] = kDigits[byte & 15];
  }
  return pairs;
}();

}  // namespace

// None of these can fail: they compute in place.
void Sha256::begin() { SHA256_Init(&context_); }

void Sha256::resume(const State& state, std::size_t hashed) {
  SHA256_Init(&context_);
  std::copy(state.begin(), state.end(), context_.h);
  context_.Nl = static_cast<SHA_LONG>(hashed * 8);
  context_.Nh = static_cast<SHA_LONG>(hashed >> 29);
}

void Sha256::add(std::string_view bytes) { SHA256_Update(&context_, bytes.data(), bytes.size()); }

Sha256::State Sha256::state() const {
  State state{};
  std::copy(std::begin(context_.h), std::end(context_.h), state.begin());
  return state;
}

HexDigest Sha256::finish() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> raw;
  SHA256_Final(raw.data(), &context_);
  HexDigest text;
  for (std::size_t index = 0; index < raw.size(); ++index)
    std::memcpy(text.data() + 2 * index, kPairs.data() + 2 * std::size_t{raw[index]}, 2);
  return text;
}

}  // namespace keyward::audit
