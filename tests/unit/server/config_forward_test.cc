// audit.forward and audit.checkpoints.copy_to: what is read, and that every mistake is named at
// once.
#include "support/temp_dir.h"

#include "keyward/server/config.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace keyward::server {
namespace {

using namespace std::chrono_literals;
using forward::Kind;
using testing::HasSubstr;

class ForwardConfig : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(dir_.path() + "/policies");
    for (const char* name : {"admin.pw", "token", "keys.json"}) write(name, "{}");
    open_to(0600, "token");
    open_to(0600, "admin.pw");
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(dir_.path() + "/" + name) << text;
  }
  void open_to(int mode, const std::string& name) {
    std::filesystem::permissions(dir_.path() + "/" + name, std::filesystem::perms(mode));
  }
  std::optional<Config> load(const std::string& audit) {
    write("keyward.yaml", R"(
listeners: [{listen: "127.0.0.1:6380"}]
upstream: {url: "redis://127.0.0.1:6379", user: keyward-admin, password_file: admin.pw}
issuers: [{alias: okta, issuer: "https://one.example/", audiences: [keyward]}]
policies: policies
audit:
  directory: audit
)" + audit);
    found_ = {};
    return load_config(dir_.path() + "/keyward.yaml", found_);
  }

  keyward::test::TempDir dir_;
  Diagnostics found_;
};

TEST_F(ForwardConfig, EveryKind) {
  const auto config = load(R"(
  forward:
    - {name: siem, kind: syslog, to: "tls://[::1]:6514", batch: {time: 5s, bytes: 2MiB, records: 10}, hold_at_most: {age: 0ms, size: 1GiB}}
    - {name: local, kind: syslog, to: "unix:///run/x.sock"}
    - {name: splunk, kind: splunk_hec, to: "https://s.example:8088/", token_file: token, index: audit}
    - {name: search, kind: opensearch, to: "https://o.example:9200", user: kw, password_file: token}
    - {name: otel, kind: otlp, to: "http://127.0.0.1:4318", compression: none, retry: {first: 1s, most: 2s}}
    - {name: lake, kind: http, to: "https://l.example/in?x=1", token_file: token, header: X-Api-Key, body: array}
)");
  ASSERT_TRUE(config) << found_.text();
  const auto& all = config->audit.forward;
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all[0].destination(), "tls://[::1]:6514");
  EXPECT_EQ(all[0].batch_time, 5s);
  EXPECT_EQ(all[0].batch_bytes, 2U << 20);
  EXPECT_EQ(all[0].hold_age, 0s);
  EXPECT_EQ(all[1].destination(), "unix:///run/x.sock");
  EXPECT_EQ(all[2].url, "https://s.example:8088/services/collector/event");
  EXPECT_EQ(all[2].scheme, "Splunk");
  EXPECT_TRUE(all[2].gzip);
  EXPECT_EQ(all[3].scheme, "Basic");
  EXPECT_EQ(all[3].index, "keyward-audit");
  EXPECT_EQ(all[4].url, "http://127.0.0.1:4318/v1/logs");
  EXPECT_FALSE(all[4].gzip);
  EXPECT_EQ(all[4].most_wait, 2s);
  EXPECT_EQ(all[5].header, "X-Api-Key");
  EXPECT_EQ(all[5].scheme, "");
  EXPECT_TRUE(all[5].array);
}

TEST_F(ForwardConfig, CopiesOfCheckpoints) {
  const auto config = load(R"(
  checkpoints:
    copy_to: [copy.jsonl, "syslog+tls://logs.example.com:6514", "https://x.example/in", {kind: splunk_hec, to: "https://s.example", token_file: token}]
)");
  ASSERT_TRUE(config) << found_.text();
  EXPECT_EQ(config->audit.checkpoint_copies.size(), 1U);
  const auto& all = config->audit.forward;
  ASSERT_EQ(all.size(), 3U);
  for (const auto& one : all) EXPECT_EQ(one.only, "checkpoints");
  EXPECT_EQ(all[0].kind, Kind::syslog);
  EXPECT_EQ(all[0].name, "checkpoints");
  EXPECT_EQ(all[1].name, "checkpoints-2");
  EXPECT_EQ(all[2].kind, Kind::splunk_hec);
}

TEST_F(ForwardConfig, EveryMistakeAtOnce) {
  open_to(0644, "keys.json");
  const auto config = load(R"(
  forward:
    - {name: a, kind: carrier_pigeon, to: "tls://x:1"}
    - {name: b, kind: syslog, to: "tcp://10.0.0.1:514"}
    - {name: b, kind: http, to: "http://logs.example.com/"}
    - {name: c, kind: splunk_hec, to: "https://s.example"}
    - {name: d, kind: http, to: "https://user:pw@x.example", token: hunter2}
    - {name: e, kind: otlp, to: "https://x.example", token_file: keys.json, index: no}
    - {name: f, kind: syslog, to: "logs.example.com:514", token_file: token}
    - {name: g, kind: http, to: "https://x.example", token_file: token, user: me, colour: red}
  checkpoints: {copy_to: ["ftp://x", "http://x.example/"]}
)");
  EXPECT_FALSE(config);
  for (const char* part :
       {"carrier_pigeon", "do not travel over a network without TLS (tcp://)",
        "do not travel over a network without TLS (http://)", "two forwarders have this name",
        "the token of the receiver has no source", "has no user, password or fragment",
        "secrets are not written into this file", "every user of this machine can open the file",
        "`index` belongs to", "this is no syslog receiver", "syslog knows no tokens", "two ways in",
        "colour"})
    EXPECT_THAT(found_.text(), HasSubstr(part));
  EXPECT_THAT(found_.text(), testing::Not(HasSubstr("hunter2")));
  EXPECT_TRUE(
      load("  forward: [{name: b, kind: syslog, to: \"tcp://10.0.0.1:514\", insecure: true}]"))
      << found_.text();
}

}  // namespace
}  // namespace keyward::server
