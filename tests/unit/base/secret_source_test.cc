#include "keyward/base/secret_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace keyward {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(SecretFromCommand, GivesOutputWithoutLineEnd) {
  const auto secret = secret_from_command({"printf", "a b\\r\\n\\n"}, 5s);
  ASSERT_TRUE(secret) << secret.error().message();
  EXPECT_EQ(secret->reveal(), "a b");
}

TEST(SecretFromCommand, UsesNoShell) {
  const auto secret = secret_from_command({"printf", "%s", "$(echo x); `echo y`"}, 5s);
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->reveal(), "$(echo x); `echo y`");
}

TEST(SecretFromCommand, FailureIsAnErrorWithoutTheOutput) {
  const auto secret = secret_from_command({"sh", "-c", "echo hunter2; exit 3"}, 5s);
  ASSERT_FALSE(secret);
  EXPECT_THAT(secret.error().message(), testing::Not(HasSubstr("hunter2")));
  EXPECT_FALSE(secret_from_command({"keyward-no-such-program"}, 5s));
  EXPECT_FALSE(secret_from_command({"true"}, 5s)) << "nothing said";
  EXPECT_FALSE(secret_from_command({}, 5s));
}

TEST(SecretFromCommand, EndsAtItsDeadline) {
  const auto start = std::chrono::steady_clock::now();
  const auto secret = secret_from_command({"sleep", "60"}, 50ms);
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().code(), Errc::timeout);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

TEST(SecretFromCommand, RefusesEndlessOutput) {
  const auto secret = secret_from_command({"sh", "-c", "yes 2>/dev/null"}, 5s);
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().code(), Errc::limit);
}

TEST(SecretFromEnvironment, IsReadAtEachCall) {
  ASSERT_EQ(setenv("KEYWARD_TEST_SECRET", "one", 1), 0);
  EXPECT_EQ(secret_from_environment("KEYWARD_TEST_SECRET").value().reveal(), "one");
  ASSERT_EQ(setenv("KEYWARD_TEST_SECRET", "two", 1), 0);
  EXPECT_EQ(secret_from_environment("KEYWARD_TEST_SECRET").value().reveal(), "two");
  ASSERT_EQ(unsetenv("KEYWARD_TEST_SECRET"), 0);
  EXPECT_FALSE(secret_from_environment("KEYWARD_TEST_SECRET"));
}

}  // namespace
}  // namespace keyward
