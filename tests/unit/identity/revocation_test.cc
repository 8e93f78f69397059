// The deny-list, by itself and behind logins (case 46 of the attack list).
#include "keyward/identity/revocation.h"

#include "token_maker.h"

#include "keyward/identity/authenticator.h"

#include <gtest/gtest.h>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;
using Target = Revocation::Target;
using std::chrono::seconds;

Revocation revocation(Target target, std::string value) {
  Revocation entry;
  entry.id = std::string(name(target)) + "-1";
  entry.target = target;
  entry.value = std::move(value);
  entry.at = at_second(kNow);
  entry.until = at_second(kNow + 3600);
  return entry;
}

Principal alice() {
  Principal principal;
  principal.id = "main:alice";
  principal.issuer_alias = "main";
  principal.subject = "alice";
  principal.token_id = "jti-1";
  principal.evidence = "0123456789abcdef";
  principal.issued_at = at_second(kNow - 10);
  return principal;
}

std::string by(const Revocation* entry) { return entry == nullptr ? "" : entry->id; }

TEST(DenyList, AnEmptyOneDeniesNobody) {
  EXPECT_EQ(DenyList().denies(alice()), nullptr);
  EXPECT_EQ(DenyList().denies(alice(), "s", "l", at_second(kNow)), nullptr);
  EXPECT_TRUE(DenyList().empty());
}

TEST(DenyList, EachTargetFitsItsOwnValueOnly) {
  Principal vended = alice();
  vended.vended.user = "kwc_1";
  const std::vector<std::pair<Target, std::string>> fitting = {
      {Target::principal, "main:alice"},
      {Target::token, "main:jti-1"},
      {Target::token, "sha256:0123456789abcdef"},
      {Target::credential, "kwc_1"},
      {Target::session, "s1"},
      {Target::lease, "kw_1"}};
  for (const auto& [target, value] : fitting) {
    const DenyList list({revocation(target, value)});
    EXPECT_EQ(by(list.denies(vended, "s1", "kw_1", at_second(kNow - 5))),
              std::string(name(target)) + "-1");
    const bool of_login = target != Target::session && target != Target::lease;
    EXPECT_EQ(list.denies(vended) != nullptr, of_login) << value;
    for (const auto& [other, text] : fitting) {
      if (other == target) continue;
      EXPECT_EQ(DenyList({revocation(target, text)}).denies(vended, "s1", "kw_1", {}), nullptr)
          << name(target) << " " << text;
    }
    EXPECT_EQ(DenyList({revocation(target, value + "x")}).denies(vended, "s1", "kw_1", {}),
              nullptr);
  }
}

TEST(DenyList, WhatASessionDoesNotHaveIsNotMatched) {
  Principal bare;
  bare.id = "main:bob";
  bare.issuer_alias = "main";
  for (std::size_t at = 0; at < kRevocationTargets; ++at) {
    for (const char* value : {"", "main:", "sha256:"}) {
      const DenyList list({revocation(static_cast<Target>(at), value)});
      EXPECT_EQ(list.denies(bare, "", "", {}), nullptr) << value;
    }
  }
}

TEST(DenyList, APrincipalBeforeATimeLeavesNewerCredentialsAlone) {
  Revocation entry = revocation(Target::principal, "main:alice");
  entry.issued_before = at_second(kNow - 10);
  Principal principal = alice();
  EXPECT_EQ(DenyList({entry}).denies(principal), nullptr);
  principal.issued_at -= std::chrono::microseconds(1);
  EXPECT_NE(DenyList({entry}).denies(principal), nullptr);
  principal.issued_at = {};
  EXPECT_NE(DenyList({entry}).denies(principal), nullptr) << "a credential without a time";
  // Of several the one that fits counts.
  principal.issued_at = at_second(kNow);
  Revocation later = entry;
  later.id = "later";
  later.issued_before = at_second(kNow + 1);
  EXPECT_EQ(by(DenyList({entry, later}).denies(principal)), "later");
}

TEST(DenyList, ALeaseIsDeniedToSessionsThatWereThere) {
  const DenyList list({revocation(Target::lease, "kw_1")});
  EXPECT_NE(list.denies(alice(), "", "kw_1", at_second(kNow - 1)), nullptr);
  EXPECT_NE(list.denies(alice(), "", "kw_1", at_second(kNow)), nullptr);
  EXPECT_EQ(list.denies(alice(), "", "kw_1", at_second(kNow + 1)), nullptr);
}

TEST(DenyList, NamesOfTargetsAreReadBack) {
  for (std::size_t at = 0; at < kRevocationTargets; ++at) {
    const auto target = static_cast<Target>(at);
    EXPECT_EQ(revocation_target(name(target)), target);
  }
  EXPECT_FALSE(revocation_target("Principal"));
  EXPECT_FALSE(revocation_target(""));
}

