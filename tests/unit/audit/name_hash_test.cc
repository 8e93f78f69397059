#include "keyward/audit/name_hash.h"

#include "support/temp_dir.h"

#include "keyward/base/hash.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <fstream>
#include <random>
#include <sys/stat.h>

namespace keyward::audit {
namespace {

std::string hashed(const NameHash& hash, std::string_view name) {
  const HashedName out = hash(name);
  return {out.data(), out.size()};
}

TEST(NameHash, IsTheHmacThatOpenSslMakes) {
  std::mt19937 random(3);
  for (int round = 0; round < 500; ++round) {
    std::string secret(32, '\0'), name(random() % 300, '\0');
    for (char& c : secret) c = static_cast<char>(random());
    for (char& c : name) c = static_cast<char>(random());
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), 32, reinterpret_cast<const unsigned char*>(name.data()),
         name.size(), digest.data(), &size);
    const std::string wanted =
        "hmac:" + hex(std::string_view(reinterpret_cast<const char*>(digest.data()), 16));
    EXPECT_EQ(hashed(NameHash(secret, 1), name), wanted);
  }
}

TEST(NameHash, AFileIsMadePrivateOnceAndKept) {
  const test::TempDir dir;
  const std::string path = dir.file("audit-keys/kw-1.names");
  EXPECT_FALSE(load_name_keys(path));
  const auto first = obtain_name_key(path);
  ASSERT_TRUE(first) << first.error().message();
  struct stat facts {};
  ASSERT_EQ(::stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  EXPECT_EQ(hashed(*obtain_name_key(path), "k"), hashed(*first, "k"));
  std::ofstream(path, std::ios::app) << "7 " << std::string(64, 'a') << "\n";
  const auto both = load_name_keys(path);
  ASSERT_TRUE(both);
  ASSERT_EQ(both->size(), 2U);
  EXPECT_EQ(hashed(both->front(), "k"), hashed(*first, "k"));
  EXPECT_EQ(obtain_name_key(path)->version(), 7U);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_FALSE(load_name_keys(path)) << "others may read it";
}

TEST(NameHash, WhatIsNoKeyIsRefusedWithItsLine) {
  const test::TempDir dir;
  const std::string path = dir.file("names");
  const std::string good = std::string(64, 'a');
  for (const std::string& text :
       {std::string("1 abc\n"), "1 " + good + "\n1 " + good + "\n", "x " + good + "\n",
        "2 " + good + "\n1 " + good + "\n", std::string("# nothing\n"), good + "\n", "1" + good}) {
    std::ofstream(path, std::ios::trunc) << text;
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    EXPECT_FALSE(load_name_keys(path)) << text;
  }
}

}  // namespace
}  // namespace keyward::audit
