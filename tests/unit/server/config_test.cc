#include "keyward/server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace keyward::server {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

// A folder of its own with a policy folder and files that a configuration may name.
class ConfigFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "keyward-config-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::filesystem::create_directory(folder_ / "policies");
    write("admin.pw", "hunter2\n");
    std::filesystem::permissions(folder_ / "admin.pw", std::filesystem::perms::owner_read);
    write("keys.json", "{}");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  std::optional<Config> load(const std::string& text) {
    write("keyward.yaml", text);
    return load_config((folder_ / "keyward.yaml").string(), found_);
  }
  std::filesystem::path folder_;
  Diagnostics found_;
};

const std::string kSmall = R"(
listeners: [{listen: "127.0.0.1:6380"}]
upstream: {url: "redis://127.0.0.1:6379", user: keyward-admin, password_file: admin.pw}
issuers: [{alias: okta, issuer: "https://one.example/", audiences: [keyward]}]
policies: policies
audit: {directory: audit}
)";

TEST_F(ConfigFile, SmallOneHasClosedDefaults) {
  const auto config = load(kSmall);
  ASSERT_TRUE(config) << found_.text();
  EXPECT_EQ(found_.text(), "");
  EXPECT_THAT(config->instance, testing::EndsWith("-6380"));
  EXPECT_EQ(config->lease.instance, config->instance);
  EXPECT_EQ(config->policies, (folder_ / "policies").string());
  EXPECT_EQ(config->audit_directory, (folder_ / "audit").string());
  EXPECT_EQ(config->upstream.admin_user, "keyward-admin");
  EXPECT_EQ(config->upstream.admin_password().value().reveal(), "hunter2");
  EXPECT_EQ(config->admin.endpoint.host, "127.0.0.1");
  EXPECT_EQ(config->admin.endpoint.port, 9380);
  EXPECT_EQ(config->issuers.at(0).exp_leeway, 0s);
  EXPECT_THAT(config->user_placeholders, ElementsAre("oidc"));
}

