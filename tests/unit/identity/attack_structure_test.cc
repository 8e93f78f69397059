// Cases 1 to 17: what a token is made of, before its signature means anything.
#include "token_maker.h"

#include <gtest/gtest.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;

std::string hmac(std::string_view key, std::string_view input) {
  unsigned char out[32];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), out, &size);
  return {reinterpret_cast<const char*>(out), size};
}
std::string public_pem(const TestKey& key) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PUBKEY(bio.get(), key.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}
std::string public_der(const TestKey& key) {
  unsigned char* bytes = nullptr;
  const int size = i2d_PUBKEY(key.get(), &bytes);
  std::string der(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}
std::string forged_header(const json::object& extra) {
  json::object header{{"alg", "ES256"}, {"kid", "ec-1"}, {"typ", "JWT"}};
  for (const auto& one : extra) header[one.key()] = one.value();
  return json::serialize(header);
}
// Signed by a key the issuer never published.
std::string forged(const json::object& extra) {
  return signed_token(other_ec_key(), "ES256", forged_header(extra),
                      json::serialize(usual_claims()));
}

TEST(Token, UsualOneIsAccepted) {
  EXPECT_EQ(judge(token_of(usual_claims())), "");
  EXPECT_EQ(judge(token_of(usual_claims(), rsa_key(), "RS256")), "");
  const std::string token = token_of(usual_claims());
  const Principal principal = accept(token).principal;
  EXPECT_EQ(principal.id, "main:alice");
  EXPECT_EQ(principal.issuer, "https://issuer.example");
  EXPECT_EQ(principal.groups, (std::vector<std::string>{"team-a", "team-b"}));
  EXPECT_EQ(principal.token_id, "id-1");
  EXPECT_EQ(principal.expires_at, at_second(kNow + 3600));
  EXPECT_EQ(principal.issued_at, at_second(kNow));
  EXPECT_EQ(principal.evidence, hex(sha256(token)).substr(0, 16));
}

TEST(Attack, Case01AlgNone) {
  for (const char* alg : {"none", "None", "NONE", "nOnE", ""}) {
    const std::string input = base64url_encode(header_text(alg, "ec-1")) + "." +
                              base64url_encode(json::serialize(usual_claims()));
    EXPECT_NE(judge(input + "."), "") << alg;
    EXPECT_EQ(judge(input + "." + base64url_encode("random")), "alg_not_allowed") << alg;
  }
  EXPECT_EQ(judge(token_with_header(R"({"kid":"ec-1"})")), "alg_not_allowed");
  EXPECT_EQ(judge(token_with_header(R"({"alg":["ES256"],"kid":"ec-1"})")), "alg_not_allowed");
}

TEST(Attack, Case02HmacWithPublicKey) {
  const std::string jwk = json::serialize(rsa_key().jwk());
  const std::string modulus = rsa_key().number(OSSL_PKEY_PARAM_RSA_N, 0);
  for (const std::string& secret :
       {public_pem(rsa_key()), public_der(rsa_key()), jwk, modulus, std::string()}) {
    for (const char* alg : {"HS256", "HS384", "HS512", "hs256"}) {
      const std::string input = base64url_encode(header_text(alg, "rsa-1")) + "." +
                                base64url_encode(json::serialize(usual_claims()));
      EXPECT_EQ(judge(input + "." + base64url_encode(hmac(secret, input))), "alg_not_allowed");
    }
  }
  IssuerConfig careless = usual_rules();
  careless.algorithms = {"HS256", "none", "ES256"};
  EXPECT_EQ(check_issuers({careless}).size(), 2U) << "and such a configuration is refused";
  const std::string input = base64url_encode(header_text("HS256", "rsa-1")) + "." +
                            base64url_encode(json::serialize(usual_claims()));
  EXPECT_EQ(judge(input + "." + base64url_encode(hmac(modulus, input)), careless),
            "alg_not_allowed");
}

TEST(Attack, Case03EmbeddedKey) {
  json::object jwk = other_ec_key().jwk();
  EXPECT_EQ(judge(forged({{"jwk", jwk}})), "signature");
  jwk["kid"] = "ec-1";
  EXPECT_EQ(judge(forged({{"jwk", jwk}})), "signature");
  EXPECT_EQ(judge(forged({{"jwk", jwk}, {"kid", "ec-2"}})), "unknown_key");
}

TEST(Attack, Case04KeyUrls) {
  // Validation is pure: there is nothing that could open a connection.
  EXPECT_EQ(judge(forged({{"jku", "https://attacker.example/jwks"}})), "signature");
  EXPECT_EQ(judge(forged({{"x5u", "https://attacker.example/cert.pem"}})), "signature");
}

TEST(Attack, Case05CertificateChain) {
  EXPECT_EQ(judge(forged({{"x5c", json::array{"MIIBszCCAVmgAwIBAgIUQ=="}}})), "signature");
  EXPECT_EQ(judge(forged({{"x5t#S256", "abcd"}})), "signature");
}

TEST(Attack, Case06HostileKeyId) {
  for (const char* kid : {"../../dev/null", "' OR 1=1", "|id", "/etc/passwd", "EC-1", "ec-1 "}) {
    EXPECT_EQ(judge(token_with_header(header_text("ES256", kid))), "unknown_key") << kid;
  }
  EXPECT_EQ(judge(token_with_header(header_text("ES256", std::string(10'000, 'k')))),
            "header_json");
  EXPECT_EQ(judge(token_with_header(header_text("ES256", std::string(600, 'k')))), "header_kid");
  EXPECT_EQ(judge(token_with_header(R"({"alg":"ES256","kid":"ec-1\u0000"})")), "header_json");
  for (const char* kid : {"1", "[\"ec-1\"]", "null", "true", "{}", "\"\""}) {
    const std::string header = R"({"alg":"ES256","kid":)" + std::string(kid) + "}";
    EXPECT_EQ(judge(token_with_header(header)), "header_kid") << kid;
  }
}

TEST(Attack, Case07Parts) {
  const std::string good = token_of(usual_claims());
  const std::string unsigned_part = good.substr(0, good.rfind('.'));
  for (const std::string& token :
       {unsigned_part + ".", unsigned_part, std::string(".."), std::string("."), std::string(),
        good + ".", "." + good, good + ".a.b", good + ".a.b.c", std::string("opaque-refresh-token"),
        ".." + good.substr(good.rfind('.') + 1)}) {
    EXPECT_EQ(judge(token), "not_a_jwt") << token.size();
  }
  const std::string dots(1'000'000, '.');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(judge(dots), "too_large");
  EXPECT_EQ(judge(std::string(kMaxToken, '.')), "not_a_jwt");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(50));
}

TEST(Attack, Case08EncryptedTokens) {
  const std::string zip = R"({"alg":"dir","enc":"A256GCM","zip":"DEF"})";
  const std::string pbes =
      R"({"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AA"})";
  for (const std::string& header : {zip, pbes}) {
    EXPECT_EQ(judge(base64url_encode(header) + ".AAAA.AAAA.AAAA.AAAA"), "not_a_jwt");
    EXPECT_EQ(judge(token_with_header(header)), "alg_not_allowed");
  }
}

TEST(Attack, Case09JsonSerialisation) {
  const std::string good = token_of(usual_claims());
  const std::size_t first = good.find('.');
  const std::size_t second = good.rfind('.');
  const std::string header = good.substr(0, first);
  const std::string payload = good.substr(first + 1, second - first - 1);
  const std::string signature = good.substr(second + 1);
  EXPECT_NE(judge(R"({"payload":")" + payload + R"(","protected":")" + header +
                  R"(","signature":")" + signature + "\"}"),
            "");
  EXPECT_NE(judge(R"({"x":")" + header + "." + payload + "." + signature + "\"}"), "");
  EXPECT_NE(judge(R"({"payload":")" + payload + R"(","a":")" + header + ".b." + signature + "\"}"),
            "");
}

TEST(Attack, Case10Encodings) {
  const std::string good = token_of(usual_claims());
  EXPECT_EQ(judge(good + "="), "encoding");
  EXPECT_EQ(judge(good + "=="), "encoding");
  EXPECT_EQ(judge(good + "\n"), "encoding");
  EXPECT_EQ(judge(" " + good), "encoding");
  for (const char bad : {'+', '/', '\t', '\r', '\n', ' ', '\0', '\x80', '%'}) {
    std::string broken = good;
    broken[good.find('.') + 5] = bad;
    EXPECT_EQ(judge(broken), "encoding") << static_cast<int>(bad);
  }
  // 64 signature bytes leave four unused bits in the last digit: set them and the same bytes would
  // be decoded.
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string loose = good;
  const std::size_t last = digits.find(loose.back());
  ASSERT_EQ(last % 16, 0U);
  loose.back() = digits[last + 1];
  EXPECT_EQ(judge(loose), "encoding");
}

TEST(Attack, Case11LargestToken) {
  std::string token;
  std::size_t filler = 12'000;
  for (; token.size() != kMaxToken && filler < 12'288; ++filler) {
    token = token_of(claims_with({{"filler", std::string(filler, 'x')}}));
    if (token.size() > kMaxToken) break;
  }
  // Base64 skips lengths; a longer header moves the sum.
  std::string kid_filler;
  while (token.size() != kMaxToken && kid_filler.size() < 8) {
    kid_filler += 'x';
    for (filler = 11'900; filler < 12'288; ++filler) {
      json::object header{{"alg", "ES256"}, {"kid", "ec-1"}, {"x", kid_filler}};
      token = signed_token(ec_key(), "ES256", json::serialize(header),
                           json::serialize(claims_with({{"filler", std::string(filler, 'x')}})));
      if (token.size() >= kMaxToken) break;
    }
  }
  ASSERT_EQ(token.size(), kMaxToken);
  EXPECT_EQ(judge(token), "");
  EXPECT_EQ(judge(token + "A"), "too_large");
}

TEST(Attack, Case12DuplicateMembers) {
  for (const char* header : {R"({"alg":"none","alg":"ES256","kid":"ec-1"})",
                             R"({"alg":"ES256","kid":"ec-1","alg":"none"})",
                             R"({"alg":"ES256","kid":"ec-1","kid":"ec-1"})",
                             R"({"alg":"ES256","kid":"ec-1","\u0061lg":"ES256"})"}) {
    EXPECT_EQ(judge(token_with_header(header)), "header_json") << header;
  }
  for (const char* member :
       {R"("sub":"bob")", R"("aud":"keyward")", R"("exp":1900000000)", R"("s\u0075b":"alice")"}) {
    std::string payload = json::serialize(usual_claims());
    payload.pop_back();
    EXPECT_EQ(judge(token_with_payload(payload + "," + member + "}")), "payload_json") << member;
  }
  EXPECT_EQ(judge(token_with_payload(payload_with("x", R"({"a":1,"a":2})"))), "payload_json");
}

TEST(Attack, Case13CriticalExtensions) {
  for (const char* extra : {R"("crit":["exp"])", R"("crit":[])", R"("crit":["foo"],"foo":1)",
                            R"("b64":false)", R"("b64":true)", R"("crit":null)"}) {
    const std::string header = R"({"alg":"ES256","kid":"ec-1",)" + std::string(extra) + "}";
    EXPECT_EQ(judge(token_with_header(header)), "header_crit") << extra;
  }
}

TEST(Attack, Case14Nesting) {
  const std::string deep = std::string(5000, '[') + std::string(5000, ']');
  EXPECT_EQ(judge(token_with_payload(payload_with("x", deep))), "payload_json");
  EXPECT_EQ(judge(token_with_payload(payload_with("x", std::string(5000, '[')))), "payload_json");
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(judge(token_with_payload(payload_with("x", nested(15)))), "");
  EXPECT_EQ(judge(token_with_payload(payload_with("x", nested(16)))), "payload_json");
  const std::string header = R"({"alg":"ES256","kid":"ec-1","x":)";
  EXPECT_EQ(judge(token_with_header(header + nested(7) + "}")), "");
  EXPECT_EQ(judge(token_with_header(header + nested(8) + "}")), "header_json");
  EXPECT_EQ(judge(token_with_payload(payload_with("x", "\"" + std::string(100, '[') + "\""))), "")
      << "brackets in a string are text";
  std::string million = "[0";
  for (int i = 1; i < 1'000'000; ++i) million += ",0";
  EXPECT_EQ(judge(token_with_payload(payload_with("x", million + "]"))), "too_large");
  EXPECT_EQ(judge(token_with_payload(payload_with("x", '"' + std::string(1'000'000, 'x') + '"'))),
            "too_large");
}

// No parser may round what another one keeps.
TEST(Attack, Case14Numbers) {
  for (const char* number : {"9223372036854775808", "-9223372036854775809", "18446744073709551615",
                             "18446744073709551616", "99999999999999999999999999", "1e999",
                             "-1e999", "01", "+1", "1.", ".5", "1e", "-", "0x10", "1_000"}) {
    EXPECT_EQ(judge(token_with_payload(payload_with("x", number))), "payload_json") << number;
    EXPECT_EQ(
        judge(token_with_header(R"({"alg":"ES256","kid":"ec-1","x":)" + std::string(number) + "}")),
        "header_json")
        << number;
  }
  for (const char* number : {"9223372036854775807", "-9223372036854775808", "-0", "1e300",
                             "18446744073709551616.0", "1E-999", "0.1"}) {
    EXPECT_EQ(judge(token_with_payload(payload_with("x", number))), "") << number;
  }
}

TEST(Attack, Case12DuplicatesAmongMany) {
  for (const int count : {2, 17, 18, 19, 40, 300}) {
    std::string members;
    for (int n = 0; n < count; ++n) members += "\"m" + std::to_string(n) + "\":[{\"a\":1}],";
    const std::string all = "{" + members + "\"last\":1}";
    EXPECT_EQ(judge(token_with_payload(payload_with("x", all))), "") << count;
    const std::string twice = "{" + members + "\"m0\":1}";
    EXPECT_EQ(judge(token_with_payload(payload_with("x", twice))), "payload_json") << count;
    const std::string hidden = "{" + members + "\"m1\":{\"b\":{}}}";
    EXPECT_EQ(judge(token_with_payload(payload_with("x", hidden))), "payload_json") << count;
    const std::string deep = "{" + members + "\"y\":[0,{\"b\":{\"c\":1,\"c\":1}}]}";
    EXPECT_EQ(judge(token_with_payload(payload_with("x", deep))), "payload_json") << count;
  }
}

TEST(Attack, Case15BrokenText) {
  for (const char* text : {"\xff", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                           "\\ud800", "\\udc00", "\\ud800x", "a\\u0000b", "\x01", "\\x41"}) {
    const std::string value = "\"" + std::string(text) + "\"";
    EXPECT_EQ(judge(token_with_payload(payload_with("sub", value))), "payload_json") << text;
    EXPECT_EQ(judge(token_with_header(R"({"alg":"ES256","kid":"ec-1","x":)" + value + "}")),
              "header_json");
  }
  EXPECT_EQ(judge(token_with_payload(payload_with("x", R"("\u0000")"))), "payload_json");
  EXPECT_EQ(judge(token_with_payload(payload_with("a\\u0000b", "1"))), "payload_json");
}

TEST(Attack, Case16AroundTheObject) {
  const std::string payload = json::serialize(usual_claims());
  for (const std::string& text :
       {payload + "x", payload + "{}", payload + std::string(1, '\0'), "\xef\xbb\xbf" + payload,
        "[" + payload + "]", std::string("\"text\""), std::string("null"), std::string("1"),
        std::string("[]"), payload.substr(0, payload.size() - 1), "'" + payload + "'",
        "// note\n" + payload}) {
    EXPECT_EQ(judge(token_with_payload(text)), "payload_json");
  }
  for (const char* header : {"[]", "\"ES256\"", R"({"alg":"ES256"} x)", R"({"alg":"ES256",})",
                             R"({alg:"ES256"})", R"({"alg":"ES256","x":NaN})"}) {
    EXPECT_EQ(judge(token_with_header(header)), "header_json") << header;
  }
}

TEST(Attack, Case17Typ) {
  for (const char* typ : {"dpop+jwt", "logout+jwt", "secevent+jwt", "JWE", "JWS",
                          "application/jose", "jwt2", "at+jwt ", "application/application/jwt"}) {
    EXPECT_EQ(judge(token_of(usual_claims(), ec_key(), "ES256", typ)), "header_typ") << typ;
  }
  for (const char* typ : {"JWT", "jwt", "application/jwt", "AT+JWT", "at+jwt", "application/at+jwt",
                          "Application/AT+JWT", ""}) {
    EXPECT_EQ(judge(token_of(usual_claims(), ec_key(), "ES256", typ)), "") << typ;
  }
  EXPECT_EQ(judge(token_with_header(R"({"alg":"ES256","kid":"ec-1","typ":7})")), "header_typ");
  EXPECT_EQ(judge(token_with_header(R"({"alg":"ES256","kid":"ec-1","typ":null})")), "header_typ");
  IssuerConfig rules = usual_rules();
  for (const TokenKind kind : {TokenKind::id, TokenKind::workload}) {
    rules.token_kind = kind;
    EXPECT_EQ(judge(token_of(usual_claims(), ec_key(), "ES256", "at+jwt"), rules), "header_typ");
    EXPECT_EQ(judge(token_of(usual_claims(), ec_key(), "ES256", "JWT"), rules), "");
  }
}

}  // namespace
}  // namespace keyward::identity
