#include "keyward/identity/vended_password.h"

#include "keyward/base/hash.h"

#include <algorithm>

namespace keyward::identity {
namespace {

constexpr std::size_t kIdBytes = 12, kSecretBytes = 32;
constexpr std::string_view kPasswords = "kwcp_";
constexpr std::size_t kPasswordSize = kPasswords.size() + 2 * kIdBytes + 1 + 2 * kSecretBytes;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string new_vended_user(std::string_view prefix) {
  return std::string(prefix) + hex(random_bytes(kIdBytes));
}

Secret new_vended_password(std::string_view user) {
  std::string text(kPasswords);
  text.append(user.substr(std::min(user.size(), kProxyUsers.size())));
  text.append("_").append(hex(random_bytes(kSecretBytes)));
  return Secret(std::move(text));
}

bool is_vended_user(std::string_view text, std::string_view prefix) {
  return text.size() == prefix.size() + 2 * kIdBytes && text.starts_with(prefix) &&
         is_hex(text.substr(prefix.size()));
}

std::optional<std::string> vended_user_of(std::string_view password) {
  if (password.size() != kPasswordSize || !password.starts_with(kPasswords)) return std::nullopt;
  const std::string_view id = password.substr(kPasswords.size(), 2 * kIdBytes);
  const std::string_view rest = password.substr(kPasswords.size() + id.size());
  if (!is_hex(id) || rest.front() != '_' || !is_hex(rest.substr(1))) return std::nullopt;
  return std::string(kProxyUsers).append(id);
}

}  // namespace keyward::identity