TEST_F(ConfigFile, TakesEverySetting) {
  const auto config = load(R"(
instance: keyward-1
shards: 3
listeners: [{name: main, listen: "127.0.0.1:6380"}, {name: other, listen: "[::1]:6381"}]
upstream:
  url: "redis://127.0.0.1:6379"
  user: keyward-admin
  password_command: [printf, "%s", pw]
  connect_timeout: 250ms
issuers:
  - alias: okta
    issuer: "https://one.example"
    audiences: [keyward, other]
    jwks_file: keys.json
    internal: true
    algorithms: [ES256, PS512]
    principal_claim: uid
    groups_claim: realm_access.roles
    label_claim: email
    token_kind: id
    allow_extra_audiences: false
    leeway: 5s
    exp_leeway: 60s
    max_lifetime: 2h
    max_session: 3h
    refresh: 10m
    max_stale: 1d
    user_claims: [sub, oid]
    required_claims: {tid: "42"}
user_placeholders: [oidc, token]
policies: policies/
audit: {directory: audit/}
admin: {listen: "127.0.0.1:0"}
lease: {linger: 2s, max_users: 7, rotate_every: 6h, period: 3s}
limits: {connections: 5, failed_logins_per_minute: 6, handshake_deadline: 1s, login_deadline: 2s, stall_deadline: 3s,
  expiry_grace: 4s, expiry_jitter: 1s, drain_deadline: 5s, output_buffer: 1MiB, inflight: 9, transaction_bytes: 2MiB, filtered_answer: 4MiB,
  max_request: 3MiB, stream_above: 64KiB}
log: {level: debug, json: true}
pid_file: keyward.pid
)");
  ASSERT_TRUE(config) << found_.text();
  EXPECT_EQ(config->instance, "keyward-1");
  EXPECT_EQ(config->shards, 3U);
  ASSERT_EQ(config->listeners.size(), 2U);
  EXPECT_EQ(config->listeners[1].endpoint.port, 6381);
  EXPECT_EQ(config->upstream.connect_timeout, 250ms);
  EXPECT_EQ(config->upstream.admin_password().value().reveal(), "pw");
  const auto& issuer = config->issuers.at(0);
  EXPECT_EQ(issuer.jwks_file, (folder_ / "keys.json").string());
  EXPECT_THAT(issuer.audiences, ElementsAre("keyward", "other"));
  EXPECT_THAT(issuer.algorithms, ElementsAre("ES256", "PS512"));
  EXPECT_EQ(issuer.principal_claim, "uid");
  EXPECT_EQ(issuer.groups_claim, "realm_access.roles");
  EXPECT_EQ(issuer.label_claim, "email");
  EXPECT_EQ(issuer.token_kind, identity::TokenKind::id);
  EXPECT_FALSE(issuer.allow_extra_audiences);
  EXPECT_TRUE(issuer.internal);
  EXPECT_EQ(issuer.leeway, 5s);
  EXPECT_EQ(issuer.exp_leeway, 60s);
  EXPECT_EQ(issuer.max_lifetime, 2h);
  EXPECT_EQ(issuer.max_session, 3h);
  EXPECT_EQ(issuer.refresh, 10min);
  EXPECT_EQ(issuer.max_stale, 24h);
  EXPECT_THAT(issuer.user_claims, ElementsAre("sub", "oid"));
  EXPECT_THAT(issuer.required_claims, ElementsAre(testing::Pair("tid", "42")));
  EXPECT_EQ(config->lease.linger, 2s);
  EXPECT_EQ(config->lease.max_users, 7U);
  EXPECT_EQ(config->lease.rotate_every, 6h);
  EXPECT_EQ(config->lease.period, 3s);
  EXPECT_EQ(config->limits.connections, 5U);
  EXPECT_EQ(config->limits.failed_logins_per_minute, 6U);
  EXPECT_EQ(config->limits.handshake_deadline, 1s);
  EXPECT_EQ(config->limits.login_deadline, 2s);
  EXPECT_EQ(config->limits.stall_deadline, 3s);
  EXPECT_EQ(config->limits.expiry_grace, 4s);
  EXPECT_EQ(config->limits.expiry_jitter, 1s);
  EXPECT_EQ(config->limits.drain_deadline, 5s);
  EXPECT_EQ(config->limits.output_soft, 1U << 20);
  EXPECT_EQ(config->limits.inflight, 9U);
  EXPECT_EQ(config->limits.transaction_bytes, 2U << 20);
  EXPECT_EQ(config->limits.filtered_answer, 4U << 20);
  EXPECT_EQ(config->limits.requests.max_buffered, 3U << 20);
  EXPECT_EQ(config->limits.requests.stream_above, 64U << 10);
  EXPECT_EQ(config->log_level, "debug");
  EXPECT_TRUE(config->log_json);
  EXPECT_EQ(config->pid_file, (folder_ / "keyward.pid").string());
  EXPECT_EQ(config->admin.endpoint.port, 0);
}

TEST_F(ConfigFile, EveryWayIn) {
  write("client.secret", "s3cret\n");
  write("bearer", "token");
  const auto config = load(R"(
listeners: [{listen: "127.0.0.1:6380"}]
upstream: {url: "redis://127.0.0.1:6379", user: keyward-admin, password_file: admin.pw}
issuers:
  - {alias: google, profile: google, audiences: [keyward], required_claims: {hd: example.com}, label_claim: name}
  - {alias: entra, profile: entra, audiences: [keyward],
     issuer: "https://login.microsoftonline.com/11112222-3333-4444-5555-666677778888/v2.0"}
  - {alias: k8s, profile: kubernetes, issuer: "https://k8s.example", audiences: [keyward], bearer_file: bearer,
     key_hosts: [keys.example], token_review: {url: "https://k8s.example/review", cache: 5s}}
  - {alias: idp, issuer: "https://idp.example", audiences: [keyward], principal_fallback: cid, algorithms: [EdDSA],
     introspection: {url: "https://idp.example/i", client_id: me, client_secret_file: client.secret, only: true, cache: 9s}}
  - {alias: aws, profile: aws-iam, audiences: [prod], accounts: ["123456789012"], regions: [eu-west-1, global], fips: true,
     endpoint: "vpce.example:443", reuse: per-source-ip, max_session: 2h}
  - {alias: mesh, profile: mtls, trust_domains: [example.org], max_session: 1h}
  - {alias: names, profile: mtls, san: dns}
policies: policies
audit: {directory: audit}
)");
  ASSERT_TRUE(config) << found_.text();
  const auto& issuers = config->issuers;
  EXPECT_EQ(issuers[0].issuer, "https://accounts.google.com");
  EXPECT_EQ(issuers[0].label_claim, "name") << "a setting stands over the profile's";
  EXPECT_THAT(issuers[0].key_hosts, ElementsAre("www.googleapis.com"));
  EXPECT_THAT(issuers[1].required_claims,
              ElementsAre(testing::Pair("tid", "11112222-3333-4444-5555-666677778888"),
                          testing::Pair("ver", "2.0")));
  EXPECT_EQ(issuers[2].token_review.cache, 5s);
  EXPECT_EQ(issuers[2].bearer_file, (folder_ / "bearer").string());
  EXPECT_FALSE(issuers[3].has_keys());
  EXPECT_EQ(issuers[3].introspection.client_secret().value().reveal(), "s3cret");
  EXPECT_EQ(issuers[4].aws.audience, "prod");
  EXPECT_EQ(issuers[4].aws.reuse, identity::AwsConfig::Reuse::per_source_ip);
  EXPECT_EQ(issuers[4].max_session, 2h);
  EXPECT_EQ(issuers[5].certificate.san, identity::CertificateConfig::San::spiffe);
  EXPECT_EQ(issuers[6].certificate.san, identity::CertificateConfig::San::dns);
  EXPECT_THAT(identity::check_issuers(issuers), testing::IsEmpty());
}

