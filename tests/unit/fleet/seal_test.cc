// Known properties of a sealed record: it opens as it was under its name and secret, and not at
// all otherwise.
#include "keyward/fleet/seal.h"

#include "keyward/base/hash.h"

#include <gtest/gtest.h>

#include <set>

namespace keyward::fleet {
namespace {

Seal seal_of(const char* secret) { return Seal(Secret(secret)); }

TEST(Seal, OpensWhatItClosed) {
  const Seal seal = seal_of("s3cret");
  for (const std::string& plain :
       {std::string(), std::string("a"), std::string("\0\r\n\xff", 4), std::string(100'000, 'x')}) {
    EXPECT_EQ(seal.open("name", seal.close("name", plain)), plain);
  }
  EXPECT_EQ(seal_of("s3cret").open("name", seal.close("name", "plain")), "plain");
}

// A record that another implementation made after the description in seal.h: HKDF-SHA-256 without
// salt, AES-256-GCM, nonce in front, tag behind (Python, cryptography).
TEST(Seal, OpensWhatAnotherImplementationClosed) {
  EXPECT_EQ(seal_of("correct horse")
                .open("revocations/1", "AAECAwQFBgcICQoLXw-7i5T5Mv0YS27NShR3NLguzzF4t9Y"),
            "{\"a\":1}");
}

TEST(Seal, AnotherNameOrSecretOpensNothing) {
  const std::string sealed = seal_of("s3cret").close("name", "plain");
  EXPECT_FALSE(seal_of("s3cret").open("other", sealed));
  EXPECT_FALSE(seal_of("s3cret").open("", sealed));
  EXPECT_FALSE(seal_of("s3cres").open("name", sealed));
  EXPECT_FALSE(seal_of("").open("name", sealed));
}

TEST(Seal, AnAlteredByteOpensNothing) {
  const Seal seal = seal_of("s3cret");
  const std::string sealed = seal.close("name", "plain text");
  const std::string raw = *base64url_decode(sealed);
  for (std::size_t at = 0; at < raw.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string altered = raw;
      altered[at] = static_cast<char>(static_cast<unsigned char>(altered[at]) ^ (1U << bit));
      EXPECT_FALSE(seal.open("name", base64url_encode(altered))) << at;
    }
  }
  for (std::size_t size = 0; size < raw.size(); ++size)
    EXPECT_FALSE(seal.open("name", base64url_encode(raw.substr(0, size))));
  EXPECT_FALSE(seal.open("name", base64url_encode(raw + "x")));
  for (const char* bad : {"", "=", "not base64 !", "AAAA", "\n"})
    EXPECT_FALSE(seal.open("name", bad));
}

TEST(Seal, SaysNothingAndRepeatsNothing) {
  const Seal seal = seal_of("s3cret");
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(seal.close("name", "okta:bob"));
  EXPECT_EQ(seen.size(), 1000U);
  for (const std::string& one : seen) {
    EXPECT_EQ(
        one.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        std::string::npos);
    EXPECT_EQ(base64url_decode(one)->find("bob"), std::string::npos);
  }
}

TEST(Seal, KnowsWhetherTheSecretChanged) {
  EXPECT_TRUE(seal_of("a").same_as(seal_of("a")));
  EXPECT_FALSE(seal_of("a").same_as(seal_of("b")));
}

}  // namespace
}  // namespace keyward::fleet
