// What ACL GETUSER says of the leased users, so that a user that somebody edits is told from the
// one that was made. Redis writes rules in its own words: only Redis's words of another time can be
// compared with them. Pure.
#pragma once

#include "keyward/base/secret.h"
#include "keyward/upstream/control.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keyward::lease {

class SeenRules {
 public:
  enum class Verdict : std::uint8_t { unknown, same, altered, missing };

  // Redis has just made the user, or changed it, for us: what is known of it is past.
  void made(const std::string& user) { users_[user] = {}; }
  void forget(const std::string& user) { users_.erase(user); }
  void forget_all() { users_.clear(); }

  // An answer of ACL GETUSER. `hashes`: the passwords that the user should have, as hex SHA-256.
  // Unknown: it is kept as what is right, for good when `sure`, else until settle().
  Verdict answered(const std::string& user, const upstream::ControlReply& reply,
                   const std::vector<std::string>& hashes, bool sure);
  // Nobody else changed a user since: what was seen meanwhile is what was made. Otherwise it is
  // unknown again.
  void settle(bool undisturbed);

  [[nodiscard]] std::vector<std::string> unknown(std::size_t most) const;
  [[nodiscard]] std::vector<std::string> known() const;

 private:
  struct User {
    std::string digest;  // empty = unknown
    bool sure = false;
  };
  std::unordered_map<std::string, User> users_;
};

}  // namespace keyward::lease
