// Who the sessions of one file are, while it is read. Every session is introduced again after 64
// MiB of a file (docs/audit.md), so what was not for longer than that can be forgotten.
#pragma once

#include "keyward/review/trail.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace keyward::review {

class Sessions {
 public:
  void introduce(std::string_view session, Actor actor);
  [[nodiscard]] const Actor* find(std::string_view session) const;
  void passed(std::size_t bytes);
  void forget();  // another file begins

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  template <class Value>
  using Table = std::unordered_map<std::string, Value, Hash, std::equal_to<>>;

  const Actor* intern(Actor actor);

  Table<const Actor*> newest_, older_;
  std::uint64_t window_ = 0;
  Table<std::unique_ptr<Actor>> actors_;
};

}  // namespace keyward::review
