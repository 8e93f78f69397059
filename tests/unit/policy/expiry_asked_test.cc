#include "keyward/policy/expiry_asked.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keyward::policy {
namespace {

using Argv = std::vector<std::string>;

// "<milliseconds>", with "@" for an absolute time and "?" for a conditional one; "" = none.
std::string asked(const Argv& argv) {
  const std::vector<std::string_view> views(argv.begin(), argv.end());
  command::Command command;
  const auto analysis = command::analyse(*command::Catalog::built_in(), views, command);
  EXPECT_EQ(analysis.verdict, command::Verdict::ok) << analysis.text;
  const auto out = expiry_asked(command);
  if (!out) return {};
  return std::to_string(out->when.count()) + (out->absolute ? "@" : "") +
         (out->conditional ? "?" : "");
}

TEST(ExpiryAsked, IsReadFromEveryCommandThatAsksForOne) {
  EXPECT_EQ(asked({"SET", "k", "v", "EX", "10"}), "10000");
  EXPECT_EQ(asked({"set", "k", "ex", "px", "10"}), "10");
  EXPECT_EQ(asked({"SET", "k", "v", "GET", "EXAT", "10"}), "10000@");
  EXPECT_EQ(asked({"SET", "k", "v", "NX", "PXAT", "10"}), "10@?");
  EXPECT_EQ(asked({"SET", "k", "v", "EX", "10", "XX"}), "10000?");
  EXPECT_EQ(asked({"SETEX", "k", "10", "v"}), "10000");
  EXPECT_EQ(asked({"PSETEX", "k", "10", "v"}), "10");
  EXPECT_EQ(asked({"GETEX", "k", "PX", "10"}), "10?");
  EXPECT_EQ(asked({"EXPIRE", "k", "10"}), "10000");
  EXPECT_EQ(asked({"EXPIRE", "k", "-1"}), "-1000");
  EXPECT_EQ(asked({"PEXPIRE", "k", "10", "NX"}), "10?");
  EXPECT_EQ(asked({"EXPIREAT", "k", "10", "gt"}), "10000@?");
  EXPECT_EQ(asked({"PEXPIREAT", "k", "10"}), "10@");
}

TEST(ExpiryAsked, IsNotReadWhereThereIsNoneOrRedisRefusesIt) {
  for (const Argv& argv : std::vector<Argv>{{"SET", "k", "v"},
                                            {"SET", "k", "v", "KEEPTTL"},
                                            {"SET", "k", "v", "EX", "0"},
                                            {"SET", "k", "v", "EX", "-5"},
                                            {"SETEX", "k", "0", "v"},
                                            {"GETEX", "k"},
                                            {"GETEX", "k", "PERSIST"},
                                            {"PERSIST", "k"},
                                            {"EXPIRE", "k", ""},
                                            {"EXPIRE", "k", "1.5"},
                                            {"EXPIRE", "k", "9223372036854775807"},
                                            {"GET", "k"},
                                            {"LPUSH", "k", "EX", "10"}}) {
    EXPECT_EQ(asked(argv), "") << argv[0];
  }
}

}  // namespace
}  // namespace keyward::policy
