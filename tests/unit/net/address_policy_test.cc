#include "keyward/net/https_client.h"

#include <boost/asio/ip/address.hpp>
#include <gtest/gtest.h>

namespace keyward::net {
namespace {

bool may(const char* text, bool allow_private) {
  return address_permitted(boost::asio::ip::make_address(text), allow_private);
}

TEST(AddressPolicy, NeverLinkLocalOrMetadata) {
  for (const char* text :
       {"169.254.169.254", "169.254.0.1", "0.0.0.0", "0.1.2.3", "100.100.100.200", "192.0.0.192",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "fe80::1", "fd00:ec2::254", "::", "ff02::1",
        "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254"}) {
    EXPECT_FALSE(may(text, true)) << text;
    EXPECT_FALSE(may(text, false)) << text;
  }
}

TEST(AddressPolicy, PrivateOnlyWhenAllowed) {
  for (const char* text : {"127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255",
                           "192.168.1.1", "100.64.0.1", "198.18.0.1", "::1", "fd12::1", "fc00::1",
                           "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"}) {
    EXPECT_TRUE(may(text, true)) << text;
    EXPECT_FALSE(may(text, false)) << text;
  }
}

TEST(AddressPolicy, PublicAlways) {
  for (const char* text :
       {"8.8.8.8", "172.32.0.1", "172.15.0.1", "100.128.0.1", "169.253.0.1", "192.0.1.1",
        "2606:4700::1", "2a00::1", "64:ff9b::808:808", "::ffff:8.8.8.8"}) {
    EXPECT_TRUE(may(text, false)) << text;
  }
}

TEST(AddressPolicy, MetadataServicesAreKnownOneByOne) {
  const auto known = [](const char* text) {
    return metadata_service(boost::asio::ip::make_address(text));
  };
  EXPECT_TRUE(known("169.254.169.254") && known("169.254.170.2") && known("fd00:ec2::254"));
  EXPECT_FALSE(known("169.254.169.253") || known("fe80::1") || known("127.0.0.1"));
}

}  // namespace
}  // namespace keyward::net
