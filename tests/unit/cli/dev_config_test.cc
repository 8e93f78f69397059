#include "cli/dev_config.h"

#include "cli/dev_redis.h"
#include "cli/dev_state.h"
#include "cli/dev_tokens.h"

#include "keyward/base/hash.h"
#include "keyward/server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace keyward::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class DevState : public testing::Test {
 protected:
  void SetUp() override {
    // The space and the quote show that nothing is pasted into a file unquoted.
    std::string name =
        (std::filesystem::temp_directory_path() / "keyward it's dev-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    parent_ = name;
    setup_.files = dev_files((parent_ / "state").string() + "/");
    setup_.listen = "127.0.0.1:6380";
    setup_.admin_listen = "[::1]:9380";
    setup_.redis_url = "redis://127.0.0.1:7000";
    setup_.redis_user = kAdminUser;
    setup_.redis_password_file = setup_.files.admin_password().string();
    setup_.policies = setup_.files.starter_policies().string();
    setup_.aliases = {"dev", "okta"};
    setup_.shards = 2;
    setup_.lease_linger = "300ms";
    const auto made = make_folders(setup_.files);
    ASSERT_TRUE(made) << made.error().message();
    std::filesystem::create_directories(setup_.files.starter_policies());
  }
  void TearDown() override { std::filesystem::remove_all(parent_); }
  static std::filesystem::perms mode(const std::filesystem::path& path) {
    return std::filesystem::status(path).permissions();
  }
  static std::string text(const std::filesystem::path& path) { return read_whole(path).value(); }

  std::filesystem::path parent_;
  DevSetup setup_;
};

constexpr auto kOwnerFile =
    std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;

TEST_F(DevState, ConfigurationIsOneThatServeReads) {
  ASSERT_TRUE(ensure_signing_key(setup_.files));
  ASSERT_TRUE(ensure_certificates(setup_.files));
  ASSERT_TRUE(ensure_admin_password(setup_.files));
  ASSERT_TRUE(write_private(setup_.files.config(), configuration_text(setup_)));
  Diagnostics found;
  const auto config = server::load_config(setup_.files.config().string(), found);
  ASSERT_TRUE(config) << found.text();
  EXPECT_EQ(found.text(), "");
  EXPECT_EQ(config->instance, "dev");
  EXPECT_EQ(config->shards, 2U);
  EXPECT_EQ(config->listeners.at(0).endpoint.kind, net::Endpoint::Kind::tls);
  EXPECT_EQ(config->listeners.at(0).endpoint.port, 6380);
  EXPECT_EQ(config->admin.endpoint.kind, net::Endpoint::Kind::tls);
  EXPECT_EQ(config->upstream.admin_user, kAdminUser);
  EXPECT_EQ(config->upstream.admin_password().value().reveal(),
            ensure_admin_password(setup_.files).value().reveal());
  ASSERT_EQ(config->issuers.size(), 2U);
  EXPECT_EQ(config->issuers[1].issuer, dev_issuer("okta"));
  EXPECT_THAT(config->issuers[1].audiences, ElementsAre(kDevAudience));
  EXPECT_EQ(config->issuers[1].jwks_file, setup_.files.jwks().string());
  EXPECT_EQ(config->policies, setup_.policies);
  EXPECT_EQ(config->audit_directory, setup_.files.audit().string());
  EXPECT_EQ(config->lease.linger, std::chrono::milliseconds(300));
}

TEST_F(DevState, KeysAreMadeOnceAndClosedToOthers) {
  const auto kid = ensure_signing_key(setup_.files).value().kid();
  const std::string password(ensure_admin_password(setup_.files).value().reveal());
  ASSERT_TRUE(ensure_certificates(setup_.files));
  const std::string authority = text(setup_.files.ca());
  EXPECT_EQ(ensure_signing_key(setup_.files).value().kid(), kid);
  EXPECT_EQ(ensure_admin_password(setup_.files).value().reveal(), password);
  ASSERT_TRUE(ensure_certificates(setup_.files));
  EXPECT_EQ(text(setup_.files.ca()), authority);
  EXPECT_GE(password.size(), 40U);
  EXPECT_EQ(mode(setup_.files.root), std::filesystem::perms::owner_all);
  for (const auto& path : {setup_.files.signing_key(), setup_.files.admin_password(),
                           setup_.files.tls() / "server.key"}) {
    EXPECT_EQ(mode(path), kOwnerFile) << path;
  }
}

TEST_F(DevState, EnvFileSurvivesAShell) {
  ASSERT_TRUE(write_private(setup_.files.env(), env_text(setup_)));
  const std::string line =
      ". " + std::string(
                 "\"$FILE\" && printf '%s|%s|%s|%s' \"$KEYWARD_URL\" "
                 "\"$KEYWARD_CA\" \"$KEYWARD_ADMIN_URL\" \"$KEYWARD_REDIS_URL\"");
  ASSERT_EQ(setenv("FILE", setup_.files.env().c_str(), 1), 0);
  FILE* pipe = popen(line.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  char got[1024] = {};
  const std::size_t count = fread(got, 1, sizeof got, pipe);
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_EQ(std::string(got, count), "rediss://127.0.0.1:6380|" + setup_.files.ca().string() +
                                         "|https://[::1]:9380|redis://127.0.0.1:7000");
}

TEST_F(DevState, StarterPolicyLoadsAndItsTokensFit) {
  ASSERT_TRUE(write_private(setup_.files.starter_policies() / "starter.yaml", starter_policy()));
  Diagnostics found;
  const auto snapshot =
      policy::Snapshot::load(setup_.policies, command::Catalog::built_in(), {}, found);
  ASSERT_NE(snapshot, nullptr) << found.text();
  EXPECT_GT(snapshot->expectations(), 0U);
  EXPECT_THAT(issuer_aliases(*snapshot), ElementsAre("dev"));
  const auto key = ensure_signing_key(setup_.files);
  ASSERT_TRUE(key);
  ASSERT_TRUE(write_private(setup_.files.tokens() / "of-last-run.jwt", "x"));
  const auto names = write_tokens(setup_.files, *key, *snapshot);
  ASSERT_TRUE(names);
  EXPECT_THAT(*names, ElementsAre("developer.jwt"));
  EXPECT_FALSE(std::filesystem::exists(setup_.files.tokens() / "of-last-run.jwt"));
  EXPECT_EQ(mode(setup_.files.tokens() / "developer.jwt"), kOwnerFile);
  TokenRequest fitting;
  fitting.subject = "alice";
  fitting.groups = {"developers"};
  EXPECT_EQ(alias_for(*snapshot, fitting), "dev");
}

TEST_F(DevState, SecondOneIsKeptOut) {
  FolderLock first, second;
  ASSERT_TRUE(first.take(setup_.files.lock()));
  const auto refused = second.take(setup_.files.lock());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("--state"));
}

TEST(RedisConfiguration, ClosesTheServerAndHidesThePassword) {
  const std::string text = redis_configuration("/tmp/x", 7000, Secret("hunter2"));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  EXPECT_THAT(text, HasSubstr("#" + hex(sha256("hunter2"))));
  EXPECT_THAT(text, HasSubstr("user default off\n"));
  EXPECT_THAT(text, HasSubstr("bind 127.0.0.1\n"));
  EXPECT_THAT(text, Not(HasSubstr("+@")));
  // Of the keys only those of the fleet.
  EXPECT_THAT(text, HasSubstr(" ~keyward:fleet:* "));
  EXPECT_EQ(std::count(text.begin(), text.end(), '~'), 1);
}

}  // namespace
}  // namespace keyward::cli
