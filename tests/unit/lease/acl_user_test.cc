#include "lease/acl_user.h"

#include "unit/policy/policy_folder.h"

#include "keyward/base/hash.h"

#include <gtest/gtest.h>

namespace keyward::lease {
namespace {

constexpr const char* kLines = "    allow: [{commands: [get], keys: [\"a:*\"]}]\n";

TEST(AclUser, NameTellsInstanceAndIsStable) {
  policy::test::PolicyFolder folder;
  const auto grants = policy::test::grants_of(folder.grant(kLines));
  ASSERT_TRUE(grants);
  const std::string prefix = user_prefix("host:6380");
  EXPECT_EQ(prefix, "kw_" + short_hash("host:6380", 8) + "_");
  const std::string name = user_name(prefix, "okta:w1", *grants);
  EXPECT_EQ(name.size(), prefix.size() + 16);
  EXPECT_EQ(name, user_name(prefix, "okta:w1", *grants));
  EXPECT_NE(name, user_name(prefix, "okta:w2", *grants));
  EXPECT_NE(name, user_name(user_prefix("host:6381"), "okta:w1", *grants));
  policy::test::PolicyFolder other;
  const auto others =
      policy::test::grants_of(other.grant("    allow: [{commands: [get], keys: [\"b:*\"]}]\n"));
  EXPECT_NE(name, user_name(prefix, "okta:w1", *others));
}

TEST(AclUser, SetuserForgetsWhatWasAndShowsOnlyTheHash) {
  const auto one = std::make_shared<const Lease>(Lease{"kw_x", new_password(), {}, {}, {}});
  const Lease& lease = *one;
  policy::AclRules rules;
  rules.tokens = {"-@all", "+psubscribe", "(~a +get)"};
  const auto argv = setuser({one}, rules, {"x*", "y*"});
  const std::vector<std::string> expected{
      "ACL",   "SETUSER",     "kw_x",
      "reset", "on",          "#" + hex(sha256(lease.password.reveal())),
      "-@all", "+psubscribe", "(~a +get)",
      "&x*",   "&y*"};
  EXPECT_EQ(argv, expected);
  EXPECT_EQ(lease.password.reveal().size(), 64U);
  EXPECT_NE(lease.password.reveal(), new_password().reveal());
}

TEST(AclUser, RefusesPatternsThatNoRuleCanHold) {
  for (const std::string_view pattern : {"", "a b", "a\tb", "a\n", "x +@all ~*", "\v"}) {
    EXPECT_TRUE(check_literal(pattern).has_error()) << pattern;
  }
  EXPECT_TRUE(check_literal(std::string_view("a\0b", 3)).has_error());
  EXPECT_TRUE(check_literal(std::string(5000, 'x')).has_error());
  EXPECT_TRUE(check_literal("celery-[a-z]*?\\*(").has_value());
}

}  // namespace
}  // namespace keyward::lease
