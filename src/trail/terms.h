// The words by which a segment is indexed: a letter for the field and the value behind it.
#pragma once

#include "keyward/trail/query.h"
#include "keyward/trail/record.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::trail {

enum class Field : char {
  channel = 'h',
  command = 'c',
  db = 'd',
  grant = 'g',
  kind = 'n',
  key = 'k',
  outcome = 'o',
  principal = 'p',
  session = 's',
  introduced = 'S',  // a `session` record of that session
  source = 'i',
  user = 'u',
  odd = 'x',  // of a name that is cut shorter than ours are: it may be any
};
inline constexpr std::string_view kFields = "hcdgnkopsSiux";
[[nodiscard]] constexpr std::uint32_t bit_of(Field field) {
  return 1U << kFields.find(static_cast<char>(field));
}
inline constexpr std::uint32_t kAllFields = (1U << kFields.size()) - 1;
// The shortest that the trail shows of a longer name: it is cut at 256 bytes, not inside a
// character.
inline constexpr std::size_t kSurelyShown = 252;
// What grows with the trail; all others are few.
inline constexpr std::uint32_t kManyWords =
    bit_of(Field::key) | bit_of(Field::channel) | bit_of(Field::session);

// `take(field, value)` for every word of a joined record.
template <class Take>
void words_of(const Record& record, Take&& take) {
  for (std::size_t index = 0; index < record.keys.size(); ++index) {
    take(Field::key, record.keys[index]);
    if ((record.keys_cut >> index & 1U) != 0 && record.keys[index].size() < kSurelyShown)
      take(Field::odd, std::string_view{});
  }
  for (const std::string_view channel : record.channels) take(Field::channel, channel);
  take(Field::command, record.command);
  if (record.has_db) take(Field::db, std::string_view(std::to_string(record.db)));
  take(Field::grant, record.grant);
  take(Field::kind, record.kind);
  take(Field::outcome, name_of(record.outcome));
  take(Field::principal, record.principal);
  take(Field::session, record.session);
  if (record.kind == "session") take(Field::introduced, record.session);
  take(Field::source, record.source_ip);
  take(Field::user, record.user);
  take(Field::user, record.user_alt);
}

// What an index is asked: blocks that have one of the words of each list.
struct Asked {
  Field field;
  std::string value;
  bool prefix = false;
};
[[nodiscard]] std::vector<std::vector<Asked>> asked_by(const Query& query);

}  // namespace keyward::trail
