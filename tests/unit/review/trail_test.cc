#include "unit/review/trail_maker.h"

namespace keyward::review {
namespace {

using test::TrailMaker;

TEST(TrailReaderTest, JoinsCommandsToTheirSession) {
  TrailMaker trail;
  trail.as("okta", "w1", {"workers"}, {"worker"}).run({"SET", "a:k", "v"});
  trail.as("eks", "system:serviceaccount:x:y").run({"DEL", "b:1", "b:2"}, 3);
  std::vector<std::string> seen;
  const TrailCounts counts = trail.each([&](const Record& record) {
    std::string text = record.actor->issuer + "|" + record.actor->subject + "|" +
                       std::string(record.command) + "|" + std::to_string(record.db);
    for (const auto key : record.keys) text += "|" + std::string(key);
    seen.push_back(text);
    if (record.command == "set") {
      EXPECT_EQ(record.actor->groups, std::vector<std::string>{"workers"});
      EXPECT_EQ(record.actor->grants, std::vector<std::string>{"worker"});
      EXPECT_EQ(record.rule, "old.yaml:7");
    }
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"okta|w1|set|0|a:k",
                                            "eks|system:serviceaccount:x:y|del|3|b:1|b:2"}));
  EXPECT_EQ(counts.commands, 2U);
  EXPECT_EQ(counts.unreadable, 0U);
  EXPECT_EQ(counts.unjoined, 0U);
  EXPECT_GT(counts.last_us, counts.first_us);
}

TEST(TrailReaderTest, GivesBackTheBytesOfNames) {
  const std::string binary("q\x06\x16\xff\x00z", 6);
  TrailMaker trail;
  trail.as("okta", "w1").run({"SET", binary, "v"}).run({"SET", "plain", "v"});
  std::vector<std::string> keys;
  trail.each([&](const Record& record) { keys.emplace_back(record.keys.at(0)); });
  EXPECT_EQ(keys, (std::vector<std::string>{binary, "plain"}));
}

TEST(TrailReaderTest, SaysWhatIsMissingOfNames) {
  test::Words many{"DEL"};
  for (int i = 0; i < 20; ++i) many.push_back("k" + std::to_string(i));
  TrailMaker trail;
  trail.as("okta", "w1").run({"SET", std::string(1000, 'x'), "v"}).run(many);
  std::vector<Record> seen;
  trail.each([&](const Record& record) { seen.push_back(record); });
  EXPECT_EQ(seen.at(0).keys_cut, 1U);
  EXPECT_TRUE(seen.at(0).partial());
  EXPECT_EQ(seen.at(1).key_count, 20U);
  EXPECT_EQ(seen.at(1).keys.size(), 16U);
  EXPECT_TRUE(seen.at(1).partial());
}

TEST(TrailReaderTest, CountsWhatItCannotRead) {
  TrailMaker trail;
  trail.raw("not json").raw("{}").raw(R"({"class_uid":6005,"half)");
  trail.raw(R"({"class_uid":6005,"category_uid":6,"unmapped":{"keyward":{"kind":"command"}}})");
  trail.as("okta", "w1").run({"SET", "a", "v"});
  int seen = 0;
  const TrailCounts counts = trail.each([&](const Record&) { ++seen; });
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(counts.unreadable, 4U);
}

TEST(TrailReaderTest, LeavesOutCommandsOfNobody) {
  TrailMaker trail;
  trail.as("okta", "w1").run({"SET", "a", "v"}).run({"SET", "b", "v"});
  // The file without its session records, as if they had been cut away.
  std::ifstream in(trail.file());
  const keyward::test::TempDir dir;
  std::ofstream out(dir.file("x.jsonl"));
  for (std::string line; std::getline(in, line);) {
    if (line.find("\"kind\":\"session\"") == std::string::npos) out << line << "\n";
  }
  out.close();
  auto lines = audit::TrailLines::open({dir.path()});
  ASSERT_TRUE(lines.has_value());
  TrailReader reader(std::move(*lines));
  Record record;
  EXPECT_FALSE(reader.next(record));
  EXPECT_EQ(reader.counts().unjoined, 2U);
}

TEST(TrailReaderTest, NeedsATrail) {
  const keyward::test::TempDir dir;
  EXPECT_FALSE(audit::TrailLines::open({dir.path()}).has_value());
  EXPECT_FALSE(audit::TrailLines::open({dir.file("none")}).has_value());
}

}  // namespace
}  // namespace keyward::review
