#include "keyward/credential/record.h"

#include "keyward/identity/vended_password.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::credential {
namespace {

using identity::Vended;

Record full() {
  Record out;
  identity::Principal& who = out.principal;
  who.id = "okta:w1";
  who.issuer_alias = "okta";
  who.issuer = "https://okta.example";
  who.subject = "w1";
  who.label = "Worker \"1\"";
  who.groups = {"a", "b"};
  who.claims = {{"team", "data"}, {"nested", boost::json::object{{"n", 1}}}};
  who.token_id = "jti-1";
  who.evidence = "0123456789abcdef";
  who.issued_at = WallTime(std::chrono::microseconds(1'800'000'000'000'001));
  who.expires_at = who.issued_at + std::chrono::hours(1);
  who.bound_to = std::string(64, 'a');
  who.auth_protocol = "keyward-credential";
  who.vended = {Vended::Mode::direct, "kwd_x", {"g1", "g2"}};
  out.password = sha256("secret");
  out.issued = who.issued_at + std::chrono::seconds(1);
  out.last = out.issued + std::chrono::hours(2);
  out.rights_id = "rights";
  out.instance = "one";
  return out;
}

TEST(Record, ComesBackAsItWasWritten) {
  const Record was = full();
  const std::string text = write_record(was);
  const auto is = read_record(text);
  ASSERT_TRUE(is);
  EXPECT_EQ(write_record(*is), text);
  EXPECT_EQ(is->principal.claims, was.principal.claims);
  EXPECT_EQ(is->principal.groups, was.principal.groups);
  EXPECT_EQ(is->principal.expires_at, was.principal.expires_at);
  EXPECT_EQ(is->principal.vended.mode, Vended::Mode::direct);
  EXPECT_EQ(is->principal.vended.grants, was.principal.vended.grants);
  EXPECT_EQ(is->principal.auth_protocol, "keyward-credential");
  EXPECT_EQ(is->password, was.password);
  EXPECT_EQ(is->last, was.last);
  EXPECT_EQ(text.find("secret"), std::string::npos);
}

// A record of another version, or one that lost a member, is none: nobody logs in by half of it.
TEST(Record, EveryMemberIsNeeded) {
  const std::string text = write_record(full());
  std::size_t members = 0;
  for (std::size_t at = text.find("\":"); at != std::string::npos; at = text.find("\":", at + 1)) {
    std::string other = text;
    other[at - 1] = '~';  // another name
    const bool nested = text.compare(at - 4, 4, "team") == 0 || text[at - 1] == 'n' ||
                        text.compare(at - 6, 6, "nested") == 0;
    if (nested && read_record(other)) continue;
    EXPECT_FALSE(read_record(other)) << other;
    ++members;
  }
  EXPECT_GE(members, 20U);
  for (const char* bad : {"", "{}", "[]", "{\"form\":2}", "nonsense"})
    EXPECT_FALSE(read_record(bad));
  std::string other = text;
  other.replace(other.find("\"direct\""), 8, "\"dirext\"");
  EXPECT_FALSE(read_record(other));
}

TEST(Record, LiesUnderTheKindOfItsUser) {
  EXPECT_EQ(record_name("kwc_1"), "credential/kwc_1");
  EXPECT_EQ(record_name("kwd_1"), "direct/kwd_1");
}

TEST(VendedPassword, NamesItsUser) {
  const std::string user = identity::new_vended_user(identity::kProxyUsers);
  EXPECT_TRUE(identity::is_vended_user(user, identity::kProxyUsers));
  EXPECT_FALSE(identity::is_vended_user(user, identity::kDirectUsers));
  const Secret password = identity::new_vended_password(user);
  EXPECT_EQ(identity::vended_user_of(password.reveal()), user);
  EXPECT_NE(identity::new_vended_password(user).reveal(), password.reveal());
  EXPECT_EQ(password.reveal().size(), 5U + 24 + 1 + 64);
}

TEST(VendedPassword, HasOneForm) {
  const std::string good(
      identity::new_vended_password(identity::new_vended_user(identity::kProxyUsers)).reveal());
  EXPECT_FALSE(identity::vended_user_of(""));
  EXPECT_FALSE(identity::vended_user_of(good.substr(1)));
  EXPECT_FALSE(identity::vended_user_of(good + "0"));
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = bad[at] == '_' ? '-' : 'G';
    EXPECT_FALSE(identity::vended_user_of(bad)) << at;
    bad[at] = '\0';
    EXPECT_FALSE(identity::vended_user_of(bad)) << at;
  }
}

}  // namespace
}  // namespace keyward::credential
