#include "keyward/policy/signature.h"

#include "policy/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace keyward::policy {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::vector<PolicyFile> kFiles{{"a.yaml", "p/a.yaml", "A"}, {"x/b.yml", "p/x/b.yml", "B"}};

std::string complaints(std::string_view manifest, const std::vector<PolicyFile>& files = kFiles) {
  Diagnostics found;
  check_manifest(manifest, files, "p/MANIFEST", found);
  return found.text();
}

TEST(Manifest, SaysWhatSha256sumWouldSay) {
  EXPECT_EQ(manifest_of({kFiles[0]}),
            "559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd  a.yaml\n");
  EXPECT_EQ(complaints(manifest_of(kFiles)), "");
}

TEST(Manifest, TakesTheWaysToWriteIt) {
  std::string text = manifest_of(kFiles);
  text.replace(text.find("  a.yaml"), 2, " *");
  text.insert(text.find("x/b.yml"), "./");
  EXPECT_EQ(complaints(text + "\n"), "");
  EXPECT_EQ(complaints(text.substr(0, text.size() - 1)), "") << "no newline at the end";
  const std::string readme(64, 'a');
  EXPECT_EQ(complaints(text + readme + "  README.md\n"), "") << "not a policy file";
}

TEST(Manifest, NamesWhatIsWrongAndWhere) {
  const std::string good = manifest_of(kFiles);
  const auto changed = std::vector<PolicyFile>{{"a.yaml", "p/a.yaml", "other"}, kFiles[1]};
  EXPECT_THAT(complaints(good, changed), HasSubstr("p/a.yaml:1:1: the file is not the one"));
  EXPECT_THAT(complaints(good, {kFiles[0]}), HasSubstr("p/MANIFEST:2:1: the signed policy file"));
  EXPECT_THAT(complaints(manifest_of({kFiles[0]})),
              HasSubstr("p/x/b.yml:1:1: the signed manifest"));
  EXPECT_THAT(complaints(good + good), HasSubstr("p/MANIFEST:3:1: 'a.yaml' stands here twice"));
  EXPECT_THAT(complaints("nonsense\n"), HasSubstr("p/MANIFEST:1:1: this is not a line"));
  EXPECT_THAT(complaints(std::string(64, 'A') + "  a.yaml\n"), HasSubstr("not a line"));
  EXPECT_THAT(complaints(""), HasSubstr("does not name this file"));
}

class SignedFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "keyward-sign-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    place_ = name;
    fs::create_directories(place_ / "p");
    write("p/a.yaml", "apiVersion: keyward/v1\nteam: t\ngrants: []\n");
    ASSERT_TRUE(make_signing_key((place_ / "key").string()));
  }
  void TearDown() override { fs::remove_all(place_); }
  void write(const std::string& name, std::string_view text) {
    std::ofstream(place_ / name, std::ios::binary) << text;
  }
  std::string read(const std::string& name) {
    std::ostringstream out;
    out << std::ifstream(place_ / name, std::ios::binary).rdbuf();
    return std::move(out).str();
  }
  bool accepted() {
    const auto signers = Signers::load({(place_ / "key.pub").string()});
    EXPECT_TRUE(signers);
    return signers->accept(read("p/MANIFEST"), read("p/MANIFEST.sig"));
  }
  fs::path place_;
};

TEST_F(SignedFolder, EveryBitOfManifestAndSignatureCounts) {
  const auto count = sign_folder((place_ / "p").string(), (place_ / "key").string());
  ASSERT_TRUE(count) << count.error().message();
  EXPECT_EQ(*count, 1U);
  ASSERT_TRUE(accepted());
  for (const std::string name : {"p/MANIFEST", "p/MANIFEST.sig"}) {
    const std::string whole = read(name);
    for (std::size_t bit = 0; bit < whole.size() * 8; bit += 7) {
      std::string changed = whole;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      write(name, changed);
      EXPECT_FALSE(accepted()) << name << " bit " << bit;
    }
    write(name, whole.substr(1));
    EXPECT_FALSE(accepted());
    write(name, whole + "x");
    EXPECT_FALSE(accepted());
    write(name, whole);
  }
  EXPECT_TRUE(accepted());
}

TEST_F(SignedFolder, KeysAreKeptAndChecked) {
  EXPECT_EQ(fs::status(place_ / "key").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(make_signing_key((place_ / "key").string())) << "nothing is replaced";
  EXPECT_FALSE(Signers::load({(place_ / "key").string()})) << "a private key is no public one";
  EXPECT_FALSE(Signers::load({(place_ / "none").string()}));
  EXPECT_FALSE(sign_folder((place_ / "p").string(), (place_ / "key.pub").string()));
  EXPECT_FALSE(sign_folder((place_ / "p/a.yaml").string(), (place_ / "key").string()));
}

}  // namespace
}  // namespace keyward::policy
