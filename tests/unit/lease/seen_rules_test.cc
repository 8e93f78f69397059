#include "lease/seen_rules.h"

#include <gtest/gtest.h>

namespace keyward::lease {
namespace {

using upstream::ControlReply;
using Verdict = SeenRules::Verdict;

ControlReply text(const std::string& value) {
  ControlReply reply;
  reply.type = ControlReply::Type::string;
  reply.text = value;
  return reply;
}

ControlReply list(std::vector<ControlReply> elements) {
  ControlReply reply;
  reply.type = ControlReply::Type::array;
  reply.elements = std::move(elements);
  return reply;
}

ControlReply user(const std::string& commands, std::vector<ControlReply> passwords) {
  return list({text("flags"), list({text("on")}), text("passwords"), list(std::move(passwords)),
               text("commands"), text(commands), text("keys"), text("~a"), text("selectors"),
               list({})});
}

TEST(SeenRules, WhatIsAskedForFirstIsWhatIsRight) {
  SeenRules seen;
  seen.made("u");
  EXPECT_EQ(seen.unknown(9), std::vector<std::string>{"u"});
  EXPECT_EQ(seen.answered("u", user("+get", {text("h")}), {"h"}, true), Verdict::unknown);
  EXPECT_EQ(seen.known(), std::vector<std::string>{"u"});
  EXPECT_EQ(seen.answered("u", user("+get", {text("h")}), {"h"}, false), Verdict::same);
  EXPECT_EQ(seen.answered("u", user("+get +set", {text("h")}), {"h"}, false), Verdict::altered);
}

TEST(SeenRules, PasswordsAreComparedWithWhatWasSet) {
  SeenRules seen;
  seen.made("u");
  EXPECT_EQ(seen.answered("u", user("+get", {text("h"), text("x")}), {"h"}, true),
            Verdict::altered);
  EXPECT_EQ(seen.answered("u", user("+get", {}), {"h"}, true), Verdict::altered);
  EXPECT_EQ(seen.answered("u", user("+get", {text("b"), text("a")}), {"a", "b"}, true),
            Verdict::unknown);
  EXPECT_EQ(seen.answered("u", user("+get", {text("a")}), {"a"}, true), Verdict::same)
      << "an old password that went is no other rule";
}

TEST(SeenRules, WhatWasSeenCountsOnceNobodyDisturbed) {
  SeenRules seen;
  seen.made("u");
  (void)seen.answered("u", user("+get", {text("h")}), {"h"}, false);
  EXPECT_TRUE(seen.known().empty());
  seen.settle(false);
  EXPECT_EQ(seen.unknown(9).size(), 1U) << "somebody may have been faster";
  (void)seen.answered("u", user("+get", {text("h")}), {"h"}, false);
  seen.settle(true);
  EXPECT_EQ(seen.known().size(), 1U);
  seen.settle(false);
  EXPECT_EQ(seen.known().size(), 1U) << "what is sure stays";
}

TEST(SeenRules, GoneAndStrange) {
  SeenRules seen;
  ControlReply nil;
  EXPECT_EQ(seen.answered("u", nil, {}, true), Verdict::unknown) << "nobody of ours";
  seen.made("u");
  EXPECT_EQ(seen.answered("u", nil, {"h"}, true), Verdict::missing);
  ControlReply error;
  error.type = ControlReply::Type::error;
  EXPECT_EQ(seen.answered("u", error, {"h"}, true), Verdict::unknown);
  seen.forget("u");
  EXPECT_EQ(seen.answered("u", nil, {"h"}, true), Verdict::unknown);
}

}  // namespace
}  // namespace keyward::lease
