#include "keyward/proxy/script_book.h"

#include "proxy/script_facts.h"

#include "support/temp_dir.h"

#include "keyward/base/hash.h"
#include "keyward/command/catalog.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace keyward::proxy {
namespace {

TEST(ScriptBook, TheFirstOfEachIsSaidOnceAndItsTextKeptOnlyIfAsked) {
  const test::TempDir dir;
  ScriptBook book("");
  EXPECT_TRUE(book.see("a", "text").first);
  EXPECT_FALSE(book.see("a", "text").first);
  EXPECT_FALSE(book.see("b", "text").kept);
  ScriptBook keeping(dir.file("kw-1.scripts"));
  EXPECT_TRUE(keeping.see("a", "return 1").kept);
  const std::string path = dir.file("kw-1.scripts/a");
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "return 1");
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_FALSE(keeping.see("long", std::string(ScriptBook::kLongestKept + 1, 'x')).kept);
}

ScriptFacts facts(const std::vector<std::string_view>& args) {
  static const auto catalog = command::Catalog::built_in();
  command::Command command;
  EXPECT_EQ(command::analyse(*catalog, args, command).verdict, command::Verdict::ok) << args[0];
  return script_facts(command, *catalog);
}

TEST(ScriptFacts, E805DigestsAndNamesAndNothingElse) {
  const std::string text = "return redis.call('GET', KEYS[1])";
  for (const auto& args :
       {std::vector<std::string_view>{"eval", text, "0"}, {"SCRIPT", "LOAD", text}}) {
    EXPECT_EQ(facts(args).sha1, sha1_hex(text));
    EXPECT_EQ(facts(args).calls, std::vector<std::string_view>{"get"});
    EXPECT_EQ(facts(args).text, text);
  }
  const std::string sha(40, 'A');
  EXPECT_EQ(facts({"evalsha", sha, "0"}).sha1, std::string(40, 'a'));
  EXPECT_EQ(facts({"evalsha", "secret", "0"}).sha1, "");
  EXPECT_EQ(facts({"fcall", "my_function", "0"}).function, "my_function");
  EXPECT_EQ(facts({"fcall", "not a name", "0"}).function, "");
  const std::string code = "#!lua name=mylib\nredis.register_function('f', print)";
  EXPECT_EQ(facts({"FUNCTION", "LOAD", "REPLACE", code}).library, "mylib");
  EXPECT_EQ(facts({"FUNCTION", "LOAD", code}).sha1, sha1_hex(code));
  EXPECT_EQ(facts({"FUNCTION", "DELETE", "mylib"}).library, "mylib");
  EXPECT_EQ(facts({"get", "k"}).sha1, "");
}

}  // namespace
}  // namespace keyward::proxy
