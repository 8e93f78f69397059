#include "keyward/identity/authenticator.h"

#include "identity/missing_keys.h"
#include "identity/verdict_cache.h"
#include "token_maker.h"

#include <gtest/gtest.h>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// One word per verdict: the principal's id, "refused:<reason>", "need:<alias>" or
// "undecided:<alias>".
std::string word(const Verdict& verdict) {
  if (const auto* principal = std::get_if<std::shared_ptr<const Principal>>(&verdict))
    return (*principal)->id;
  if (const auto* refusal = std::get_if<Refusal>(&verdict)) return "refused:" + refusal->reason;
  if (const auto* need = std::get_if<NeedKeys>(&verdict)) return "need:" + need->issuer_alias;
  return "undecided:" + std::get<CannotDecide>(verdict).issuer_alias;
}

IssuerConfig second_rules() {
  IssuerConfig rules = usual_rules();
  rules.alias = "second";
  rules.issuer = "https://second.example";
  return rules;
}

class Login : public ::testing::Test {
 protected:
  Login() { clock.set_wall(at_second(kNow)); }
  std::string login(const std::string& secret, std::string_view user = "",
                    bool second_try = false) {
    return word(authenticator.authenticate({user, secret}, second_try));
  }
  WallTime session_end(const std::string& secret) {
    return std::get<std::shared_ptr<const Principal>>(authenticator.authenticate({"", secret}))
        ->expires_at;
  }
  FakeClock clock;
  Authenticator authenticator{{usual_rules(), second_rules()}, {"oidc"}, clock};
  const std::string token = token_of(usual_claims());
};

