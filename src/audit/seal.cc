#include "audit/seal.h"

#include "audit/chain.h"

#include <algorithm>

namespace keyward::audit {
namespace {

constexpr std::string_view kOpening = R"(,"seal":")";
constexpr std::string_view kOpenSeal =
    R"(,"seal":"0000000000000000000000000000000000000000000000000000000000000000")";
static_assert(kOpenSeal.size() == kOpening.size() + kNoHash.size() + 1);

// A quote inside a text is escaped, so the opening occurs once at most.
std::size_t find_digits(std::string_view line) {
  const std::size_t found = line.find(kOpening);
  if (found == std::string_view::npos) return found;
  const std::size_t digits = found + kOpening.size();
  return line.size() - digits < kNoHash.size() ? std::string_view::npos : digits;
}

// Of the line with an open seal.
HexDigest seal_of(std::string_view line, std::size_t digits) {
  Sha256 hash;
  hash.add(line.substr(0, digits));
  hash.add(view(kNoHash));
  hash.add(line.substr(digits + kNoHash.size()));
  return hash.finish();
}

}  // namespace

std::string_view open_seal() { return kOpenSeal; }

void seal(std::span<char> line) {
  const std::string_view text(line.data(), line.size());
  const std::size_t digits = find_digits(text);
  if (digits == std::string_view::npos) return;
  const HexDigest hash = seal_of(text, digits);
  std::copy(hash.begin(), hash.end(), line.begin() + static_cast<std::ptrdiff_t>(digits));
}

bool sealed(std::string_view line) {
  const std::size_t digits = find_digits(line);
  return digits != std::string_view::npos &&
         line.substr(digits, kNoHash.size()) == view(seal_of(line, digits));
}

}  // namespace keyward::audit
