// Case 45 and logins by client certificate.
#include "identity/certificate_login.h"

#include "token_maker.h"

#include <gtest/gtest.h>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;
using San = CertificateConfig::San;

IssuerConfig mesh(San san = San::spiffe) {
  IssuerConfig rules;
  rules.alias = "mesh";
  apply_profile("mtls", rules);
  rules.certificate.san = san;
  rules.certificate.trust_domains = {"example.org"};
  return rules;
}
net::PeerCertificate of_uri(const std::string& uri) {
  net::PeerCertificate certificate;
  certificate.uris = {uri};
  certificate.not_after = at_second(kNow + 1000);
  return certificate;
}
std::string judge_certificate(const net::PeerCertificate& certificate,
                              const IssuerConfig& rules = mesh()) {
  const auto read = certificate_principal(certificate, rules, at_second(kNow));
  if (const auto* rejected = std::get_if<Rejected>(&read)) return std::string(rejected->reason);
  return std::get<Principal>(read).id;
}

TEST(Certificate, SpiffeIds) {
  EXPECT_EQ(judge_certificate(of_uri("spiffe://example.org/ns/shop/sa/api")),
            "mesh:spiffe://example.org/ns/shop/sa/api");
  for (const std::string& uri : {std::string("spiffe://example.org"),
                                 std::string("spiffe://example.org/"),
                                 std::string("spiffe://other.org/a"),
                                 std::string("spiffe://example.org.evil/a"),
                                 std::string("spiffe://Example.org/a"),
                                 std::string("SPIFFE://example.org/a"),
                                 std::string("spiffe://example.org//a"),
                                 std::string("spiffe://example.org/a/"),
                                 std::string("spiffe://example.org/../a"),
                                 std::string("spiffe://example.org/./a"),
                                 std::string("spiffe://example.org/%61"),
                                 std::string("spiffe://example.org/a?b"),
                                 std::string("spiffe://example.org/a#b"),
                                 std::string("spiffe://example.org:1/a"),
                                 std::string("spiffe://u@example.org/a"),
                                 std::string("https://example.org/a"),
                                 std::string("spiffe://example.org/a\0b", 24),
                                 std::string("spiffe://example.org/a b"),
                                 std::string("spiffe://example.org/") + std::string(300, 'a'),
                                 std::string()}) {
    EXPECT_EQ(judge_certificate(of_uri(uri)), "certificate") << uri;
  }
}

TEST(Certificate, ExactlyOneNameOfTheKind) {
  net::PeerCertificate two = of_uri("spiffe://example.org/a");
  two.uris.emplace_back("https://example.org/");
  EXPECT_EQ(judge_certificate(two), "certificate");
  net::PeerCertificate none = of_uri("spiffe://example.org/a");
  none.uris.clear();
  none.dns = {"a.example.org"};
  EXPECT_EQ(judge_certificate(none), "certificate");
  EXPECT_EQ(judge_certificate(none, mesh(San::dns)), "mesh:a.example.org");
  none.emails = {"a@example.org"};
  EXPECT_EQ(judge_certificate(none, mesh(San::email)), "mesh:a@example.org");
  none.dns = {std::string("a.example.org\0.evil", 19)};
  EXPECT_EQ(judge_certificate(none, mesh(San::dns)), "certificate");
  EXPECT_EQ(judge_certificate(of_uri("urn:worker:7"), mesh(San::uri)), "mesh:urn:worker:7");
}

TEST(Certificate, EndsTheSession) {
  const auto read =
      certificate_principal(of_uri("spiffe://example.org/a"), mesh(), at_second(kNow));
  EXPECT_EQ(std::get<Principal>(read).expires_at, at_second(kNow + 1000));
  IssuerConfig brief = mesh();
  brief.max_session = std::chrono::seconds(60);
  const auto shorter =
      certificate_principal(of_uri("spiffe://example.org/a"), brief, at_second(kNow));
  EXPECT_EQ(std::get<Principal>(shorter).expires_at, at_second(kNow + 60));
  net::PeerCertificate over = of_uri("spiffe://example.org/a");
  over.not_after = at_second(kNow);
  EXPECT_EQ(judge_certificate(over), "expired");
}

TEST(Attack, Case45CertificateBoundTokens) {
  FakeClock clock;
  clock.set_wall(at_second(kNow));
  Authenticator authenticator({usual_rules()}, {}, clock);
  authenticator.set_keys("main", usual_keys(), clock.mono());
  const Digest shown = sha256("certificate one"), other = sha256("certificate two");
  const std::string thumbprint =
      base64url_encode({reinterpret_cast<const char*>(shown.data()), shown.size()});
  const std::string bound = token_of(claims_with({{"cnf", {{"x5t#S256", thumbprint}}}}));
  const auto login = [&](const Digest* certificate) {
    Credential credential;
    credential.secret = bound;
    credential.certificate = certificate;
    const Verdict verdict = authenticator.authenticate(credential);
    const auto* refusal = std::get_if<Refusal>(&verdict);
    return refusal == nullptr ? std::string() : refusal->reason;
  };
  for (int round = 0; round < 2; ++round) {  // judged the first time, cached the second
    EXPECT_EQ(login(nullptr), "bound_token");
    EXPECT_EQ(login(&other), "bound_token");
    EXPECT_EQ(login(&shown), "");
  }
}

TEST(Certificate, IdentifiesByItsOwnEntryOnly) {
  FakeClock clock;
  clock.set_wall(at_second(kNow));
  Authenticator authenticator({usual_rules(), mesh()}, {"oidc"}, clock);
  const auto as = [&](const std::string& alias, const std::string& user) {
    const Verdict verdict = authenticator.identify(alias, user, of_uri("spiffe://example.org/a"));
    const auto* refusal = std::get_if<Refusal>(&verdict);
    return refusal == nullptr ? std::string() : refusal->reason;
  };
  EXPECT_EQ(as("mesh", ""), "");
  EXPECT_EQ(as("mesh", "spiffe://example.org/a"), "");
  EXPECT_EQ(as("mesh", "admin"), "user_mismatch");
  EXPECT_EQ(as("main", ""), "certificate");
  EXPECT_EQ(as("nobody", ""), "certificate");
}

}  // namespace
}  // namespace keyward::identity