TEST_F(Login, NeedsKeysFirst) {
  EXPECT_EQ(login(token), "need:main");
  EXPECT_EQ(login(token, "", true), "undecided:main");
  authenticator.set_keys("main", usual_keys(), clock.mono());
  EXPECT_EQ(login(token), "main:alice");
  EXPECT_EQ(login("junk"), "refused:not_a_jwt");
  EXPECT_EQ(login(""), "refused:not_a_jwt");
  EXPECT_EQ(login(std::string(20'000, 'a')), "refused:too_large");
}

TEST_F(Login, UnknownIssuerAsksForNothing) {
  EXPECT_EQ(login(token_of(claims_with({{"iss", "https://nobody.example"}}))),
            "refused:unknown_issuer");
}

TEST_F(Login, RefusalNamesIssuerAndDigestOnly) {
  authenticator.set_keys("main", usual_keys(), clock.mono());
  const std::string expired = token_of(claims_with({{"exp", kNow - 5}, {"iat", kNow - 9}}));
  const auto verdict = authenticator.authenticate({"", expired});
  const Refusal& refusal = std::get<Refusal>(verdict);
  EXPECT_EQ(refusal.issuer_alias, "main");
  EXPECT_EQ(refusal.evidence, hex(sha256(expired)).substr(0, 16));
  EXPECT_EQ(refusal.detail.find("alice"), std::string::npos);
}

TEST_F(Login, Case27KeysBelongToTheirIssuer) {
  TestKey twin = other_ec_key();
  twin.kid = "ec-1";
  authenticator.set_keys("main", usual_keys(), clock.mono());
  authenticator.set_keys("second", key_set({twin.jwk()}), clock.mono());
  const json::object claims = claims_with({{"iss", "https://second.example"}});
  EXPECT_EQ(login(token_of(claims, ec_key())), "refused:signature");
  EXPECT_EQ(login(token_of(claims, twin)), "second:alice");
  EXPECT_EQ(login(token_of(usual_claims(), twin)), "refused:signature");
  EXPECT_EQ(login(token), "main:alice") << "the same subject of two issuers is two principals";
}

TEST_F(Login, Case41UserField) {
  authenticator.set_keys("main", usual_keys(), clock.mono());
  for (int round = 0; round < 2; ++round) {  // judged the first time, cached the second
    for (const char* user : {"", "default", "oidc", "alice", "main:alice"}) {
      EXPECT_EQ(login(token, user), "main:alice") << user;
    }
    for (const char* user :
         {"admin", "Alice", "alice ", "bob", "DEFAULT", "team-a", "id-1", "keyward"}) {
      EXPECT_EQ(login(token, user), "refused:user_mismatch") << user;
    }
  }
}

TEST_F(Login, Case41UserClaims) {
  IssuerConfig rules = usual_rules();
  rules.principal_claim = "oid";
  rules.user_claims = {"client.id", "upn"};
  rules.label_claim = "name";
  Authenticator entra({rules}, {}, clock);
  entra.set_keys("main", usual_keys(), clock.mono());
  const std::string rich = token_of(claims_with({{"oid", "object-1"},
                                                 {"client", {{"id", "app-1"}}},
                                                 {"name", "Alice A."},
                                                 {"upn", json::array{"x"}}}));
  const auto as = [&](std::string_view user) { return word(entra.authenticate({user, rich})); };
  EXPECT_EQ(as("object-1"), "main:object-1");
  EXPECT_EQ(as("app-1"), "main:object-1");
  EXPECT_EQ(as("alice"), "refused:user_mismatch") << "sub is not among user_claims here";
  EXPECT_EQ(as("Alice A."), "refused:user_mismatch") << "labels decide nothing";
  EXPECT_EQ(as("x"), "refused:user_mismatch");
  EXPECT_EQ(as("oidc"), "refused:user_mismatch") << "no placeholder configured";
}

TEST_F(Login, CachedVerdictEndsWithTheToken) {
  authenticator.set_keys("main", usual_keys(), clock.mono());
  const std::string brief = token_of(claims_with({{"exp", kNow + 10}}));
  EXPECT_EQ(login(brief), "main:alice");
  clock.advance(seconds(9));
  EXPECT_EQ(login(brief), "main:alice");
  clock.advance(seconds(1));
  EXPECT_EQ(login(brief), "refused:expired");
}

TEST_F(Login, CachedVerdictIsTheSameObject) {
  authenticator.set_keys("main", usual_keys(), clock.mono());
  const auto principal = [&] {
    return std::get<std::shared_ptr<const Principal>>(authenticator.authenticate({"", token}));
  };
  const auto first = principal();
  EXPECT_EQ(first, principal());
  authenticator.set_keys("main", key_set({ec_key().jwk(), rsa_key().jwk()}), clock.mono());
  EXPECT_EQ(first, principal()) << "equal keys fetched again change nothing";
  authenticator.set_keys("main", key_set({ec_key().jwk()}), clock.mono());
  EXPECT_NE(first, principal());
}

TEST_F(Login, SessionLengthCountsFromEachLogin) {
  IssuerConfig rules = usual_rules();
  rules.max_session = minutes(10);
  Authenticator bounded({rules}, {}, clock);
  bounded.set_keys("main", usual_keys(), clock.mono());
  const auto end = [&] {
    return std::get<std::shared_ptr<const Principal>>(bounded.authenticate({"", token}))
        ->expires_at;
  };
  EXPECT_EQ(end(), at_second(kNow + 600));
  clock.advance(minutes(20));
  EXPECT_EQ(end(), at_second(kNow + 1800));
  clock.advance(minutes(35));
  EXPECT_EQ(end(), at_second(kNow + 3600)) << "never past exp";
}

TEST_F(Login, Case52Rotation) {
  authenticator.set_keys("main", usual_keys(), clock.mono());
  const std::string by_new_key = token_of(usual_claims(), other_ec_key());
  EXPECT_EQ(login(token), "main:alice");
  EXPECT_EQ(login(by_new_key), "need:main");
  clock.advance(std::chrono::milliseconds(50));
  authenticator.set_keys("main", key_set({other_ec_key().jwk()}), clock.mono());
  EXPECT_EQ(login(by_new_key, "", true), "main:alice");
  EXPECT_EQ(login(token), "need:main") << "the cached verdict went with its key";
  EXPECT_EQ(login(token, "", true), "refused:unknown_key");
}

TEST_F(Login, Case48UnknownKeysProvenMissing) {
  authenticator.set_keys("main", usual_keys(), clock.mono());
  const std::string foreign = token_of(usual_claims(), other_ec_key());
  EXPECT_EQ(login(foreign), "need:main");
  EXPECT_EQ(login(foreign, "", true), "refused:unknown_key");
  EXPECT_EQ(login(foreign), "need:main") << "no fetch happened since: the cool-down held it back";
  clock.advance(seconds(1));
  authenticator.set_keys("main", usual_keys(), clock.mono());
  EXPECT_EQ(login(foreign), "refused:unknown_key") << "asked and answered";
  EXPECT_EQ(login(token_of(usual_claims(), other_ec_key(), "ES256", "at+jwt")),
            "refused:unknown_key");
  clock.advance(minutes(5));
  EXPECT_EQ(login(foreign), "need:main") << "remembered for five minutes";
  authenticator.set_keys("main", key_set({other_ec_key().jwk()}), clock.mono());
  EXPECT_EQ(login(foreign), "main:alice");
}

TEST_F(Login, Case57StaleKeysFailClosedAndRecover) {
  authenticator.set_keys("main", usual_keys(), clock.mono());
  authenticator.set_keys("second", key_set({other_ec_key().jwk()}), clock.mono());
  const json::object long_lived = claims_with({{"exp", kNow + 86'400}});
  const std::string lasting = token_of(long_lived);
  EXPECT_EQ(login(lasting), "main:alice");
  const WallTime wall = clock.wall();
  clock.advance(hours(24) + seconds(1));
  clock.set_wall(wall);  // only the age of the keys is in question
  EXPECT_EQ(login(lasting), "undecided:main") << "a cached verdict too";
  EXPECT_EQ(login(token_of(usual_claims(), rsa_key(), "RS256")), "undecided:main");
  authenticator.set_keys("main", usual_keys(), clock.mono());
  EXPECT_EQ(login(lasting), "main:alice");
}

TEST_F(Login, Case56ClockSteps) {
  authenticator.set_keys("main", usual_keys(), clock.mono());
  EXPECT_EQ(login(token), "main:alice");
  clock.set_wall(at_second(kNow + 3600));
  EXPECT_EQ(login(token), "refused:expired");
  clock.set_wall(at_second(kNow - 3600));
  EXPECT_EQ(login(token), "refused:not_yet_valid");
  clock.set_wall(at_second(kNow));
  EXPECT_EQ(login(token), "main:alice");
  clock.set_wall(at_second(kNow - 3600));
  EXPECT_EQ(login(token), "refused:not_yet_valid")
      << "the cached verdict is judged by the clock as well";
  clock.set_wall(at_second(kNow + 5));
  EXPECT_EQ(session_end(token), at_second(kNow + 3600));
}

TEST_F(Login, Case48RandomKeyIdsStayBounded) {
  authenticator.set_keys("main", usual_keys(), clock.mono());
  const std::string payload = base64url_encode(json::serialize(usual_claims()));
  for (int round = 0; round < 10'000; ++round) {
    const std::string header =
        base64url_encode(header_text("ES256", "kid-" + std::to_string(round)));
    ASSERT_EQ(login(header + "." + payload + "." + base64url_encode(std::string(64, 'x'))),
              "need:main");
  }
  EXPECT_EQ(login(token), "main:alice");
}

TEST(MissingKeys, AreBounded) {
  MissingKeys missing;
  for (int round = 0; round < 5000; ++round) {
    missing.ask(std::to_string(round), MonoTime(hours(1)));
    ASSERT_LE(missing.size(), MissingKeys::kMost);
  }
}

TEST(VerdictCache, DropsTheLeastRecentlyUsed) {
  VerdictCache cache(3);
  const auto entry = [](const char* name, std::size_t issuer = 0) {
    return VerdictCache::Entry{sha256(name), issuer, std::make_shared<const Principal>(),
                               at_second(0), at_second(100)};
  };
  const auto has = [&cache](const char* name) {
    return cache.find(sha256(name), at_second(50)) != nullptr;
  };
  cache.put(entry("a"));
  cache.put(entry("b", 1));
  cache.put(entry("c"));
  EXPECT_TRUE(has("a"));
  cache.put(entry("d"));
  EXPECT_FALSE(has("b"));
  EXPECT_TRUE(has("a"));
  EXPECT_TRUE(has("c"));
  EXPECT_TRUE(has("d"));
  cache.put(entry("d", 1));
  EXPECT_EQ(cache.size(), 3U);
  cache.purge_issuer(0);
  EXPECT_FALSE(has("a"));
  EXPECT_TRUE(has("d"));
  EXPECT_EQ(cache.find(sha256("d"), at_second(100)), nullptr);
  EXPECT_EQ(cache.size(), 0U);
}

TEST(IssuerConfig, ComplaintsComeAllAtOnce) {
  IssuerConfig bad;
  bad.alias = "a b";
  bad.issuer = "http://plain.example";
  bad.algorithms = {"none", "ES256"};
  bad.exp_leeway = seconds(61);
  bad.leeway = seconds(301);
  bad.principal_claim = "";
  EXPECT_EQ(check_issuers({bad}).size(), 7U);
  EXPECT_TRUE(check_issuers({usual_rules(), second_rules()}).empty());
  IssuerConfig twin = second_rules();
  twin.issuer = usual_rules().issuer;
  EXPECT_EQ(check_issuers({usual_rules(), twin}).size(), 1U);
  IssuerConfig offline = second_rules();
  offline.issuer = "kubernetes/cluster";
  offline.jwks_file = "/etc/keys.json";
  EXPECT_TRUE(check_issuers({offline}).empty());
  offline.jwks_uri = "http://plain.example";
  EXPECT_EQ(check_issuers({offline}).size(), 2U);
}

}  // namespace
}  // namespace keyward::identity
