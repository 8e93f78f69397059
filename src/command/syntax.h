// The options of the commands that have any: one table, read by analyse() from left to right, each
// option at most once.
#pragma once

#include "keyward/command/command_info.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace keyward::command {

// What an option does to the judgement.
enum class Effect : std::uint8_t {
  none,
  reads,        // the first key's content is returned
  modifies,     // the command changes state
  destination,  // its value is a key that is written
  blocks,       // the command may wait
  bounds_scan,  // its value is the pattern that bounds what is listed
  names_keys,   // its value is a prefix of keys, or where it holds a '*' a pattern of them
  refused,      // not for clients of the proxy
};

// What an option's values must be.
enum class Values : std::uint8_t {
  any,
  integers,
  plain_pattern,  // any; without a '*' it needs no rule: SORT BY nosort
  hash_sign,      // any; "#" needs no rule: SORT GET #
};

inline constexpr std::uint8_t kOnePerKey = 255;

struct Option {
  std::string_view name;    // lower case
  std::uint8_t values = 0;  // how many arguments follow it; kOnePerKey: as many as there are keys
  Effect effect = Effect::none;
  Values kind = Values::any;
  std::uint8_t group = 0;       // at most one of a group; 0 = in no group
  bool repeats = false;         // may come more than once
  std::string_view why = {};    // said to the client: Effect::refused, or when `needs` is missing
  std::string_view rule = {};   // its value needs an argument rule of that name (RuledUse::option)
  std::string_view needs = {};  // an option that must be given as well
};

struct Syntax {
  Grammar grammar = Grammar::options;
  std::uint8_t first = 0;       // index of the first option (options), of the count (numkeys)
  std::uint8_t after_keys = 0;  // numkeys: fixed arguments between the keys and the options
  bool free_rest = false;       // numkeys: whatever follows the keys are values (EVAL)
  bool by_option =
      false;  // a write only when an option with Effect::modifies or destination is there
  bool group_needed = false;  // streams: GROUP must be there
  bool finds_keys =
      false;  // finds by itself the keys of key-specs that begin at a keyword or are unknown
  std::span<const Option> options = {};
};

// Null when key-specs say all there is to say.
[[nodiscard]] const Syntax* syntax_of(std::string_view command);
[[nodiscard]] ValueArgs values_of(std::string_view command);

}  // namespace keyward::command
