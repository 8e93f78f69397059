// Proof that an entry of a trigger's stream came through Keyward: who caused it, under which grant,
// when. Pure; values may be shared by all threads.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/secret.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace keyward::trigger {

// The one field more that an attested entry has, always the last. A client may not write a field
// of this name to a stream that a rule names.
inline constexpr std::string_view kAttestationField = "keyward-attestation";

// Name and value of one field, in the order of the entry.
using FieldView = std::pair<std::string_view, std::string_view>;

struct Attested {
  std::string principal;  // identity::Principal::id
  std::string grant;      // that permitted the command; several, with commas, where several did
  WallTime at{};          // when it was caused
  // When it is to happen: of a timer its expiry, else `at`. Age counts from here.
  WallTime due{};
  std::string nonce;  // 128 random bits, base64url; unique, so that a copy of an entry is known
};

// HMAC keys made of the fleet's secret (fleet::StoreConfig::secret), and of the one before it.
// Immutable once made; hand around as shared_ptr<const AttestationKeys>.
class AttestationKeys {
 public:
  explicit AttestationKeys(const Secret& current, const std::optional<Secret>& previous = {});
  // HMAC-SHA-256, 32 bytes. `which`: 0 = current, 1 = previous; empty when there is none.
  [[nodiscard]] std::string mac(std::string_view text, int which = 0) const;

 private:
  Secret current_, previous_;
};

// The value of the field, over the stream's name (Redis's), all other fields in their order, and
// `who`. A fresh nonce is the caller's business (make_nonce()).
[[nodiscard]] std::string attest(const AttestationKeys& keys, std::string_view stream,
                                 std::span<const FieldView> fields, const Attested& who);
[[nodiscard]] std::string make_nonce();

enum class Unattested : std::uint8_t {
  absent,     // written around Keyward, or by an identity without the grant
  malformed,  // no attestation of ours, doubled, or not the last field
  forged,     // the MAC does not fit: altered, moved to another stream, another secret
  early,      // caused in the future, beyond what clocks differ
  stale,      // waited longer than max_age
};
[[nodiscard]] std::string_view to_string(Unattested why);

struct Verdict {
  std::optional<Attested> who;  // nothing: `why` says it
  Unattested why = Unattested::absent;
};

// `fields`: the whole entry as it was read, the attestation among them. Compares in constant time.
// That the grant is one of the rule's (caused_under()) and that the nonce is new is left to the
// engine: a nonce may be forgotten after max_age, since what used it is stale from then on.
[[nodiscard]] Verdict verify(const AttestationKeys& keys, std::string_view stream,
                             std::span<const FieldView> fields, WallTime now,
                             std::chrono::milliseconds max_age);

// One of the grants that permitted it is in `from`, the grants of a rule.
[[nodiscard]] bool caused_under(const Attested& who, std::span<const std::string> from);

}  // namespace keyward::trigger
