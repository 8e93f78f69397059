#include "net/ticket_keys.h"

#include <gtest/gtest.h>

namespace keyward::net {
namespace {

const std::string kSecret(32, 's');

TEST(TicketKeys, SameSecretAndScopeMakeTheSameKeys) {
  const TicketKeys one{Secret(kSecret), "a"}, two{Secret(kSecret), "a"};
  const auto first = one.of_epoch(7), second = two.of_epoch(7);
  EXPECT_EQ(first.name, second.name);
  EXPECT_EQ(first.cipher, second.cipher);
  EXPECT_EQ(first.mac, second.mac);
}

TEST(TicketKeys, EverythingElseMakesOthers) {
  const TicketKeys base{Secret(kSecret), "a"};
  const auto key = base.of_epoch(7);
  EXPECT_NE(key.name, base.of_epoch(8).name);
  EXPECT_NE(key.cipher, base.of_epoch(8).cipher);
  const TicketKeys scope{Secret(kSecret), "b"}, secret{Secret(std::string(32, 't')), "a"};
  EXPECT_NE(key.cipher, scope.of_epoch(7).cipher);
  EXPECT_NE(key.cipher, secret.of_epoch(7).cipher);
  EXPECT_NE(key.cipher, key.mac);
}

}  // namespace
}  // namespace keyward::net
