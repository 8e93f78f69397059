#include "policy/command_words.h"

#include "keyward/base/diagnostics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::policy {
namespace {

using command::Catalog;
using command::CommandInfo;
using command::Exposure;
using testing::HasSubstr;

class CommandWords : public testing::Test {
 protected:
  command::CommandSet read(const std::string& list) {
    diagnostics_ = Diagnostics();
    return read_commands(yaml::parse("f", list, diagnostics_), *catalog_);
  }
  bool has(const command::CommandSet& set, std::string_view name) {
    return set.contains(catalog_->by_name(name)->id);
  }

  std::shared_ptr<const Catalog> catalog_ = Catalog::built_in();
  Diagnostics diagnostics_;
};

TEST_F(CommandWords, ReadsLeftToRight) {
  auto set = read("['@read', '-get', '+SET', 'get', '-set']");
  EXPECT_TRUE(has(set, "get"));
  EXPECT_FALSE(has(set, "set"));
  EXPECT_TRUE(has(set, "mget"));
  set = read("['@all', '-@write', '-@dangerous']");
  EXPECT_TRUE(has(set, "get"));
  EXPECT_FALSE(has(set, "set"));
  EXPECT_FALSE(has(set, "sort_ro"));
}

TEST_F(CommandWords, CategoriesBringInNormalCommandsOnly) {
  const auto set = read("['@all']");
  for (const CommandInfo& info : catalog_->all()) {
    if (info.exposure == Exposure::session) continue;
    EXPECT_EQ(set.contains(info.id), info.exposure == Exposure::normal) << info.name;
  }
}

TEST_F(CommandWords, ByNameCommandsWantTheirFullName) {
  EXPECT_TRUE(has(read("['script|flush', keys]"), "script|flush"));
  EXPECT_FALSE(has(read("[script]"), "script|flush"));
  EXPECT_TRUE(has(read("[script]"), "script|load"));
  EXPECT_FALSE(diagnostics_.failed());
  const auto removed = read("['script|flush', 'script|load', '-script']");
  EXPECT_EQ(removed.size(), 0U);
}

TEST_F(CommandWords, RefusesWhatIsNeverGiven) {
  for (const CommandInfo& info : catalog_->all()) {
    if (info.exposure != Exposure::never) continue;
    EXPECT_EQ(read("['" + info.name + "']").size(), 0U) << info.name;
    EXPECT_TRUE(diagnostics_.failed() || info.container) << info.name;
  }
}

TEST_F(CommandWords, SaysWhatToWriteInstead) {
  (void)read("[read]");
  EXPECT_THAT(diagnostics_.text(), HasSubstr("@read"));
  (void)read("['select|0']");
  EXPECT_THAT(diagnostics_.text(), HasSubstr("databases"));
  (void)read("['-@dangerous', '@read']");
  EXPECT_FALSE(diagnostics_.failed());
  EXPECT_THAT(diagnostics_.text(), HasSubstr("takes nothing away"));
}

}  // namespace
}  // namespace keyward::policy
