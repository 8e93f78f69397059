// triggers: of keyward.yaml: what is read, and that every mistake is named at once.
#include "support/temp_dir.h"

#include "keyward/server/config.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace keyward::server {
namespace {

using trigger::Connection;

class TriggerSettings : public testing::Test {
 protected:
  std::optional<Config> load(const std::string& triggers) {
    std::filesystem::create_directory(dir_.path() + "/policies");
    for (const char* name : {"admin.pw", "token"}) {
      std::ofstream(dir_.path() + "/" + name) << "x";
      std::filesystem::permissions(dir_.path() + "/" + name, std::filesystem::perms(0600));
    }
    std::ofstream(dir_.path() + "/keyward.yaml") << R"(
listeners: [{listen: "127.0.0.1:6380"}]
upstream: {url: "redis://127.0.0.1:6379", user: keyward-admin, password_file: admin.pw}
issuers: [{alias: okta, issuer: "https://one.example/", audiences: [keyward]}]
policies: policies
audit: {directory: audit}
)" + triggers;
    found_ = {};
    return load_config(dir_.path() + "/keyward.yaml", found_);
  }
  keyward::test::TempDir dir_;
  Diagnostics found_;
};

TEST_F(TriggerSettings, ConnectionsOfEveryKind) {
  const auto config = load(R"(
triggers:
  claim_after: 5s
  connections:
    - {name: aws, kind: aws, region: eu-west-1, profile: shop, teams: [shop, data]}
    - {name: moto, kind: aws, region: us-east-1, url: "http://127.0.0.1:5000", internal: true}
    - {name: airflow, kind: http, url: "https://a.example/base/", auth: bearer, secret_file: token}
    - {name: old, kind: http, url: "https://o.example", auth: basic, user: u, secret_env: TOKEN}
    - {name: key, kind: http, url: "https://k.example", auth: header, header: X-Key, secret_command: [cat, token]}
    - {name: open, kind: http, url: "http://localhost:8080"}
)");
  ASSERT_TRUE(config) << found_.text();
  const auto& all = config->triggers.connections;
  EXPECT_EQ(config->triggers.claim_after, std::chrono::seconds(5));
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all[0].kind, Connection::Kind::aws);
  EXPECT_EQ(all[0].teams, (std::vector<std::string>{"shop", "data"}));
  EXPECT_TRUE(all[1].internal);
  EXPECT_EQ(all[2].url, "https://a.example/base");
  EXPECT_EQ(all[2].scheme, "Bearer");
  EXPECT_EQ(all[2].secret()->reveal(), "x");
  EXPECT_EQ(all[3].user, "u");
  EXPECT_EQ(all[4].header, "X-Key");
  EXPECT_EQ(all[4].scheme, "");
  EXPECT_FALSE(all[5].secret);
}

TEST_F(TriggerSettings, EveryMistakeAtOnce) {
  EXPECT_FALSE(load(R"(
triggers:
  claim_after: 10ms
  connections:
    - {name: a, kind: aws, region: "eu west"}
    - {name: a, kind: http, url: "http://example.com"}
    - {name: b, kind: http, url: "https://u:p@example.com"}
    - {name: c, kind: http, url: "https://example.com", auth: bearer}
    - {name: d, kind: http, url: "https://example.com", auth: basic, secret: plain}
    - {name: e, kind: http, url: "https://example.com", auth: header, header: Host, secret_file: token}
    - {name: f, kind: ftp, url: "ftp://example.com"}
    - {kind: http}
)"));
  const std::string said = found_.text();
  for (const char* expected :
       {"no region of AWS", "connection 'a' is there twice", "in the clear", "no user, no query",
        "the credential of the target has no source", "secrets are not written into this file",
        "no header for a credential", "called over HTTPS", "`name` is required",
        "`url` is required"})
    EXPECT_NE(said.find(expected), std::string::npos) << expected << "\n" << said;
}

}  // namespace
}  // namespace keyward::server
