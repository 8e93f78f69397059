#include "keyward/net/endpoint.h"

#include <gtest/gtest.h>

namespace keyward::net {
namespace {

TEST(Endpoint, ReadsRedisUrls) {
  struct Case {
    const char* url;
    Endpoint::Kind kind;
    const char* host;
    std::uint16_t port;
    const char* text;
  };
  const Case cases[] = {
      {"redis://127.0.0.1:6390", Endpoint::Kind::tcp, "127.0.0.1", 6390, "redis://127.0.0.1:6390"},
      {"redis://cache.example.com", Endpoint::Kind::tcp, "cache.example.com", 6379,
       "redis://cache.example.com:6379"},
      {"redis://cache/", Endpoint::Kind::tcp, "cache", 6379, "redis://cache:6379"},
      {"rediss://[::1]:1", Endpoint::Kind::tls, "::1", 1, "rediss://[::1]:1"},
      {"unix:///run/redis/redis.sock", Endpoint::Kind::unix_socket, "/run/redis/redis.sock", 0,
       "unix:///run/redis/redis.sock"},
      {"unix:///a%20b", Endpoint::Kind::unix_socket, "/a b", 0, "unix:///a b"},
  };
  for (const Case& one : cases) {
    const auto endpoint = parse_redis_url(one.url);
    ASSERT_TRUE(endpoint.has_value()) << one.url << ": " << endpoint.error().message();
    EXPECT_EQ(endpoint->kind, one.kind) << one.url;
    EXPECT_EQ(endpoint->host, one.host) << one.url;
    EXPECT_EQ(endpoint->port, one.port) << one.url;
    EXPECT_EQ(endpoint->text(), one.text);
  }
}

TEST(Endpoint, RefusesUrlsThatSayTooMuch) {
  struct Case {
    std::string url;
    const char* says;
  };
  const Case cases[] = {
      {"", "not a URL"},
      {"127.0.0.1:6379", "not a URL"},
      {"http://host", "must begin with"},
      {"redis://", "host"},
      {"redis://:6379", "host"},
      {"redis://user:hunter2@host", "upstream.password_file"},
      {"redis://:hunter2@host", "upstream.password_file"},
      {"redis://host/3", "databases"},
      {"redis://host?db=1", "options"},
      {"redis://host#x", "options"},
      {"redis://host:0", "port"},
      {"redis://host:65536", "port"},
      {"unix://run/redis.sock", "three slashes"},
      {"unix:///", "path"},
      {"unix:///a%00b", "zero byte"},
      {"unix:///" + std::string(120, 'x'), "107"},
      {"redis://" + std::string(300, 'x'), "host"},
  };
  for (const Case& one : cases) {
    const auto endpoint = parse_redis_url(one.url);
    ASSERT_TRUE(endpoint.has_error()) << one.url;
    EXPECT_EQ(endpoint.error().code(), Errc::invalid);
    EXPECT_NE(endpoint.error().message().find(one.says), std::string::npos)
        << one.url << " -> " << endpoint.error().message();
    EXPECT_EQ(endpoint.error().message().find("hunter2"), std::string::npos);
  }
}

TEST(Endpoint, ReadsListenAddresses) {
  struct Case {
    const char* text;
    const char* host;
    std::uint16_t port;
    bool loopback;
  };
  const Case cases[] = {
      {"127.0.0.1:6380", "127.0.0.1", 6380, true},
      {"127.8.9.1:1", "127.8.9.1", 1, true},
      {"[::1]:6380", "::1", 6380, true},
      {"localhost:0", "localhost", 0, true},
      {"[::]:6380", "::", 6380, false},
      {":6380", "", 6380, false},
      {"0.0.0.0:6380", "0.0.0.0", 6380, false},
      {"localhost.example.com:1", "localhost.example.com", 1, false},
      {"127.0.0.1.example.com:1", "127.0.0.1.example.com", 1, false},
  };
  for (const Case& one : cases) {
    const auto endpoint = parse_listen(one.text);
    ASSERT_TRUE(endpoint.has_value()) << one.text << ": " << endpoint.error().message();
    EXPECT_EQ(endpoint->host, one.host);
    EXPECT_EQ(endpoint->port, one.port);
    EXPECT_EQ(endpoint->is_loopback(), one.loopback) << one.text;
  }
}

TEST(Endpoint, RefusesListenAddressesThatAreNone) {
  for (const char* text :
       {"", "6380", "host", "host:", "host:x", "host:-1", "host:65536", "::1:6380", "[::1]",
        "[host]:1", "a b:1", "user@host:1", "host/:1", "host: 1"}) {
    EXPECT_TRUE(parse_listen(text).has_error()) << text;
  }
}

// Whatever bytes come: an answer, and an accepted URL says the same thing again when it is written
// and read.
TEST(Endpoint, SurvivesEveryCutAndEveryFlippedByte) {
  for (const std::string url : {"rediss://[2001:db8::1]:6390/", "unix:///run/redis.sock",
                                "redis://cache.example.com:6379"}) {
    for (std::size_t at = 0; at < url.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = url;
        changed[at] = static_cast<char>(byte);
        const auto endpoint = parse_redis_url(changed);
        if (endpoint.has_error() || endpoint->kind == Endpoint::Kind::unix_socket) continue;
        const auto again = parse_redis_url(endpoint->text());
        ASSERT_TRUE(again.has_value()) << changed << " -> " << endpoint->text();
        EXPECT_EQ(again->host, endpoint->host);
      }
      (void)parse_redis_url(std::string_view(url).substr(0, at));
      (void)parse_listen(std::string_view(url).substr(at));
    }
  }
}

}  // namespace
}  // namespace keyward::net