TEST_F(ConfigFile, PasswordFollowsRotation) {
  const auto config = load(kSmall);
  ASSERT_TRUE(config);
  std::filesystem::permissions(folder_ / "admin.pw", std::filesystem::perms::owner_all);
  write("admin.pw", "rotated");
  EXPECT_EQ(config->upstream.admin_password().value().reveal(), "rotated");
  std::filesystem::remove(folder_ / "admin.pw");
  ASSERT_FALSE(config->upstream.admin_password());
  EXPECT_THAT(config->upstream.admin_password().error().message(), HasSubstr("admin.pw"));
}

TEST_F(ConfigFile, PasswordNeverStandsInADiagnostic) {
  EXPECT_FALSE(load(R"(
listeners: [{listen: "127.0.0.1:6380"}]
upstream: {url: "redis://me:hunter2@127.0.0.1:6379", user: keyward-admin, password: hunter2}
issuers: [{alias: okta, issuer: "https://one.example/", audiences: [keyward]}]
policies: policies
audit: {directory: audit}
)"));
  EXPECT_THAT(found_.text(), testing::Not(HasSubstr("hunter2")));
  EXPECT_THAT(found_.text(), HasSubstr("password_file"));
}

TEST_F(ConfigFile, EarlierErrorsOfOtherFilesDoNotFailIt) {
  found_.error("other.yaml", 1, 1, "something");
  EXPECT_TRUE(load(kSmall));
}

TEST_F(ConfigFile, WarnsOfAPasswordFileThatAllCanOpen) {
  std::filesystem::permissions(folder_ / "admin.pw", std::filesystem::perms::owner_read |
                                                         std::filesystem::perms::others_read);
  EXPECT_TRUE(load(kSmall));
  EXPECT_THAT(found_.text(), HasSubstr("every user of this machine"));
}

// tests/golden/config/<name>.yaml must give exactly <name>.txt. KEYWARD_WRITE_GOLDEN=1 writes them
// anew.
TEST(ConfigGolden, DiagnosticsStayAsWritten) {
  const std::filesystem::path folder = std::string(KEYWARD_SOURCE_DIR) + "/tests/golden/config";
  int files = 0;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder);
  for (const auto& entry : std::filesystem::directory_iterator(".")) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    Diagnostics found;
    const std::string name = entry.path().filename().string();
    EXPECT_FALSE(load_config(name, found)) << name;
    auto golden = entry.path();
    golden.replace_extension(".txt");
    if (std::getenv("KEYWARD_WRITE_GOLDEN") != nullptr) std::ofstream(golden) << found.text();
    EXPECT_EQ(found.text(), slurp(golden)) << name;
  }
  std::filesystem::current_path(before);
  EXPECT_GE(files, 4);
}

}  // namespace
}  // namespace keyward::server
