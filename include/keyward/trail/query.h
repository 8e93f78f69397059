// What somebody looks for in a trail.
#pragma once

#include "keyward/trail/record.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::trail {

// A record matches when every list that is not empty has a word for it, and its time is in the
// span.
struct Query {
  // Bytes, or a Redis glob where there is one of * ? [ (a backslash takes its meaning away). Of a
  // key that was longer than the trail shows, what is shown, or the whole key, finds it.
  std::vector<std::string> keys, channels;
  std::vector<std::string> key_prefixes;
  std::vector<std::string> principals;  // "okta:9f2c1a7be0d34c55"
  std::vector<std::string> users;       // the name shown, or the subject
  std::vector<std::string> commands;  // as lower_command() gives them; "config" takes "config|set"
  std::vector<std::string> kinds;     // empty: all but what serves the trail itself
  std::vector<std::string> sessions, grants, sources;
  std::vector<Outcome> outcomes;
  std::vector<std::uint32_t> dbs;
  std::uint64_t from_us = 0, until_us = ~std::uint64_t{0};  // until: not itself
};

// "CONFIG SET" and "config|set" as the trail spells it.
[[nodiscard]] std::string lower_command(std::string_view name);

// Of a joined record.
[[nodiscard]] bool matches(const Query& query, const Record& record);

// `session`, `segment` and `checkpoint` records say what others leave out; they are no events.
[[nodiscard]] bool serves_the_trail(std::string_view kind);

}  // namespace keyward::trail
