// Cases 18 to 25 and 53, 54: signatures, and the keys that may make them.
#include "token_maker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <random>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;
using ::testing::HasSubstr;

std::string with_signature(std::string_view signature, std::string_view alg = "ES256",
                           std::string_view kid = "ec-1") {
  return base64url_encode(header_text(alg, kid)) + "." +
         base64url_encode(json::serialize(usual_claims())) + "." + base64url_encode(signature);
}
std::string signing_input() {
  const std::string token = with_signature("x");
  return token.substr(0, token.rfind('.'));
}
std::string order_of_p256() {
  const std::unique_ptr<EC_GROUP, decltype(&EC_GROUP_free)> group(
      EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1), &EC_GROUP_free);
  std::string bytes(32, '\0');
  BN_bn2binpad(EC_GROUP_get0_order(group.get()), reinterpret_cast<unsigned char*>(bytes.data()),
               32);
  return bytes;
}
std::string reason_for(const json::object& jwk) {
  auto set = KeySet::parse(jwks_text({jwk}));
  if (set.has_error()) return "document: " + set.error().message();
  if (!(*set)->empty()) return "";
  return (*set)->skipped().empty() ? "nothing said" : (*set)->skipped().front().reason;
}
json::object changed(json::object jwk, const json::object& changes) {
  for (const auto& change : changes) jwk[change.key()] = change.value();
  return jwk;
}
std::string judge_with(const std::shared_ptr<const KeySet>& keys, const std::string& token,
                       const IssuerConfig& rules) {
  return reason_of(validate(token, *keys, rules, at_second(kNow)));
}
IssuerConfig every_algorithm() {
  IssuerConfig rules = usual_rules();
  rules.algorithms = {"RS256", "RS384", "RS512", "PS256", "PS384",
                      "PS512", "ES256", "ES384", "ES512"};
  return rules;
}

TEST(Signature, EveryAlgorithmHolds) {
  const TestKey p384 = TestKey::ec("P-384", "p384");
  const TestKey p521 = TestKey::ec("P-521", "p521");
  const auto keys = key_set({ec_key().jwk(), rsa_key().jwk(), p384.jwk(), p521.jwk()});
  const IssuerConfig rules = every_algorithm();
  for (const char* alg : {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}) {
    EXPECT_EQ(judge_with(keys, token_of(usual_claims(), rsa_key(), alg), rules), "") << alg;
    EXPECT_EQ(judge_with(keys, token_of(usual_claims(), rsa_key(), alg), usual_rules()),
              std::string(alg) == "RS256" ? "" : "alg_not_allowed");
  }
  EXPECT_EQ(judge_with(keys, token_of(usual_claims(), ec_key(), "ES256"), rules), "");
  EXPECT_EQ(judge_with(keys, token_of(usual_claims(), p384, "ES384"), rules), "");
  EXPECT_EQ(judge_with(keys, token_of(usual_claims(), p521, "ES512"), rules), "");
}

TEST(Attack, Case18EcdsaRange) {
  const std::string zero(32, '\0');
  const std::string order = order_of_p256();
  const std::string good = ec_key().sign("ES256", signing_input());
  ASSERT_EQ(judge(with_signature(good)), "");
  const std::string r = good.substr(0, 32);
  const std::string s = good.substr(32);
  for (const std::string& bad :
       {zero + zero, zero + s, r + zero, order + s, r + order, order + order,
        std::string(64, '\xff'), good + std::string(1, '\0'), good + good, good.substr(0, 63), r,
        zero + r + zero + s, std::string("\0", 1) + good, std::string(1, 'x'),
        ec_key().sign_der("ES256", signing_input())}) {
    EXPECT_EQ(judge(with_signature(bad)), "signature");
  }
}

