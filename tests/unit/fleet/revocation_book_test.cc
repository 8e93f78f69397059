// Revocations merged from anywhere, as records and in a file.
#include "fleet/revocation_book.h"

#include "fleet/revocation_file.h"
#include "fleet/revocation_record.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace keyward::fleet {
namespace {

using identity::Revocation;
using News = RevocationBook::News;
using std::chrono::hours;
using std::chrono::seconds;

const WallTime kNow{seconds(1'800'000'000)};

RevocationEntry entry_of(std::string id,
                         Revocation::Target target = Revocation::Target::principal) {
  RevocationEntry entry;
  entry.what.id = std::move(id);
  entry.what.target = target;
  entry.what.value = "okta:bob";
  entry.what.at = kNow;
  entry.what.until = kNow + hours(1);
  entry.what.by = "api 127.0.0.1";
  entry.what.reason = "left \"the\" team\n\xc3\xa4";
  return entry;
}
RevocationEntry lifted(RevocationEntry entry) {
  entry.lifted = {kNow + seconds(5), "api", "a mistake"};
  return entry;
}

TEST(RevocationBook, MergesInAnyOrderAndStaysLifted) {
  for (const bool lift_first : {false, true}) {
    RevocationBook book;
    if (!lift_first) {
      EXPECT_EQ(book.merge(entry_of("a"), kNow), News::added);
      EXPECT_EQ(book.merge(entry_of("a"), kNow), News::none);
      EXPECT_EQ(book.denials()->entries().size(), 1U);
      EXPECT_EQ(book.merge(lifted(entry_of("a")), kNow), News::lifted);
    } else {
      EXPECT_EQ(book.merge(lifted(entry_of("a")), kNow), News::none);
    }
    EXPECT_EQ(book.merge(entry_of("a"), kNow), News::none) << "an old record came back";
    EXPECT_EQ(book.merge(lifted(entry_of("a")), kNow), News::none);
    EXPECT_EQ(book.active(), 0U);
    EXPECT_EQ(book.size(), 1U);
    EXPECT_TRUE(book.denials()->empty());
  }
}

TEST(RevocationBook, ForgetsWhatIsOver) {
  RevocationBook book;
  EXPECT_EQ(book.merge(entry_of("old"), kNow + hours(1)), News::none);
  (void)book.merge(entry_of("a"), kNow);
  (void)book.merge(lifted(entry_of("b")), kNow);
  EXPECT_FALSE(book.expire(kNow + hours(1) - seconds(1)));
  EXPECT_TRUE(book.expire(kNow + hours(1)));
  EXPECT_EQ(book.size(), 0U);
  EXPECT_EQ(book.active(), 0U);
}

// The other instance's clock may be behind: sessions of before are denied all the same.
TEST(RevocationBook, ALeaseIsDeniedUntilItWasHeardOf) {
  RevocationBook book;
  (void)book.merge(entry_of("late", Revocation::Target::lease), kNow + seconds(3));
  EXPECT_EQ(book.denials()->entries()[0].at, kNow + seconds(3));
  (void)book.merge(entry_of("long", Revocation::Target::lease), kNow + seconds(3000));
  EXPECT_EQ(book.denials()->entries()[1].at, kNow + seconds(60));
  (void)book.merge(entry_of("soon", Revocation::Target::lease), kNow - seconds(3));
  EXPECT_EQ(book.denials()->entries()[2].at, kNow);
}

bool same(const RevocationEntry& one, const RevocationEntry& other) {
  return to_record(one) == to_record(other) && one.what.issued_before == other.what.issued_before;
}

TEST(RevocationRecord, IsReadBack) {
  RevocationEntry entry = entry_of("r-1");
  EXPECT_TRUE(same(*from_record("r-1", to_record(entry)), entry));
  EXPECT_EQ(from_record("r-1", to_record(entry))->what.issued_before, WallTime::max());
  entry.what.issued_before = kNow - seconds(1);
  EXPECT_TRUE(same(*from_record("r-1", to_record(entry)), entry));
  EXPECT_TRUE(same(*from_record("r-1", to_record(lifted(entry))), lifted(entry)));
  EXPECT_EQ(from_record("r-1", to_record(lifted(entry)))->lifted->reason, "a mistake");
}

TEST(RevocationRecord, AnythingElseIsNone) {
  const std::string good = to_record(entry_of("r-1"));
  EXPECT_FALSE(from_record("r-2", good));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(from_record("r-1", good.substr(0, size)));
  for (const char* bad : {"null", "[]", "{}", "1", R"({"id":"r-1"})"})
    EXPECT_FALSE(from_record("r-1", bad)) << bad;
  RevocationEntry long_one = entry_of("r-1");
  long_one.what.value.assign(2000, 'x');
  EXPECT_FALSE(from_record("r-1", to_record(long_one)));
  RevocationEntry empty = entry_of("r-1");
  empty.what.value.clear();
  EXPECT_FALSE(from_record("r-1", to_record(empty)));
}

TEST(RevocationFile, KeepsAllForItsOwnerAlone) {
  const test::TempDir folder;
  const std::string path = folder.file("revocations.json");
  EXPECT_TRUE(read_revocations(path)->empty());
  ASSERT_TRUE(write_revocations(path, {entry_of("a"), lifted(entry_of("b"))}));
  struct stat facts {};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  const auto read = read_revocations(path);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2U);
  EXPECT_TRUE(same((*read)[1], lifted(entry_of("b"))));
  ASSERT_TRUE(write_revocations(path, {}));
  EXPECT_TRUE(read_revocations(path)->empty());
}

// Nobody knows what it held: starting as if nothing had been revoked would be worse than not.
TEST(RevocationFile, OneThatCannotBeReadIsAnError) {
  const test::TempDir folder;
  const std::string path = folder.file("revocations.json");
  for (const char* bad : {"", "{", "[]", R"({"revocations":[{}]})", R"({"revocations":1})"}) {
    std::ofstream(path) << bad;
    const auto read = read_revocations(path);
    ASSERT_FALSE(read) << bad;
    EXPECT_NE(read.error().message().find(path), std::string::npos);
  }
  EXPECT_FALSE(write_revocations(folder.file("no/such/folder"), {}));
}

}  // namespace
}  // namespace keyward::fleet
