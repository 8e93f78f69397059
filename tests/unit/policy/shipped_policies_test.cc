// The folder policies/ of the repository: what is shipped as an example must hold.
#include "unit/policy/policy_folder.h"

#include <gtest/gtest.h>

namespace keyward::policy::test {
namespace {

class ShippedPolicies : public testing::Test {
 protected:
  void SetUp() override {
    snapshot_ = Snapshot::load(KEYWARD_SOURCE_DIR "/policies", command::Catalog::built_in(),
                               {"okta", "eks"}, diagnostics_);
    ASSERT_TRUE(snapshot_) << diagnostics_.text();
  }
  Diagnostics diagnostics_;
  std::shared_ptr<const Snapshot> snapshot_;
};

TEST_F(ShippedPolicies, LoadWithoutAWarning) {
  EXPECT_EQ(diagnostics_.text(), "");
  EXPECT_GT(snapshot_->expectations(), 60U);
}

TEST_F(ShippedPolicies, EveryGrantCompiles) {
  for (const GrantInfo& grant : snapshot_->grants()) {
    const auto grants = snapshot_->grants_named(grant.name);
    ASSERT_TRUE(grants) << grant.name;
    EXPECT_FALSE((*grants)->acl().probes.empty()) << grant.name;
  }
}

TEST_F(ShippedPolicies, SandboxesAreApart) {
  const auto grants = snapshot_->grants_for(someone("dev.1", {"developers"}));
  ASSERT_TRUE(grants);
  EXPECT_EQ(verdict(**grants, {"SET", "sandbox:dev.1:k", "v"}, {.db = 1}), "allow");
  EXPECT_EQ(verdict(**grants, {"SET", "sandbox:dev.2:k", "v"}, {.db = 1}), "deny");
  EXPECT_FALSE(snapshot_->grants_for(someone("dev:1", {"developers"})));
}

}  // namespace
}  // namespace keyward::policy::test
