#include "keyward/proxy/sources.h"

#include "keyward/proxy/usage.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace keyward::proxy {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kNow = MonoTime(1'000s);

struct Table {
  Table() = default;
  Table(std::uint32_t ProxyLimits::*limit, std::uint32_t value) { limits.*limit = value; }
  ProxyLimits limits;
  std::shared_ptr<Sources> sources = std::make_shared<Sources>(limits);
};

TEST(Sources, AnAddressHasItsConnections) {
  Table table(&ProxyLimits::connections_per_source, 2);
  std::optional<SourceSeat> first = table.sources->arrive("10.0.0.1");
  const SourceSeat second = table.sources->arrive("10.0.0.1");
  EXPECT_TRUE(*first && second);
  EXPECT_FALSE(table.sources->arrive("10.0.0.1"));
  EXPECT_TRUE(table.sources->arrive("10.0.0.2"));
  first.reset();
  EXPECT_TRUE(table.sources->arrive("10.0.0.1")) << "one left";
}

TEST(Sources, NobodyHoldsAllPlacesForThoseWhoAreNotLoggedIn) {
  Table table(&ProxyLimits::waiting_logins, 10);
  std::vector<SourceSeat> flood;
  for (int i = 0; i < 20; ++i) {
    if (SourceSeat seat = table.sources->arrive("10.0.0.1")) flood.push_back(std::move(seat));
  }
  EXPECT_EQ(flood.size(), 8U);
  const SourceSeat other = table.sources->arrive("10.0.0.2");
  const SourceSeat another = table.sources->arrive("10.0.0.3");
  EXPECT_TRUE(other && another);
  EXPECT_FALSE(table.sources->arrive("10.0.0.4")) << "all are taken";
  flood[0].logged_in(true);
  flood[0].logged_in(true);
  EXPECT_EQ(table.sources->waiting(), 9U);
  SourceSeat again = table.sources->arrive("10.0.0.1");
  EXPECT_TRUE(again);
  flood[0].logged_in(false);
  EXPECT_EQ(table.sources->waiting(), 11U) << "who logs off waits again, and is not thrown out";
  flood.clear();
  EXPECT_EQ(table.sources->waiting(), 3U);
}

TEST(Sources, FailuresCountByCredentialAddressAndIssuer) {
  Table table(&ProxyLimits::failed_logins_per_minute, 3);
  Sources& sources = *table.sources;
  const auto lock = [&](const char* address, const char* issuer, MonoTime now = kNow) {
    return sources.lock(address, issuer, "fourth", now);
  };
  for (int i = 0; i < 20; ++i) sources.failed("10.0.0.1", "dev", "same", kNow);
  EXPECT_FALSE(sources.suspicious("10.0.0.1", kNow)) << "one credential, however often";
  sources.failed("10.0.0.1", "dev", "second", kNow);
  sources.failed("10.0.0.1", "dev", "third", kNow + 30s);
  EXPECT_TRUE(sources.suspicious("10.0.0.1", kNow + 30s));
  EXPECT_EQ(lock("10.0.0.1", "other"), Sources::Lock::open);
  EXPECT_EQ(lock("10.0.0.1", ""), Sources::Lock::open);
  EXPECT_EQ(lock("10.0.0.2", "dev"), Sources::Lock::open);
  EXPECT_EQ(lock("10.0.0.1", "dev"), Sources::Lock::just_locked) << "recorded once";
  EXPECT_EQ(lock("10.0.0.1", "dev"), Sources::Lock::locked);
  EXPECT_EQ(lock("10.0.0.1", "dev", kNow + 61s), Sources::Lock::open);
  EXPECT_FALSE(sources.suspicious("10.0.0.1", kNow + 61s));
}

TEST(Sources, TheSameBadCredentialDoesNotCostWithoutEnd) {
  Table table(&ProxyLimits::failed_logins_per_minute, 3);
  for (int i = 0; i < 30; ++i) table.sources->failed("10.0.0.1", "dev", "same", kNow);
  EXPECT_TRUE(table.sources->suspicious("10.0.0.1", kNow));
}

// A server whose fixed token ended asks and asks; whoever brings it the next token must get in.
TEST(Sources, OneCredentialThatIsHammeredLocksOnlyItselfOut) {
  Table table(&ProxyLimits::failed_logins_per_minute, 3);
  Sources& sources = *table.sources;
  for (int i = 0; i < 30; ++i) sources.failed("10.0.0.1", "dev", "ended", kNow);
  const auto open = [&](const char* evidence) {
    return sources.lock("10.0.0.1", "dev", evidence, kNow) == Sources::Lock::open;
  };
  EXPECT_FALSE(open("ended"));
  EXPECT_FALSE(open("")) << "nothing says that it is another one";
  EXPECT_TRUE(open("next"));
  sources.failed("10.0.0.1", "dev", "guess", kNow);
  EXPECT_FALSE(open("guess"));
  EXPECT_TRUE(open("next"));
  sources.failed("10.0.0.1", "dev", "another guess", kNow);
  EXPECT_FALSE(open("next")) << "who guesses is locked out whole";
}

TEST(Sources, WithoutEvidenceEachFailureIsItsOwn) {
  Table table(&ProxyLimits::failed_logins_per_minute, 3);
  for (int i = 0; i < 3; ++i) table.sources->failed("10.0.0.1", "", "", kNow);
  EXPECT_TRUE(table.sources->suspicious("10.0.0.1", kNow));
}

TEST(Sources, LoginsAreCountedByTheMinute) {
  Table table(&ProxyLimits::logins_per_source, 2);
  EXPECT_TRUE(table.sources->may_try("10.0.0.1", kNow));
  EXPECT_TRUE(table.sources->may_try("10.0.0.1", kNow + 59s));
  EXPECT_FALSE(table.sources->may_try("10.0.0.1", kNow + 59s));
  EXPECT_TRUE(table.sources->may_try("10.0.0.2", kNow + 59s));
  EXPECT_TRUE(table.sources->may_try("10.0.0.1", kNow + 60s));

  UsageRegistry usage;
  EXPECT_TRUE(usage.may_log_in("dev:alice", 1, kNow));
  EXPECT_FALSE(usage.may_log_in("dev:alice", 1, kNow + 1s)) << "though no connection is left";
  EXPECT_TRUE(usage.may_log_in("dev:bob", 1, kNow + 1s));
  EXPECT_TRUE(usage.may_log_in("dev:alice", 0, kNow + 1s)) << "0: no limit";
}

TEST(Sources, ManyAddressesDoNotFillMemory) {
  Table table;
  for (int i = 0; i < 100'000; ++i) {
    const std::string address = "2001:db8::" + std::to_string(i);
    EXPECT_TRUE(table.sources->may_try(address, kNow + std::chrono::seconds(i)));
    table.sources->failed(address, "", std::to_string(i), kNow + std::chrono::seconds(i));
  }
  EXPECT_LT(table.sources->known(), 2'048U);
}

TEST(Sources, AnIpv6NetworkIsOneSource) {
  EXPECT_EQ(source_of("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(source_of("::ffff:10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(source_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(source_of("2001:db8:1:2::9"), source_of("2001:db8:1:2:ffff::"));
  EXPECT_NE(source_of("2001:db8:1:2::9"), source_of("2001:db8:1:3::9"));
  EXPECT_EQ(source_of("unix"), "unix");
}

}  // namespace
}  // namespace keyward::proxy