// The numbers inside a signature become INTEGERs: leading zeros go, a high bit gets a zero before
// it. Either happens by chance, so a verifier that gets it wrong fails only now and then.
TEST(Signature, EcdsaNumbersOfEveryShape) {
  const auto high = [](char byte) { return (static_cast<unsigned char>(byte) & 0x80U) != 0; };
  enum : unsigned { r_zero = 1, s_zero = 2, r_high = 4, s_high = 8, r_low = 16, s_low = 32 };
  unsigned seen = 0;
  for (int round = 0; round < 20'000 && seen != 63; ++round) {
    const std::string raw = ec_key().sign("ES256", signing_input());
    unsigned shape = raw[0] == 0 ? r_zero : high(raw[0]) ? r_high : r_low;
    shape |= raw[32] == 0 ? s_zero : high(raw[32]) ? s_high : s_low;
    if ((shape & ~seen) == 0) continue;
    seen |= shape;
    EXPECT_EQ(judge(with_signature(raw)), "") << shape;
    std::string shorter = raw;
    if (raw[0] == 0) shorter.erase(0, 1);
    if (raw[32] == 0) shorter.erase(shorter.size() - 32, 1);
    if (shorter != raw) {
      EXPECT_EQ(judge(with_signature(shorter)), "signature") << "zeros belong to it";
    }
  }
  EXPECT_EQ(seen, 63U);
}

TEST(Signature, LargestNumbersOfP521) {
  const TestKey p521 = TestKey::ec("P-521", "p521");
  const auto keys = key_set({p521.jwk()});
  const IssuerConfig rules = every_algorithm();
  for (const std::string& bad : {std::string(132, '\xff'), std::string(131, '\x01'),
                                 std::string(133, '\x01'), std::string(1000, '\xff')}) {
    EXPECT_EQ(judge_with(keys, with_signature(bad, "ES512", "p521"), rules), "signature");
  }
  for (int round = 0; round < 20; ++round) {  // the first byte is 0 or 1
    EXPECT_EQ(judge_with(keys, token_of(usual_claims(), p521, "ES512"), rules), "");
  }
}

TEST(Signature, RsaHasTheLengthOfTheModulus) {
  const IssuerConfig rules = every_algorithm();
  for (const char* alg : {"RS256", "PS256"}) {
    const std::string empty = with_signature("x", alg, "rsa-1");
    const std::string input = empty.substr(0, empty.rfind('.'));
    const auto judge_bytes = [&](const std::string& bytes) {
      return judge(with_signature(bytes, alg, "rsa-1"), rules);
    };
    std::string raw = rsa_key().sign(alg, input);
    EXPECT_EQ(judge_bytes(raw), "");
    EXPECT_EQ(judge_bytes(std::string(1, '\0') + raw), "signature");
    EXPECT_EQ(judge_bytes(raw + std::string(1, '\0')), "signature");
    EXPECT_EQ(judge_bytes(raw.substr(1)), "signature");
    EXPECT_EQ(judge_bytes(std::string(256, '\0')), "signature");
    EXPECT_EQ(judge_bytes(std::string(256, '\xff')), "signature");
    // PSS makes other bytes every time: the number is the same with its leading zero left out.
    for (int round = 0; std::string(alg) == "PS256" && raw[0] != 0 && round < 2000; ++round) {
      raw = rsa_key().sign(alg, input);
    }
    if (raw[0] == 0) {
      EXPECT_EQ(judge_bytes(raw), "");
      EXPECT_EQ(judge_bytes(raw.substr(1)), "signature");
    }
  }
}

TEST(Attack, Case18PssSaltLength) {
  const IssuerConfig rules = every_algorithm();
  const std::string token = with_signature("x", "PS256", "rsa-1");
  const std::string input = token.substr(0, token.rfind('.'));
  const auto salted = [&](int salt) {
    return judge(with_signature(rsa_key().sign_der("PS256", input, salt), "PS256", "rsa-1"), rules);
  };
  EXPECT_EQ(salted(32), "");
  EXPECT_EQ(salted(0), "signature");
  EXPECT_EQ(salted(20), "signature");
  EXPECT_EQ(salted(64), "signature");
}

TEST(Attack, Case19KeyOfAnotherKind) {
  const TestKey p384 = TestKey::ec("P-384", "p384");
  const auto keys =
      key_set({ec_key().jwk(), p384.jwk(), changed(rsa_key().jwk(), {{"alg", "RS256"}})});
  const IssuerConfig rules = every_algorithm();
  const std::string payload = json::serialize(usual_claims());
  const auto judge_pair = [&](const TestKey& key, std::string_view signed_as,
                              std::string_view said) {
    return judge_with(keys, signed_token(key, signed_as, header_text(said, key.kid), payload),
                      rules);
  };
  EXPECT_EQ(judge_pair(p384, "ES256", "ES256"), "key_mismatch");
  EXPECT_EQ(judge_pair(ec_key(), "ES384", "ES384"), "key_mismatch");
  EXPECT_EQ(judge_pair(ec_key(), "RS256", "RS256"), "key_mismatch");
  EXPECT_EQ(judge_pair(rsa_key(), "RS256", "ES256"), "key_mismatch");
  EXPECT_EQ(judge_pair(rsa_key(), "PS256", "PS256"), "key_mismatch");
  EXPECT_EQ(judge_pair(rsa_key(), "RS256", "RS256"), "");
  EXPECT_EQ(judge_pair(rsa_key(), "PS256", "RS256"), "signature");
}

