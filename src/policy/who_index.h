// Which grants could match a principal: by its subject and groups, so that a login does not ask
// every grant of the folder. Immutable once made.
#pragma once

#include "policy/model.h"

#include "keyward/identity/principal.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keyward::policy {

class WhoIndex {
 public:
  WhoIndex() = default;
  explicit WhoIndex(const std::vector<GrantModel>& grants);

  // Positions in `grants`, ascending, each once: every grant that matches is among them.
  [[nodiscard]] std::vector<std::uint32_t> candidates(const identity::Principal& principal) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Positions = std::vector<std::uint32_t>;
  using ByName = std::unordered_map<std::string, Positions, Hash, std::equal_to<>>;
  // A line of `who` is found by its exact subject, else by any of its groups, else always.
  struct Issuer {
    ByName subjects, groups;
    Positions others;
  };
  std::map<std::string, Issuer, std::less<>> issuers_;
};

}  // namespace keyward::policy
