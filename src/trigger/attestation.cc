#include "keyward/trigger/attestation.h"

#include "keyward/base/derived_key.h"
#include "keyward/base/hash.h"
#include "keyward/base/same_secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>

namespace keyward::trigger {
namespace {

// Another form of the text gets another number here and in front of it, and with it another key.
constexpr std::string_view kPurpose = "keyward attestation v1";
constexpr std::string_view kTextVersion = "1";
constexpr std::size_t kParts = 7;  // version, at, due, nonce, grant, principal, MAC
constexpr std::size_t kNonceBytes = 16, kMacBytes = 32;
// A principal's id has 2 KiB at most before it is escaped; whatever is longer is not ours.
constexpr std::size_t kLongest = 8192;
// The clocks of instances are taken to agree so far.
constexpr std::chrono::seconds kClocksDiffer{30};

struct DigestFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

bool add_sized(EVP_MD_CTX* context, std::string_view text) {
  std::array<char, 8> length{};
  for (std::size_t i = 0; i < length.size(); ++i)
    length[i] = static_cast<char>(text.size() >> (8 * (length.size() - 1 - i)) & 0xff);
  return EVP_DigestUpdate(context, length.data(), length.size()) == 1 &&
         EVP_DigestUpdate(context, text.data(), text.size()) == 1;
}

// Every text with its length in front, so that no two entries have the same bytes.
std::string signed_text(std::string_view stream, std::span<const FieldView> fields,
                        std::string_view head) {
  thread_local const std::unique_ptr<EVP_MD_CTX, DigestFree> context(EVP_MD_CTX_new());
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  std::array<unsigned char, 32> digest{};
  bool good = context && sha256 != nullptr &&
              EVP_DigestInit_ex2(context.get(), sha256, nullptr) == 1 &&
              add_sized(context.get(), stream) && add_sized(context.get(), head);
  for (const auto& [name, value] : fields)
    good = good && add_sized(context.get(), name) && add_sized(context.get(), value);
  good = good && EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1;
  if (!good) std::abort();  // nothing can be attested, and nothing may be believed
  return std::string(kPurpose).append(reinterpret_cast<const char*>(digest.data()), digest.size());
}

bool plain_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == ':' || c == '@' || c == '/' || c == ',';
}

// %XX for everything that could end a part: a principal's id may hold any byte.
void escape_part(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : text) {
    if (plain_byte(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
}

int escaped_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Only what escape_part() writes.
std::optional<std::string> unescape_part(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (plain_byte(text[i])) {
      out += text[i];
      continue;
    }
    if (text[i] != '%' || i + 2 >= text.size()) return std::nullopt;
    const int high = escaped_digit(text[i + 1]), low = escaped_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    const char c = static_cast<char>(high * 16 + low);
    if (plain_byte(c)) return std::nullopt;
    out += c;
    i += 2;
  }
  return out;
}

std::int64_t in_milliseconds(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

// Milliseconds as to_string() writes them, of the years that WallTime holds.
std::optional<WallTime> attested_time(std::string_view text) {
  constexpr std::int64_t kMost = 9'000'000'000'000'000;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  const bool canonical = text == "0" || (!text.empty() && text.front() != '0');
  if (!whole || !canonical || number < 0 || number > kMost) return std::nullopt;
  return WallTime(std::chrono::milliseconds(number));
}

bool is_base64url(std::string_view text, std::size_t bytes) {
  const auto raw = base64url_decode(text);
  return raw && raw->size() == bytes;
}

std::string head_of(const Attested& who) {
  std::string out(kTextVersion);
  out.append(" ").append(std::to_string(in_milliseconds(who.at)));
  out.append(" ").append(std::to_string(in_milliseconds(who.due)));
  out.append(" ").append(who.nonce).append(" ");
  escape_part(out, who.grant);
  out += ' ';
  escape_part(out, who.principal);
  return out;
}

struct ParsedAttestation {
  std::string_view head, mac;
  Attested who;
};

std::optional<ParsedAttestation> parse_attestation(std::string_view text) {
  if (text.size() > kLongest) return std::nullopt;
  std::array<std::string_view, kParts> parts;
  std::string_view rest = text;
  for (std::size_t i = 0; i < kParts; ++i) {
    const std::size_t space = rest.find(' ');
    if ((space == std::string_view::npos) != (i + 1 == kParts)) return std::nullopt;
    parts[i] = rest.substr(0, space);
    if (parts[i].empty()) return std::nullopt;
    if (space != std::string_view::npos) rest.remove_prefix(space + 1);
  }
  const auto at = attested_time(parts[1]), due = attested_time(parts[2]);
  auto grant = unescape_part(parts[4]), principal = unescape_part(parts[5]);
  if (parts[0] != kTextVersion || !at || !due || !is_base64url(parts[3], kNonceBytes) || !grant ||
      !principal || !is_base64url(parts[6], kMacBytes))
    return std::nullopt;
  return ParsedAttestation{text.substr(0, text.size() - parts[6].size() - 1),
                           parts[6],
                           {.principal = *std::move(principal),
                            .grant = *std::move(grant),
                            .at = *at,
                            .due = *due,
                            .nonce = std::string(parts[3])}};
}

}  // namespace

AttestationKeys::AttestationKeys(const Secret& current, const std::optional<Secret>& previous)
    : current_(derive_key(current, kPurpose)),
      previous_(previous ? derive_key(*previous, kPurpose) : Secret()) {}

std::string AttestationKeys::mac(std::string_view text, int which) const {
  const Secret& key = which == 0 ? current_ : previous_;
  if (key.empty()) return {};
  std::string out(kMacBytes, '\0');
  unsigned int size = 0;
  const auto* made = HMAC(EVP_sha256(), key.reveal().data(), static_cast<int>(key.reveal().size()),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                          reinterpret_cast<unsigned char*>(out.data()), &size);
  if (made == nullptr || size != kMacBytes) std::abort();
  return out;
}

std::string make_nonce() { return base64url_encode(random_bytes(kNonceBytes)); }

std::string attest(const AttestationKeys& keys, std::string_view stream,
                   std::span<const FieldView> fields, const Attested& who) {
  std::string out = head_of(who);
  const std::string mac = keys.mac(signed_text(stream, fields, out));
  return out.append(" ").append(base64url_encode(mac));
}

std::string_view to_string(Unattested why) {
  switch (why) {
    case Unattested::absent:
      return "absent";
    case Unattested::malformed:
      return "malformed";
    case Unattested::forged:
      return "forged";
    case Unattested::early:
      return "early";
    case Unattested::stale:
      return "stale";
  }
  return "malformed";
}

Verdict verify(const AttestationKeys& keys, std::string_view stream,
               std::span<const FieldView> fields, WallTime now, std::chrono::milliseconds max_age) {
  const auto named = std::count_if(fields.begin(), fields.end(), [](const FieldView& field) {
    return field.first == kAttestationField;
  });
  if (named == 0) return {{}, Unattested::absent};
  if (named > 1 || fields.back().first != kAttestationField) return {{}, Unattested::malformed};
  auto parsed = parse_attestation(fields.back().second);
  if (!parsed) return {{}, Unattested::malformed};
  const std::string text = signed_text(stream, fields.first(fields.size() - 1), parsed->head);
  const std::string mac = *base64url_decode(parsed->mac);
  if (!same_secret(keys.mac(text), mac) && !same_secret(keys.mac(text, 1), mac))
    return {{}, Unattested::forged};
  if (parsed->who.at > now + kClocksDiffer || parsed->who.due > now + kClocksDiffer)
    return {{}, Unattested::early};
  if (now - parsed->who.due > max_age) return {{}, Unattested::stale};
  return {std::move(parsed->who), Unattested::absent};
}

bool caused_under(const Attested& who, std::span<const std::string> from) {
  std::string_view rest = who.grant;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    if (std::find(from.begin(), from.end(), rest.substr(0, comma)) != from.end()) return true;
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return false;
}

}  // namespace keyward::trigger