TEST(Attack, Case20WeakRsaKeys) {
  EXPECT_THAT(reason_for(TestKey::rsa(1024, "r").jwk()), HasSubstr("below 2048"));
  EXPECT_THAT(reason_for(TestKey::rsa(512, "r").jwk()), HasSubstr("below 2048"));
  const json::object good = rsa_key().jwk();
  ASSERT_EQ(reason_for(good), "");
  for (const std::string& exponent : {std::string("\x01"), std::string("\x02"),
                                      std::string("\x00", 1), std::string("\x01\x00\x00", 3)}) {
    EXPECT_THAT(reason_for(changed(good, {{"e", base64url_encode(exponent)}})),
                HasSubstr("exponent"));
  }
  EXPECT_THAT(reason_for(changed(good, {{"e", base64url_encode(std::string(256, '\x03'))}})),
              HasSubstr("exponent"));
  std::string even = rsa_key().number(OSSL_PKEY_PARAM_RSA_N, 0);
  even.back() = static_cast<char>(even.back() & ~1);
  EXPECT_THAT(reason_for(changed(good, {{"n", base64url_encode(even)}})), HasSubstr("even"));
  std::string huge = random_bytes(2048);
  huge.front() = '\x80';
  huge.back() = '\x01';
  const auto start = std::chrono::steady_clock::now();
  EXPECT_NE(reason_for(changed(good, {{"n", base64url_encode(huge)}})), "");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(100));
  EXPECT_THAT(reason_for(changed(good, {{"n", base64url_encode(huge.substr(0, 1025))}})),
              HasSubstr("8192"));
  EXPECT_NE(reason_for(changed(good, {{"n", ""}})), "");
  EXPECT_NE(reason_for(changed(good, {{"n", "***"}})), "");
  EXPECT_NE(reason_for(changed(good, {{"n", 17}})), "");
  // A token by a skipped key is a token by an unknown one.
  const TestKey weak = TestKey::rsa(1024, "weak");
  EXPECT_EQ(judge_with(key_set({weak.jwk(), ec_key().jwk()}),
                       token_of(usual_claims(), weak, "RS256"), usual_rules()),
            "unknown_key");
}

TEST(Attack, Case21PointsOffTheCurve) {
  const json::object good = ec_key().jwk();
  ASSERT_EQ(reason_for(good), "");
  std::string y = ec_key().number(OSSL_PKEY_PARAM_EC_PUB_Y, 32);
  y.back() = static_cast<char>(y.back() ^ 1);
  EXPECT_THAT(reason_for(changed(good, {{"y", base64url_encode(y)}})),
              HasSubstr("not on the curve"));
  const std::string zero = base64url_encode(std::string(32, '\0'));
  EXPECT_THAT(reason_for(changed(good, {{"x", zero}, {"y", zero}})), HasSubstr("not on the curve"));
  const std::string full = base64url_encode(std::string(32, '\xff'));
  EXPECT_THAT(reason_for(changed(good, {{"x", full}})), HasSubstr("not on the curve"));
  EXPECT_THAT(reason_for(changed(good, {{"x", ""}, {"y", ""}})), HasSubstr("x or y"));
  EXPECT_THAT(reason_for(changed(good, {{"x", base64url_encode(std::string(31, 'a'))}})),
              HasSubstr("wrong length"));
  EXPECT_THAT(reason_for(changed(good, {{"crv", "P-384"}})), HasSubstr("wrong length"));
  EXPECT_THAT(reason_for(changed(good, {{"crv", "secp256k1"}})), HasSubstr("curve"));
  json::object no_y = good;
  no_y.erase("y");
  EXPECT_NE(reason_for(no_y), "");
}