class Revoked : public ::testing::Test {
 protected:
  Revoked() {
    clock.set_wall(at_second(kNow));
    authenticator.set_keys("main", usual_keys(), clock.mono());
  }
  void revoke(Revocation entry) {
    authenticator.set_denials(
        std::make_shared<const DenyList>(std::vector<Revocation>{std::move(entry)}));
  }
  std::string login(const std::string& token, std::string_view user = "") {
    const Verdict verdict = authenticator.authenticate({user, token});
    if (const auto* refusal = std::get_if<Refusal>(&verdict)) {
      EXPECT_EQ(refusal->detail.find("alice"), std::string::npos);
      return refusal->reason;
    }
    return std::holds_alternative<std::shared_ptr<const Principal>>(verdict) ? "in" : "?";
  }
  FakeClock clock;
  Authenticator authenticator{{usual_rules()}, {}, clock};
};

TEST_F(Revoked, Case46JtiOnTheDenyList) {
  const std::string one = token_of(claims_with({{"jti", "a"}}));
  const std::string other = token_of(claims_with({{"jti", "b"}}));
  EXPECT_EQ(login(one), "in");
  revoke(revocation(Target::token, "main:a"));
  EXPECT_EQ(login(one), "revoked") << "a verdict of before";
  EXPECT_EQ(login(other), "in");
  revoke(revocation(Target::token, "second:a"));
  EXPECT_EQ(login(one), "in") << "the jti of another issuer";
}

TEST_F(Revoked, Case46SubjectDeniedSinceATime) {
  const std::string old = token_of(claims_with({{"iat", kNow - 60}}));
  const std::string fresh = token_of(claims_with({{"iat", kNow - 5}}));
  EXPECT_EQ(login(old), "in");
  Revocation entry = revocation(Target::principal, "main:alice");
  entry.issued_before = at_second(kNow - 5);
  revoke(entry);
  EXPECT_EQ(login(old), "revoked");
  EXPECT_EQ(login(fresh), "in");
  revoke(revocation(Target::principal, "main:alice"));
  EXPECT_EQ(login(fresh), "revoked");
  revoke(revocation(Target::principal, "main:alic"));
  EXPECT_EQ(login(old), "in") << "lifted";
}

TEST_F(Revoked, ATokenWithoutAJtiIsNamedByItsDigest) {
  const std::string token = token_of(usual_claims());
  revoke(revocation(Target::token, "sha256:" + hex(sha256(token)).substr(0, 16)));
  EXPECT_EQ(login(token), "revoked");
}

// Nobody learns from the reason that a bad credential would have been a revoked one.
TEST_F(Revoked, EverythingElseIsAskedFirst) {
  revoke(revocation(Target::principal, "main:alice"));
  EXPECT_EQ(login(token_of(usual_claims()), "bob"), "user_mismatch");
  EXPECT_EQ(login(token_of(claims_with({{"exp", kNow - 5}, {"iat", kNow - 9}}))), "expired");
}

TEST_F(Revoked, AnAnswerFromElsewhereIsHeldAgainstItAsWell) {
  auto principal = std::make_shared<Principal>(alice());
  const auto conclude = [&] {
    const Verdict verdict =
        authenticator.conclude({}, RemoteAnswer(std::shared_ptr<const Principal>(principal)));
    const auto* refusal = std::get_if<Refusal>(&verdict);
    return refusal == nullptr ? "in" : refusal->reason;
  };
  EXPECT_EQ(conclude(), "in");
  revoke(revocation(Target::principal, "main:alice"));
  EXPECT_EQ(conclude(), "revoked");
  principal->id = "main:bob";
  principal->vended.user = "kwc_1";
  EXPECT_EQ(conclude(), "in");
  revoke(revocation(Target::credential, "kwc_1"));
  EXPECT_EQ(conclude(), "revoked");
}

TEST(RevokedCertificate, IsDeniedByItsNameItsAgeAndItsDigest) {
  FakeClock clock;
  clock.set_wall(at_second(kNow));
  IssuerConfig rules;
  rules.alias = "mesh";
  rules.profile = Profile::mtls;
  rules.certificate.trust_domains = {"example.org"};
  Authenticator authenticator({rules}, {}, clock);
  net::PeerCertificate certificate;
  certificate.uris = {"spiffe://example.org/worker"};
  certificate.not_before = at_second(kNow - 100);
  certificate.not_after = at_second(kNow + 1000);
  certificate.sha256 = sha256("certificate");
  const auto reason = [&](Revocation entry) {
    authenticator.set_denials(
        std::make_shared<const DenyList>(std::vector<Revocation>{std::move(entry)}));
    const Verdict verdict = authenticator.identify("mesh", "", certificate);
    const auto* refusal = std::get_if<Refusal>(&verdict);
    return refusal == nullptr ? "in" : refusal->reason;
  };
  Revocation entry = revocation(Target::principal, "mesh:spiffe://example.org/worker");
  EXPECT_EQ(reason(entry), "revoked");
  entry.issued_before = certificate.not_before;
  EXPECT_EQ(reason(entry), "in");
  entry.issued_before += seconds(1);
  EXPECT_EQ(reason(entry), "revoked");
  EXPECT_EQ(reason(revocation(Target::token, "sha256:" + hex(certificate.sha256).substr(0, 16))),
            "revoked");
}

}  // namespace
}  // namespace keyward::identity
