#include "keyward/aws/credential_keeper.h"

#include <gtest/gtest.h>

#include <vector>

namespace keyward::aws {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

struct Rig {
  FakeClock clock;
  std::vector<CredentialKeeper::Done> asked;  // answered by the test
  CredentialKeeper keeper{[this](CredentialKeeper::Done done) { asked.push_back(std::move(done)); },
                          clock};
  std::vector<std::string> got;

  void get() {
    keeper.get([this](const Result<Credentials>& found) {
      got.push_back(found ? found->keys.access_key : "error");
    });
  }
  Credentials keys(const char* name, std::optional<seconds> life) {
    Credentials out;
    out.keys = {name, Secret("s"), ""};
    if (life) out.expires = clock.wall() + *life;
    return out;
  }
};

using Names = std::vector<std::string>;

TEST(CredentialKeeper, AsksOnceForAllWhoWait) {
  Rig rig;
  rig.get();
  rig.get();
  ASSERT_EQ(rig.asked.size(), 1U);
  EXPECT_TRUE(rig.got.empty());
  rig.asked[0](rig.keys("a", minutes(60)));
  EXPECT_EQ(rig.got, (Names{"a", "a"}));
  rig.get();
  EXPECT_EQ(rig.asked.size(), 1U);
  EXPECT_EQ(rig.got.size(), 3U);
}

TEST(CredentialKeeper, RenewsBesideTheUseOfWhatIsStillGood) {
  Rig rig;
  rig.get();
  rig.asked[0](rig.keys("a", minutes(60)));
  rig.clock.advance(minutes(56));
  rig.get();
  rig.get();
  EXPECT_EQ(rig.asked.size(), 2U);
  EXPECT_EQ(rig.got, (Names{"a", "a", "a"}));
  rig.asked[1](rig.keys("b", minutes(60)));
  rig.get();
  EXPECT_EQ(rig.got.back(), "b");
  EXPECT_EQ(rig.asked.size(), 2U);
}

TEST(CredentialKeeper, AFailedRenewalHurtsNobodyUntilTheEnd) {
  Rig rig;
  rig.get();
  rig.asked[0](rig.keys("a", minutes(60)));
  rig.clock.advance(minutes(56));
  rig.get();
  rig.asked[1](Error(Errc::unavailable, "away"));
  rig.get();
  EXPECT_EQ(rig.asked.size(), 2U);  // not at once again
  rig.clock.advance(seconds(10));
  rig.get();
  EXPECT_EQ(rig.asked.size(), 3U);
  EXPECT_EQ(rig.got, (Names{"a", "a", "a", "a"}));
  rig.clock.advance(minutes(4));
  rig.get();
  EXPECT_EQ(rig.got.size(), 4U);
  rig.asked[2](Error(Errc::unavailable, "away"));
  EXPECT_EQ(rig.got.back(), "error");
}

TEST(CredentialKeeper, WithoutAnEndTheyAreLookedForAgain) {
  Rig rig;
  rig.get();
  rig.asked[0](rig.keys("a", std::nullopt));
  rig.clock.advance(minutes(4));
  rig.get();
  EXPECT_EQ(rig.asked.size(), 1U);
  rig.clock.advance(minutes(1));
  rig.get();
  EXPECT_EQ(rig.asked.size(), 2U);
  EXPECT_EQ(rig.got.size(), 3U);
}

TEST(CredentialKeeper, WhatWasRefusedIsNotUsedAgain) {
  Rig rig;
  rig.get();
  const Credentials old = rig.keys("a", minutes(60));
  rig.asked[0](old);
  rig.keeper.refused(Keys{"b", Secret("s"), ""});
  rig.get();
  EXPECT_EQ(rig.asked.size(), 1U);
  rig.keeper.refused(old.keys);
  rig.get();
  ASSERT_EQ(rig.asked.size(), 2U);
  rig.asked[1](rig.keys("b", minutes(60)));
  rig.keeper.refused(old.keys);  // an answer that comes late
  rig.get();
  EXPECT_EQ(rig.asked.size(), 2U);
  EXPECT_EQ(rig.got, (Names{"a", "a", "b", "b"}));
}

TEST(CredentialKeeper, AnAnswerAfterItsEndIsForgotten) {
  FakeClock clock;
  std::vector<CredentialKeeper::Done> asked;
  bool called = false;
  {
    CredentialKeeper keeper([&](CredentialKeeper::Done done) { asked.push_back(std::move(done)); },
                            clock);
    keeper.get([&](const Result<Credentials>&) { called = true; });
  }
  asked[0](Credentials{});
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace keyward::aws