TEST(Attack, Case22SwappedHeaders) {
  const std::string first = token_of(usual_claims(), ec_key(), "ES256", "JWT");
  const std::string second = token_of(usual_claims(), ec_key(), "ES256", "at+jwt");
  const auto header = [](const std::string& token) { return token.substr(0, token.find('.')); };
  const auto rest = [](const std::string& token) { return token.substr(token.find('.')); };
  EXPECT_EQ(judge(header(first) + rest(first)), "");
  EXPECT_EQ(judge(header(second) + rest(first)), "signature");
  EXPECT_EQ(judge(header(first) + rest(second)), "signature");
  // The same header written with white space: equal as JSON, but not what was signed.
  EXPECT_EQ(judge(base64url_encode(R"({"alg":"ES256", "typ":"JWT","kid":"ec-1"})") + rest(first)),
            "signature");
}

TEST(Attack, Case23SymmetricKeys) {
  for (const char* secret : {"", "AAAA", "c2VjcmV0"}) {
    EXPECT_NE(reason_for({{"kty", "oct"}, {"kid", "o"}, {"k", secret}}), "");
    EXPECT_NE(reason_for({{"kty", "oct"}, {"kid", "o"}, {"alg", "HS256"}, {"k", secret}}), "");
  }
  EXPECT_THAT(reason_for({{"kty", "oct"}, {"kid", "o"}}), HasSubstr("kty"));
  EXPECT_THAT(reason_for({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", "AAAA"}}), HasSubstr("length"));
  const std::string x = base64url_encode(std::string(32, 'x'));
  EXPECT_THAT(reason_for({{"kty", "OKP"}, {"crv", "X25519"}, {"x", x}}), HasSubstr("curve"));
  EXPECT_THAT(reason_for({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", x}, {"d", x}}),
              HasSubstr("private"));
  EXPECT_THAT(reason_for(changed(rsa_key().jwk(), {{"d", "AQAB"}})), HasSubstr("private"));
  EXPECT_THAT(reason_for(changed(ec_key().jwk(), {{"d", "AQAB"}})), HasSubstr("private"));
}

// Every single bit of one token: none of them is the token that was signed. Random edits:
// mutation_test.cc.
TEST(Attack, Case25FlippedBits) {
  const std::string good = token_of(usual_claims());
  ASSERT_EQ(judge(good), "");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string broken = good;
      broken[at] = static_cast<char>(static_cast<unsigned char>(broken[at]) ^ (1U << bit));
      ASSERT_NE(judge(broken), "") << at << " " << bit;
    }
  }
}

// Flips inside the decoded parts: the JSON stays close to valid and the signature is what has to
// catch it.
TEST(Attack, Case25EditedClaims) {
  const std::string good = token_of(usual_claims());
  const std::string header = good.substr(0, good.find('.'));
  const std::string signature = good.substr(good.rfind('.'));
  const std::string payload = json::serialize(usual_claims());
  std::mt19937 random(7);
  for (int round = 0; round < 5000; ++round) {
    std::string broken = payload;
    broken[random() % broken.size()] ^= static_cast<char>(1U << (random() % 7));
    ASSERT_NE(judge(header + "." + base64url_encode(broken) + signature), "") << broken;
  }
}

TEST(Attack, Case53ContestedKeyIds) {
  json::object twin = other_ec_key().jwk();
  twin["kid"] = "ec-1";
  const auto contested = key_set({ec_key().jwk(), twin, rsa_key().jwk()});
  EXPECT_EQ(contested->size(), 1U);
  ASSERT_EQ(contested->skipped().size(), 1U);
  EXPECT_EQ(contested->skipped()[0].kid, "ec-1");
  EXPECT_EQ(judge_with(contested, token_of(usual_claims()), usual_rules()), "unknown_key");
  const auto repeated = key_set({ec_key().jwk(), ec_key().jwk()});
  EXPECT_EQ(repeated->size(), 1U) << "the same key written twice is one key";
  EXPECT_EQ(judge_with(repeated, token_of(usual_claims()), usual_rules()), "");
}

TEST(Attack, Case53NoKeyId) {
  const std::string token = token_with_header(R"({"alg":"ES256"})");
  EXPECT_EQ(judge_with(key_set({ec_key().jwk(), rsa_key().jwk()}), token, usual_rules()), "");
  EXPECT_EQ(judge_with(key_set({ec_key().jwk(), other_ec_key().jwk()}), token, usual_rules()),
            "ambiguous_key");
  EXPECT_EQ(judge_with(key_set({rsa_key().jwk()}), token, usual_rules()), "unknown_key");
  EXPECT_EQ(judge_with(key_set({other_ec_key().jwk()}), token, usual_rules()), "signature");
  json::object nameless = ec_key().jwk();
  nameless.erase("kid");
  EXPECT_EQ(judge_with(key_set({nameless, rsa_key().jwk()}), token, usual_rules()), "");
  EXPECT_EQ(judge_with(key_set({nameless}), token_of(usual_claims()), usual_rules()), "unknown_key")
      << "a named key is never replaced by a nameless one";
}

TEST(Attack, Case54KeysForOtherPurposes) {
  const json::object good = ec_key().jwk();
  for (const json::object& change : std::vector<json::object>{{{"use", "enc"}},
                                                              {{"use", "SIG"}},
                                                              {{"use", 1}},
                                                              {{"use", ""}},
                                                              {{"key_ops", {"encrypt"}}},
                                                              {{"key_ops", json::array()}},
                                                              {{"key_ops", "verify"}},
                                                              {{"alg", "ES384"}},
                                                              {{"alg", "RS256"}},
                                                              {{"alg", "ECDH-ES"}},
                                                              {{"alg", 5}},
                                                              {{"kid", 5}},
                                                              {{"kid", std::string(600, 'k')}},
                                                              {{"kty", "RSA"}},
                                                              {{"kty", nullptr}}}) {
    EXPECT_NE(reason_for(changed(good, change)), "") << json::serialize(change);
  }
  for (const json::object& change : std::vector<json::object>{{{"use", "sig"}},
                                                              {{"key_ops", {"verify"}}},
                                                              {{"key_ops", {"sign", "verify"}}},
                                                              {{"alg", "ES256"}},
                                                              {{"x5c", {"ignored"}}},
                                                              {{"x5t", "ignored"}}}) {
    EXPECT_EQ(reason_for(changed(good, change)), "") << json::serialize(change);
  }
}

TEST(KeySet, RefusesDocumentsThatAreNoKeySet) {
  for (const std::string& text :
       {std::string(), std::string("<html></html>"), std::string("[]"), std::string("{}"),
        std::string(R"({"keys":{}})"), std::string(R"({"keys":null})"),
        std::string(R"({"keys":[]} x)"), std::string(R"({"keys":[],"keys":[]})"),
        std::string(KeySet::kMaxBytes + 1, ' '),
        "{\"keys\":" + std::string(20, '[') + std::string(20, ']') + "}"}) {
    EXPECT_TRUE(KeySet::parse(text).has_error()) << text.substr(0, 40);
  }
  EXPECT_TRUE(KeySet::parse(R"({"keys":[]})").has_value());
  std::vector<json::object> many(KeySet::kMaxKeys, json::object{{"kty", "oct"}});
  EXPECT_EQ((*KeySet::parse(jwks_text(many)))->skipped().size(), KeySet::kMaxKeys);
  many.emplace_back();
  EXPECT_TRUE(KeySet::parse(jwks_text(many)).has_error());
  EXPECT_EQ((*KeySet::parse(R"({"keys":[1,null,"x",[]]})"))->skipped().size(), 4U);
}

TEST(KeySet, LeavesNoErrorsForTls) {
  EXPECT_EQ(judge(with_signature(std::string(64, '\xff'))), "signature");
  EXPECT_EQ(ERR_peek_error(), 0U);
  json::object off = ec_key().jwk();
  off["x"] = base64url_encode(std::string(32, '\xff'));
  EXPECT_TRUE(key_set({off})->empty());
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(KeySet, FingerprintIgnoresOrder) {
  const auto one = key_set({ec_key().jwk(), rsa_key().jwk()});
  EXPECT_EQ(one->fingerprint(), key_set({rsa_key().jwk(), ec_key().jwk()})->fingerprint());
  EXPECT_NE(one->fingerprint(), key_set({rsa_key().jwk()})->fingerprint());
  EXPECT_NE(one->fingerprint(),
            key_set({changed(ec_key().jwk(), {{"alg", "ES256"}}), rsa_key().jwk()})->fingerprint());
}

}  // namespace
}  // namespace keyward::identity
