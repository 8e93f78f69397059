#include "keyward/base/hash.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace keyward {
namespace {

// FIPS 180-4 examples.
TEST(Hash, Sha256AnswersThePublishedVectors) {
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Hash, Sha1IsWhatRedisCallsAScript) {
  EXPECT_EQ(sha1_hex("return 1"), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
  EXPECT_EQ(sha1_hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST(Hash, ShortHashIsAPrefix) {
  EXPECT_EQ(short_hash("abc", 16), "ba7816bf8f01cfea");
  EXPECT_EQ(short_hash("abc", 7), "ba7816b");
  EXPECT_EQ(short_hash("abc", 64), hex(sha256("abc")));
  EXPECT_EQ(short_hash("abc", 100), hex(sha256("abc")));
}

TEST(Hash, HexIsLowerCase) { EXPECT_EQ(hex(std::string_view("\x00\xAB\xff", 3)), "00abff"); }

// RFC 4648 section 10 and RFC 7515 appendix C.
TEST(Base64Url, AnswersThePublishedVectors) {
  EXPECT_EQ(base64url_encode(""), "");
  EXPECT_EQ(base64url_encode("f"), "Zg");
  EXPECT_EQ(base64url_encode("fo"), "Zm8");
  EXPECT_EQ(base64url_encode("foo"), "Zm9v");
  EXPECT_EQ(base64url_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64url_encode("\x03\xec\xff\xe0\xc1"), "A-z_4ME");
  EXPECT_EQ(base64url_decode("A-z_4ME"), "\x03\xec\xff\xe0\xc1");
}

TEST(Base64Url, DecodesWhatItEncoded) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 70, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string text = base64url_encode(bytes);
    ASSERT_EQ(base64url_decode(text), bytes);
    ASSERT_EQ(text.find_first_of("+/= "), std::string::npos);
  }
}

TEST(Base64Url, RefusesEverySecondSpelling) {
  for (const char* text :
       {"Zg==", "Zg=", "Z", "Zm9vY", "Zh", "Zm9", "Zm 8", "Zm8\n", "Zm+8", "Zm/8", "\xc3"}) {
    EXPECT_FALSE(base64url_decode(text)) << text;
  }
}

TEST(RandomBytes, AreAsManyAsAskedAndNeverTwiceTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(seen.insert(random_bytes(16)).second);
  EXPECT_EQ(random_bytes(0), "");
  EXPECT_EQ(random_bytes(1000).size(), 1000U);
  EXPECT_NE(random_bytes(1000).substr(900), std::string(100, '\0'));
}

}  // namespace
}  // namespace keyward
