#include "proxy/own_commands.h"

#include "support/temp_dir.h"

#include "keyward/policy/snapshot.h"

#include <gtest/gtest.h>

#include <fstream>

namespace keyward::proxy {
namespace {

using Args = std::vector<std::string_view>;

TEST(OwnCommands, AreToldByTheirFirstWords) {
  EXPECT_EQ(own_command(Args{"GET", "k"}), OwnCommand::none);
  EXPECT_EQ(own_command(Args{"KEYWARDS"}), OwnCommand::none);
  EXPECT_EQ(own_command(Args{"keyward", "Status"}), OwnCommand::status);
  EXPECT_EQ(own_command(Args{"KEYWARD", "break-glass"}), OwnCommand::break_glass);
  EXPECT_EQ(own_command(Args{"KEYWARD", "HELP"}), OwnCommand::help);
  EXPECT_EQ(own_command(Args{"KEYWARD"}), OwnCommand::unknown);
  EXPECT_EQ(own_command(Args{"KEYWARD", "STATUS", "x"}), OwnCommand::unknown);
}

TEST(OwnCommands, AReasonIsShortPrintableText) {
  const auto reason = [](Args args) {
    args.insert(args.begin(), {"KEYWARD", "BREAK-GLASS"});
    return break_glass_reason(args);
  };
  EXPECT_EQ(*reason({"INC-1", "queue", "is", "stuck"}), "INC-1 queue is stuck");
  EXPECT_EQ(*reason({"INC-1 queue"}), "INC-1 queue");
  EXPECT_FALSE(reason({}));
  EXPECT_FALSE(reason({"1234567"}));
  EXPECT_TRUE(reason({"12345678"}));
  const std::string longest(500, 'x'), longer(501, 'x');
  EXPECT_TRUE(reason({longest}));
  EXPECT_FALSE(reason({longer}));
  EXPECT_FALSE(reason({"a line\nand another"}));
  EXPECT_FALSE(reason({"caf\xc3\xa9 is closed"}));
}

TEST(OwnCommands, StatusIsAMap) {
  const keyward::test::TempDir dir;
  std::ofstream(dir.file("t.yaml")) << R"(apiVersion: keyward/v1
team: t
owners: [t@example.com]
grants:
  - {name: g, who: [{issuer: dev, subject: "*"}], allow: [{commands: [get], keys: ["a:*"]}]}
)";
  Diagnostics diagnostics;
  const auto snapshot =
      policy::Snapshot::load(dir.path(), command::Catalog::built_in(), {}, diagnostics);
  ASSERT_TRUE(snapshot) << diagnostics.text();
  const auto grants = *snapshot->grants_named("g");
  const StatusFacts facts{.principal = "dev:alice",
                          .session = "ab12",
                          .grants = *grants,
                          .db = 3,
                          .expires = WallTime(std::chrono::seconds(1'800'000'000)),
                          .break_glass_left = std::nullopt};
  const std::string reply = status_reply(facts, resp::Protocol::resp3);
  EXPECT_TRUE(reply.starts_with("%8\r\n$9\r\nprincipal\r\n$9\r\ndev:alice\r\n")) << reply;
  EXPECT_NE(reply.find("$6\r\ngrants\r\n*1\r\n$1\r\ng\r\n"), std::string::npos) << reply;
  EXPECT_NE(reply.find("$7\r\nexpires\r\n:1800000000\r\n"), std::string::npos) << reply;
  EXPECT_TRUE(reply.ends_with("$11\r\nbreak-glass\r\n:0\r\n")) << reply;
  EXPECT_TRUE(status_reply(facts, resp::Protocol::resp2).starts_with("*16\r\n"));
}

}  // namespace
}  // namespace keyward::proxy
