// Search against a plain oracle: every line of every file parsed whole, joined and compared by
// itself.
#include "keyward/trail/search.h"

#include "made_trail.h"
#include "support/temp_dir.h"

#include "keyward/base/glob.h"
#include "keyward/base/latin1.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

namespace keyward::trail {
namespace {

namespace json = boost::json;
using test::MadeTrail;

struct Known {  // what a person would read off a line
  std::string line, kind, outcome, principal, user, user_alt, session, command, grant, source, db;
  std::string lease_user, policy;
  std::vector<std::string> keys, channels;
  std::map<std::size_t, std::size_t> cut;
  std::uint64_t time_us = 0;
};

std::string text(const json::value& whole, std::string_view pointer) {
  json::error_code error;
  const auto* found = whole.find_pointer(pointer, error);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : "";
}

void read_names(const json::object& keyward, const std::string& which,
                std::vector<std::string>& out) {
  if (const auto* names = keyward.if_contains(which)) {
    for (const auto& name : names->as_array()) out.emplace_back(name.as_string());
  }
  if (const auto* raw = keyward.if_contains(which + "_latin1")) {
    for (const auto& index : raw->as_array()) {
      std::string& name = out[static_cast<std::size_t>(index.as_int64())];
      name = *bytes_from_latin1(name);
    }
  }
}

Known know(const std::string& line) {
  Known out;
  out.line = line;
  const json::value whole = json::parse(line);
  const json::object& keyward = whole.at_pointer("/unmapped/keyward").as_object();
  out.kind = text(whole, "/unmapped/keyward/kind");
  out.outcome = text(whole, "/unmapped/keyward/outcome");
  if (out.outcome.empty()) out.outcome = "ok";
  if (out.kind == "denial") out.outcome = "denied";
  if (out.kind == "intent") out.outcome = "intent";
  const std::string who =
      whole.as_object().contains("actor") && !text(whole, "/actor/user/name").empty()
          ? "/actor/user"
          : "/user";
  out.principal = text(whole, who + "/uid");
  out.user = text(whole, who + "/name");
  out.user_alt = text(whole, who + "/uid_alt");
  out.session = text(whole, "/actor/session/uid") + text(whole, "/session/uid");
  if (out.kind.starts_with("login")) out.session = text(whole, "/session/uid");
  out.command = text(whole, "/query_info/name");
  out.grant = text(whole, "/unmapped/keyward/grant");
  out.source = text(whole, "/src_endpoint/ip");
  out.db = text(whole, "/database/name");
  out.lease_user = text(whole, "/unmapped/keyward/lease_user");
  out.policy = text(whole, "/unmapped/keyward/policy_version");
  out.time_us = static_cast<std::uint64_t>(keyward.at("time_us").as_int64());
  read_names(keyward, "keys", out.keys);
  read_names(keyward, "channels", out.channels);
  if (const auto* cuts = keyward.if_contains("keys_cut")) {
    for (const auto& cut : cuts->as_array())
      out.cut[static_cast<std::size_t>(cut.at("index").as_int64())] =
          static_cast<std::size_t>(cut.at("bytes").as_int64());
  }
  return out;
}

std::string text_of(const std::string& path) {
  auto segment = audit::Segment::open(path);
  return *audit::read_range(*segment, 0, segment->size());
}

// All records of all files, joined.
std::vector<Known> read_all(const std::string& folder) {
  std::vector<Known> all;
  for (const auto& file : *audit::list_trail(folder)) {
    std::map<std::string, Known> sessions;
    const std::string whole = text_of(file.path);
    for (std::size_t begin = 0, end = 0; (end = whole.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      Known one = know(whole.substr(begin, end - begin));
      if (one.kind == "session") sessions[one.session] = one;
      if (one.line.starts_with("{\"class_uid\":6005") && sessions.contains(one.session)) {
        const Known& session = sessions[one.session];
        one.lease_user = session.lease_user;
        one.policy = session.policy;
        one.user_alt = session.user_alt;
      }
      all.push_back(std::move(one));
    }
  }
  return all;
}

bool word_fits(const std::string& word, const std::string& name, std::optional<std::size_t> cut) {
  if (word.find_first_of("*?[\\") != std::string::npos) return glob_match(word, name);
  return word == name || (cut && *cut == word.size() && word.substr(0, name.size()) == name);
}

bool fits(const Query& query, const Known& one) {
  const auto in = [](const std::vector<std::string>& words, const std::string& value) {
    return words.empty() || std::count(words.begin(), words.end(), value) > 0;
  };
  if (one.time_us < query.from_us || one.time_us >= query.until_us) return false;
  if (query.kinds.empty() &&
      (one.kind == "session" || one.kind == "segment" || one.kind == "checkpoint"))
    return false;
  if (!in(query.kinds, one.kind) || !in(query.principals, one.principal)) return false;
  if (!query.users.empty() && !in(query.users, one.user) &&
      (one.user_alt.empty() || !in(query.users, one.user_alt)))
    return false;
  if (!in(query.sessions, one.session) || !in(query.grants, one.grant)) return false;
  if (!in(query.sources, one.source)) return false;
  std::vector<std::string> outcomes, dbs;
  for (const Outcome outcome : query.outcomes) outcomes.emplace_back(name_of(outcome));
  for (const auto db : query.dbs) dbs.push_back(std::to_string(db));
  if (!in(outcomes, one.outcome) || !in(dbs, one.db)) return false;
  if (!query.commands.empty() &&
      std::none_of(query.commands.begin(), query.commands.end(), [&](const std::string& word) {
        return one.command == word || one.command.rfind(word + "|", 0) == 0;
      }))
    return false;
  bool key = query.keys.empty(), prefix = query.key_prefixes.empty(),
       channel = query.channels.empty();
  for (std::size_t index = 0; index < one.keys.size(); ++index) {
    const std::string& name = one.keys[index];
    const auto cut = one.cut.contains(index) ? std::optional(one.cut.at(index)) : std::nullopt;
    for (const auto& word : query.keys) key = key || word_fits(word, name, cut);
    for (const auto& word : query.key_prefixes)
      prefix = prefix || name.rfind(word, 0) == 0 ||
               (cut && word.size() <= *cut && word.rfind(name, 0) == 0);
  }
  for (const auto& name : one.channels) {
    for (const auto& word : query.channels) channel = channel || word_fits(word, name, {});
  }
  return key && prefix && channel;
}

std::vector<std::string> expected(const std::vector<Known>& all, const Query& query) {
  std::vector<const Known*> found;
  for (const Known& one : all) {
    if (fits(query, one)) found.push_back(&one);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Known* a, const Known* b) { return a->time_us < b->time_us; });
  std::vector<std::string> out;
  for (const Known* one : found)
    out.push_back(one->lease_user + " " + one->policy + " " + one->line);
  return out;
}

struct Answer {
  std::vector<std::string> rows;
  SearchCounts counts;
};
Answer ask(const std::string& folder, const Query& query, SearchOptions options = {}) {
  Answer answer;
  const auto counts = search(
      {folder}, query, options,
      [](const Record& record, std::string& out) {
        out.append(record.lease_user).append(" ").append(record.policy_version).append(" ");
        out.append(record.line);
      },
      [&](std::string_view row) {
        answer.rows.emplace_back(row);
        return true;
      });
  EXPECT_TRUE(counts) << counts.error().message();
  answer.counts = *counts;
  return answer;
}

Query random_query(MadeTrail& trail, const std::vector<Known>& all) {
  Query query;
  const auto name = [&]() -> std::string {
    const std::string& some = trail.names()[trail.below(trail.names().size())];
    return trail.below(6) == 0 ? "never seen" : some;
  };
  const auto person = [&]() -> const test::Person& {
    return *trail.people()[trail.below(trail.people().size())];
  };
  const auto one = [&] { return all[trail.below(all.size())]; };
  for (std::size_t terms = 1 + trail.below(3); terms > 0; --terms) {
    switch (trail.below(13)) {
      case 0:
        query.keys.push_back(name());
        break;
      case 1:
        query.key_prefixes.push_back(name().substr(0, 1 + trail.below(300)));
        break;
      case 2:
        query.keys.push_back(trail.below(2) == 0 ? "app:user:1*" : "*\xff*");
        break;
      case 3:
        query.principals.push_back(one().principal);
        break;
      case 4:
        query.users.push_back(trail.below(2) == 0 ? person().label : person().subject_text);
        break;
      case 5:
        query.commands.push_back(trail.below(2) == 0 ? "config" : one().command);
        break;
      case 6:
        query.outcomes.push_back(static_cast<Outcome>(trail.below(6)));
        break;
      case 7:
        query.sessions.push_back(one().session);
        break;
      case 8:
        query.channels.push_back("ch:" + std::to_string(trail.below(10)));
        break;
      case 9:
        query.dbs.push_back(static_cast<std::uint32_t>(trail.below(4)));
        break;
      case 10:
        query.kinds.push_back(one().kind);
        break;
      case 11:
        query.sources.push_back(one().source);
        break;
      default:
        query.from_us = one().time_us;
        if (trail.below(2) == 0) query.until_us = one().time_us;
    }
  }
  return query;
}

std::vector<std::string> indexes(const std::string& folder) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".index") found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Does something to an index that must not change any answer.
void spoil(MadeTrail& trail, const std::vector<std::string>& files) {
  const std::string& path = files[trail.below(files.size())];
  std::string bytes = bytes_of(path);
  switch (trail.below(5)) {
    case 0:
      std::filesystem::remove(path);
      break;
    case 1:
      bytes[trail.below(bytes.size())] ^= static_cast<char>(1U << trail.below(8));
      put(path, bytes);
      break;
    case 2:
      put(path, bytes.substr(0, trail.below(bytes.size())));
      break;
    case 3:
      put(path, bytes_of(files[trail.below(files.size())]));  // of another segment
      break;
    default:
      put(path, "");
  }
}

class Searching : public ::testing::Test {
 protected:
  keyward::test::TempDir folder_;
};

TEST_F(Searching, AgreesWithAPlainScanWhateverTheIndexesAre) {
  for (const unsigned seed : {1U, 2U}) {
    std::filesystem::remove_all(folder_.path());
    std::filesystem::create_directory(folder_.path());
    MadeTrail trail(folder_.path(), seed, seed == 1 ? 300'000 : 1'200'000);
    trail.add(4000);
    trail.compress_some();
    const auto all = read_all(folder_.path());
    ASSERT_GT(all.size(), 4000U);
    std::size_t found = 0;
    for (int round = 0; round < 60; ++round) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " round " + std::to_string(round));
      const auto files = indexes(folder_.path());
      if (round % 3 == 2 && !files.empty()) spoil(trail, files);
      const Query query = random_query(trail, all);
      const bool indexed = trail.below(5) != 0;
      const Answer answer =
          ask(folder_.path(), query,
              {.threads = 1 + static_cast<unsigned>(trail.below(3)), .use_indexes = indexed});
      const auto rows = expected(all, query);
      ASSERT_EQ(answer.rows.size(), rows.size());
      EXPECT_EQ(answer.rows, rows);
      EXPECT_EQ(answer.counts.found, rows.size());
      EXPECT_TRUE(answer.counts.failed.empty());
      found += rows.size();
    }
    EXPECT_GT(found, 500U);
    EXPECT_FALSE(indexes(folder_.path()).empty());
  }
}

