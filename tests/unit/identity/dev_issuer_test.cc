#include "keyward/identity/dev_issuer.h"

#include "support/temp_dir.h"
#include "token_maker.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;

class DevIssuer : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const char* name) const { return folder.file(name); }
  static mode_t mode_of(const std::string& file) {
    struct stat facts {};
    return ::stat(file.c_str(), &facts) == 0 ? facts.st_mode & 0777 : 0;
  }
  keyward::test::TempDir folder;
};

TEST_F(DevIssuer, SignsWhatTheValidatorAccepts) {
  const auto key = SigningKey::generate();
  ASSERT_TRUE(key.has_value());
  const auto keys = KeySet::parse(key->public_jwks());
  ASSERT_TRUE(keys.has_value());
  ASSERT_EQ((*keys)->size(), 1U) << key->public_jwks();
  EXPECT_EQ((*keys)->keys()[0].kid, key->kid());
  EXPECT_EQ((*keys)->keys()[0].alg, "ES256");
  const auto token = key->sign(usual_claims());
  ASSERT_TRUE(token.has_value());
  const auto outcome = validate(token->reveal(), **keys, usual_rules(), at_second(kNow));
  EXPECT_EQ(reason_of(outcome), "");
  EXPECT_NE(SigningKey::generate()->kid(), key->kid());
}

TEST_F(DevIssuer, KeySurvivesTheFile) {
  const auto key = SigningKey::generate();
  ::umask(0);
  ASSERT_TRUE(key->save(path("issuer.jwk")).has_value());
  ASSERT_TRUE(key->save_public_jwks(path("jwks.json")).has_value());
  ::umask(022);
  EXPECT_EQ(mode_of(path("issuer.jwk")), 0600U);
  EXPECT_EQ(mode_of(path("jwks.json")), 0644U);
  std::ifstream file(path("jwks.json"));
  const std::string published((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(published.find("\"d\""), std::string::npos) << "the private number is not published";
  const auto again = SigningKey::load(path("issuer.jwk"));
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(again->kid(), key->kid());
  const auto keys = KeySet::parse(published);
  const auto token = again->sign(usual_claims(), "JWT");
  EXPECT_EQ(reason_of(validate(token->reveal(), **keys, usual_rules(), at_second(kNow))), "");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2)
      << "no drafts are left";
}

TEST_F(DevIssuer, TakesKeysOfEveryKind) {
  const auto number = [](const TestKey& key, const char* name, std::size_t width) {
    return base64url_encode(key.number(name, width));
  };
  std::vector<std::pair<TestKey, std::string>> kinds;
  kinds.emplace_back(TestKey::ec("P-256", "k"), "ES256");
  kinds.emplace_back(TestKey::ec("P-384", "k"), "ES384");
  kinds.emplace_back(TestKey::ec("P-521", "k"), "ES512");
  for (const auto& [key, alg] : kinds) {
    json::object jwk = key.jwk();
    jwk["d"] = number(key, OSSL_PKEY_PARAM_PRIV_KEY, key.coordinate());
    const auto parsed = SigningKey::parse(json::serialize(jwk));
    ASSERT_TRUE(parsed.has_value()) << alg;
    EXPECT_EQ(parsed->alg(), alg);
    const auto keys = KeySet::parse(parsed->public_jwks());
    ASSERT_EQ((*keys)->size(), 1U);
    IssuerConfig rules = usual_rules();
    rules.algorithms = {alg};
    const auto token = parsed->sign(usual_claims());
    EXPECT_EQ(reason_of(validate(token->reveal(), **keys, rules, at_second(kNow))), "") << alg;
  }
  json::object rsa = rsa_key().jwk();
  rsa["d"] = number(rsa_key(), OSSL_PKEY_PARAM_RSA_D, 0);
  EXPECT_EQ(SigningKey::parse(json::serialize(rsa))->alg(), "RS256") << "the factors may be absent";
  rsa["p"] = number(rsa_key(), OSSL_PKEY_PARAM_RSA_FACTOR1, 0);
  rsa["q"] = number(rsa_key(), OSSL_PKEY_PARAM_RSA_FACTOR2, 0);
  rsa["dp"] = number(rsa_key(), OSSL_PKEY_PARAM_RSA_EXPONENT1, 0);
  rsa["dq"] = number(rsa_key(), OSSL_PKEY_PARAM_RSA_EXPONENT2, 0);
  rsa["qi"] = number(rsa_key(), OSSL_PKEY_PARAM_RSA_COEFFICIENT1, 0);
  const auto parsed = SigningKey::parse(json::serialize(rsa));
  ASSERT_TRUE(parsed.has_value());
  ASSERT_TRUE(parsed->save(path("rsa.jwk")).has_value());
  const auto again = SigningKey::load(path("rsa.jwk"));
  const auto token = again->sign(usual_claims());
  EXPECT_EQ(reason_of(validate(token->reveal(), *usual_keys(), usual_rules(), at_second(kNow))),
            "");
  rsa.erase("kid");
  EXPECT_TRUE(SigningKey::parse(json::serialize(rsa)).has_error());
}

TEST_F(DevIssuer, RefusesBadKeyFiles) {
  EXPECT_EQ(SigningKey::load(path("missing")).error().code(), Errc::not_found);
  const auto key = SigningKey::generate();
  ASSERT_TRUE(key->save(path("issuer.jwk")).has_value());
  ::chmod(path("issuer.jwk").c_str(), 0644);
  EXPECT_EQ(SigningKey::load(path("issuer.jwk")).error().code(), Errc::forbidden);
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("junk"), json::serialize(ec_key().jwk()),
        std::string(R"({"kty":"oct","k":"AA","d":"AA"})")}) {
    EXPECT_TRUE(SigningKey::parse(text).has_error()) << text;
  }
  EXPECT_TRUE(key->save(path("no/such/folder")).has_error());
}

}  // namespace
}  // namespace keyward::identity
