#include "keyward/trail/query.h"

#include "trail/pattern.h"

#include "keyward/base/ascii.h"
#include "keyward/base/glob.h"

#include <algorithm>

namespace keyward::trail {
namespace {

bool among(const std::vector<std::string>& words, std::string_view value) {
  return words.empty() || std::any_of(words.begin(), words.end(),
                                      [value](const std::string& word) { return word == value; });
}

// One name of a record: `size` is the length it had, `cut` says that only its beginning stands
// here.
struct Name {
  std::string_view shown;
  std::uint64_t size;
  bool cut;
};

bool is_name(const Name& name, const std::string& word) {
  if (is_glob(word)) return glob_match(word, name.shown);
  if (word == name.shown) return true;
  return name.cut && word.size() == name.size && word.starts_with(name.shown);
}

// What is not shown may go on either way.
bool begins(const Name& name, const std::string& prefix) {
  return name.shown.starts_with(prefix) ||
         (name.cut && prefix.size() <= name.size && prefix.starts_with(name.shown));
}

template <class Test>
bool any_key(const Record& record, const std::vector<std::string>& words, const Test& test) {
  for (std::size_t index = 0; index < record.keys.size(); ++index) {
    const Name name{record.keys[index],
                    record.key_bytes.empty() ? record.keys[index].size() : record.key_bytes[index],
                    (record.keys_cut >> index & 1U) != 0};
    for (const std::string& word : words) {
      if (test(name, word)) return true;
    }
  }
  return words.empty();
}

bool any_channel(const Record& record, const std::vector<std::string>& words) {
  for (const std::string_view channel : record.channels) {
    for (const std::string& word : words) {
      if (is_name({channel, channel.size(), false}, word)) return true;
    }
  }
  return words.empty();
}

bool is_command(const Query& query, std::string_view command) {
  return query.commands.empty() ||
         std::any_of(query.commands.begin(), query.commands.end(), [&](const std::string& word) {
           return command == word || (command.starts_with(word) && command[word.size()] == '|');
         });
}

bool is_user(const Query& query, const Record& record) {
  if (query.users.empty()) return true;
  return among(query.users, record.user) ||
         (!record.user_alt.empty() && among(query.users, record.user_alt));
}

bool is_outcome(const Query& query, Outcome outcome) {
  return query.outcomes.empty() ||
         std::find(query.outcomes.begin(), query.outcomes.end(), outcome) != query.outcomes.end();
}

bool is_db(const Query& query, const Record& record) {
  return query.dbs.empty() || (record.has_db && std::find(query.dbs.begin(), query.dbs.end(),
                                                          record.db) != query.dbs.end());
}

}  // namespace

std::string lower_command(std::string_view name) {
  std::string out = lowered(name);
  std::replace(out.begin(), out.end(), ' ', '|');
  return out;
}

bool serves_the_trail(std::string_view kind) {
  return kind == "session" || kind == "segment" || kind == "checkpoint";
}

bool matches(const Query& query, const Record& record) {
  if (record.time_us < query.from_us || record.time_us >= query.until_us) return false;
  if (query.kinds.empty() ? serves_the_trail(record.kind) : !among(query.kinds, record.kind))
    return false;
  return is_outcome(query, record.outcome) && is_db(query, record) &&
         among(query.principals, record.principal) && is_user(query, record) &&
         is_command(query, record.command) && among(query.sessions, record.session) &&
         among(query.grants, record.grant) && among(query.sources, record.source_ip) &&
         any_key(record, query.keys, is_name) && any_key(record, query.key_prefixes, begins) &&
         any_channel(record, query.channels);
}

}  // namespace keyward::trail