TEST_F(Searching, ReadsHardlyAnythingForARareKey) {
  MadeTrail trail(folder_.path(), 7, 3'000'000);
  trail.add(9000);
  trail.close();
  Query query;
  query.keys = {"nobody names this"};
  const Answer first = ask(folder_.path(), query);
  EXPECT_GT(first.counts.indexes_written, 0U);
  EXPECT_GE(first.counts.blocks, 8U);
  const Answer second = ask(folder_.path(), query);
  EXPECT_EQ(second.counts.indexes_written, 0U);
  EXPECT_EQ(second.counts.blocks_read, 0U);
  EXPECT_EQ(second.counts.found, 0U);
}

TEST_F(Searching, FindsWhatIsAppendedMeanwhile) {
  MadeTrail trail(folder_.path(), 3, 400'000);
  Query query;
  query.key_prefixes = {"app:user:"};
  for (int round = 0; round < 5; ++round) {
    trail.add(500);
    EXPECT_EQ(ask(folder_.path(), query).rows, expected(read_all(folder_.path()), query));
  }
}

TEST_F(Searching, GivesTheOldestFirstAndStopsAtTheLimit) {
  MadeTrail trail(folder_.path(), 4, 400'000);
  trail.add(1500);
  const auto rows = expected(read_all(folder_.path()), {});
  const Answer answer = ask(folder_.path(), {}, {.limit = 10});
  ASSERT_EQ(answer.rows.size(), 10U);
  EXPECT_TRUE(std::equal(answer.rows.begin(), answer.rows.end(), rows.begin()));
  const auto counted = search({folder_.path()}, {}, {}, {}, {});
  ASSERT_TRUE(counted);
  EXPECT_EQ(counted->found, rows.size());
}

TEST_F(Searching, WritesAnIndexForItsOwnerAlone) {
  MadeTrail trail(folder_.path(), 5, 300'000);
  trail.add(1200);
  const auto files = *audit::list_trail(folder_.path());
  ASSERT_TRUE(write_index(files.front().path));
  const auto made = indexes(folder_.path());
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(std::filesystem::status(made.front()).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_FALSE(write_index(folder_.file("none.jsonl")));
}

TEST_F(Searching, SaysWhatCannotBeRead) {
  EXPECT_FALSE(search({folder_.file("none")}, {}, {}, {}, {}));
  EXPECT_FALSE(search({folder_.path()}, {}, {}, {}, {}));
  MadeTrail trail(folder_.path(), 6, 300'000);
  trail.add(1200);
  trail.close();
  const auto files = *audit::list_trail(folder_.path());
  put(files.front().path + ".zst", "not compressed");
  std::filesystem::remove(files.front().path);
  const auto counts = search({folder_.path()}, {}, {}, {}, {});
  EXPECT_FALSE(counts);  // opened when it is listed
}

}  // namespace
}  // namespace keyward::trail
