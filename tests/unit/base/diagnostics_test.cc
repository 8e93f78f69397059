#include "keyward/base/diagnostics.h"

#include <gtest/gtest.h>

namespace keyward {
namespace {

TEST(Diagnostics, OneLineNamesPlaceTroubleAndCure) {
  const Diagnostic whole{Diagnostic::Level::error, "a.yaml", 3, 7, "unknown key `usr`", "user"};
  EXPECT_EQ(whole.text(), "a.yaml:3:7: unknown key `usr`; write: user");
  EXPECT_EQ((Diagnostic{Diagnostic::Level::warning, "a.yaml", 0, 0, "empty", ""}.text()),
            "a.yaml: warning: empty");
}

TEST(Diagnostics, AreSortedByFileAndPlace) {
  Diagnostics all;
  all.error("b.yaml", 1, 1, "third");
  all.warning("a.yaml", 10, 1, "second");
  all.error("a.yaml", 9, 5, "first");
  EXPECT_EQ(all.text(), "a.yaml:9:5: first\na.yaml:10:1: warning: second\nb.yaml:1:1: third\n");
  EXPECT_TRUE(all.failed());
}

TEST(Diagnostics, WarningsAreNoFailure) {
  Diagnostics all;
  all.warning("a", 1, 1, "odd");
  EXPECT_FALSE(all.failed());
  Diagnostics other;
  other.error("b", 1, 1, "wrong");
  all.append(other);
  EXPECT_TRUE(all.failed());
  EXPECT_EQ(all.all().size(), 2U);
}

TEST(Diagnostics, KeepsAThousandAndCountsTheRest) {
  Diagnostics all;
  for (int i = 0; i < 1500; ++i) all.error("a", i + 1, 1, "wrong");
  EXPECT_EQ(all.all().size(), 1000U);
  EXPECT_TRUE(all.text().ends_with("... and 500 more errors\n"));
  Diagnostics twice;
  twice.append(all);
  twice.append(all);
  EXPECT_EQ(twice.all().size(), 1000U);
  EXPECT_TRUE(twice.text().ends_with("... and 2000 more errors\n"));
}

TEST(Diagnostics, AnErrorIsNotLostAmongWarnings) {
  Diagnostics all;
  for (int i = 0; i < 1200; ++i) all.warning("a", i + 1, 1, "doubtful");
  all.error("b", 1, 1, "wrong");
  all.warning("b", 2, 1, "doubtful");
  EXPECT_EQ(all.all().size(), 1000U);
  EXPECT_TRUE(all.text().ends_with("b:1:1: wrong\n")) << all.text().substr(all.text().size() - 99);
  Diagnostics other;
  for (int i = 0; i < 1200; ++i) other.warning("a", i + 1, 1, "doubtful");
  other.append(all);
  EXPECT_TRUE(other.text().ends_with("b:1:1: wrong\n"));
}

TEST(Nearest, FindsTheMisspeltWord) {
  const std::vector<std::string> keys{"listeners", "upstream", "issuers",
                                      "policies",  "audit",    "tls"};
  EXPECT_EQ(nearest("listener", keys), "listeners");
  EXPECT_EQ(nearest("upsteram", keys), "upstream");
  EXPECT_EQ(nearest("Audit", keys), "audit");
  EXPECT_EQ(nearest("tsl", keys), "tls");
  EXPECT_EQ(nearest("issuer", keys), "issuers");
  EXPECT_EQ(nearest("colour", keys), "");
  EXPECT_EQ(nearest("x", keys), "");
  EXPECT_EQ(nearest("", keys), "");
  EXPECT_EQ(nearest(std::string(100'000, 'a'), keys), "");
}

}  // namespace
}  // namespace keyward
