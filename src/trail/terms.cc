#include "trail/terms.h"

#include "trail/pattern.h"

namespace keyward::trail {
namespace {

Asked name(Field field, const std::string& word) {
  if (is_glob(word)) return {field, literal_beginning(word).substr(0, kSurelyShown), true};
  if (word.size() <= kSurelyShown) return {field, word, false};
  return {field, word.substr(0, kSurelyShown), true};
}

template <class Values, class Make>
void add(std::vector<std::vector<Asked>>& all, const Values& values, const Make& make) {
  if (values.empty()) return;
  auto& list = all.emplace_back();
  for (const auto& value : values) make(value, list);
}

}  // namespace

std::vector<std::vector<Asked>> asked_by(const Query& query) {
  std::vector<std::vector<Asked>> all;
  const auto exactly = [&](Field field, const std::vector<std::string>& values) {
    add(all, values, [field](const std::string& value, std::vector<Asked>& list) {
      list.push_back({field, value, false});
    });
  };
  add(all, query.keys, [](const std::string& value, std::vector<Asked>& list) {
    list.push_back(name(Field::key, value));
    list.push_back({Field::odd, {}, false});
  });
  add(all, query.channels, [](const std::string& value, std::vector<Asked>& list) {
    list.push_back(name(Field::channel, value));
  });
  add(all, query.key_prefixes, [](const std::string& value, std::vector<Asked>& list) {
    list.push_back({Field::key, value.substr(0, kSurelyShown), true});
    list.push_back({Field::odd, {}, false});
  });
  add(all, query.commands, [](const std::string& value, std::vector<Asked>& list) {
    list.push_back({Field::command, value, false});
    list.push_back({Field::command, value + "|", true});
  });
  add(all, query.outcomes, [](Outcome value, std::vector<Asked>& list) {
    list.push_back({Field::outcome, std::string(name_of(value)), false});
  });
  add(all, query.dbs, [](std::uint32_t value, std::vector<Asked>& list) {
    list.push_back({Field::db, std::to_string(value), false});
  });
  exactly(Field::principal, query.principals);
  exactly(Field::user, query.users);
  exactly(Field::kind, query.kinds);
  exactly(Field::session, query.sessions);
  exactly(Field::grant, query.grants);
  exactly(Field::source, query.sources);
  return all;
}

}  // namespace keyward::trail
