#include "lease/seen_rules.h"

#include "keyward/base/hash.h"

#include <algorithm>

namespace keyward::lease {
namespace {

using upstream::ControlReply;

// Lengths keep the parts apart.
void describe(const ControlReply& reply, std::string& out) {
  out += static_cast<char>('a' + static_cast<int>(reply.type));
  out += std::to_string(reply.text.size()) + ":" + reply.text;
  out += std::to_string(reply.integer) + "," + std::to_string(reply.elements.size()) + ";";
  for (const ControlReply& one : reply.elements) describe(one, out);
}

bool has_exactly(const ControlReply& passwords, std::vector<std::string> wanted) {
  std::vector<std::string> found;
  for (const ControlReply& one : passwords.elements) found.push_back(one.text);
  std::ranges::sort(found);
  std::ranges::sort(wanted);
  return found == wanted;
}

}  // namespace

// A list of names and values; the passwords are ours to know, the rest is compared with before.
SeenRules::Verdict SeenRules::answered(const std::string& user, const ControlReply& reply,
                                       const std::vector<std::string>& hashes, bool sure) {
  const auto at = users_.find(user);
  if (at == users_.end()) return Verdict::unknown;
  if (reply.type != ControlReply::Type::array) {
    return reply.type == ControlReply::Type::nil ? Verdict::missing : Verdict::unknown;
  }
  std::string text;
  bool passwords = false;
  for (std::size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    if (reply.elements[i].text == "passwords") {
      passwords = has_exactly(reply.elements[i + 1], hashes);
    } else {
      describe(reply.elements[i], text);
      describe(reply.elements[i + 1], text);
    }
  }
  if (!passwords) return Verdict::altered;
  std::string digest = hex(sha256(text));
  User& seen = at->second;
  if (!seen.digest.empty() && seen.digest != digest) return Verdict::altered;
  if (!seen.digest.empty()) return Verdict::same;
  seen = {std::move(digest), sure};
  return Verdict::unknown;
}

void SeenRules::settle(bool undisturbed) {
  for (auto& [user, seen] : users_) {
    if (seen.digest.empty() || seen.sure) continue;
    if (undisturbed) {
      seen.sure = true;
    } else {
      seen.digest.clear();
    }
  }
}

std::vector<std::string> SeenRules::unknown(std::size_t most) const {
  std::vector<std::string> names;
  for (const auto& [user, seen] : users_) {
    if (names.size() >= most) break;
    if (seen.digest.empty()) names.push_back(user);
  }
  return names;
}

std::vector<std::string> SeenRules::known() const {
  std::vector<std::string> names;
  for (const auto& [user, seen] : users_) {
    if (seen.sure) names.push_back(user);
  }
  return names;
}

}  // namespace keyward::lease
