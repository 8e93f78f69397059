#include "identity/oidc_metadata.h"

#include "token_maker.h"

#include <gtest/gtest.h>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

std::string metadata(const json::object& fields) { return json::serialize(fields); }

TEST(OidcMetadata, WhereItIs) {
  using List = std::vector<std::string>;
  EXPECT_EQ(discovery_urls("https://issuer.example"),
            (List{"https://issuer.example/.well-known/openid-configuration",
                  "https://issuer.example/.well-known/oauth-authorization-server"}));
  EXPECT_EQ(discovery_urls("https://acme.example/"),
            (List{"https://acme.example/.well-known/openid-configuration",
                  "https://acme.example/.well-known/oauth-authorization-server"}));
  EXPECT_EQ(discovery_urls("https://h.example:8443/realms/r"),
            (List{"https://h.example:8443/realms/r/.well-known/openid-configuration",
                  "https://h.example:8443/.well-known/oauth-authorization-server/realms/r"}));
}

TEST(Attack, Case51Metadata) {
  const IssuerConfig rules = usual_rules();
  const json::object good{{"issuer", "https://issuer.example"},
                          {"jwks_uri", "https://issuer.example/keys"},
                          {"authorization_endpoint", "https://issuer.example/auth"}};
  const auto read = read_metadata(metadata(good), rules);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, "https://issuer.example/keys");
  for (const char* issuer : {"https://issuer.example/", "https://ISSUER.example",
                             "https://other.example", "https://issuer.example/{tenantid}", ""}) {
    json::object other = good;
    other["issuer"] = issuer;
    EXPECT_TRUE(read_metadata(metadata(other), rules).has_error()) << issuer;
  }
  for (const char* uri :
       {"http://issuer.example/keys", "https://keys.example/keys",
        "https://issuer.example:8443/keys", "https://issuer.example.evil.example/keys",
        "https://issuer.example@evil.example/keys", "https://user@issuer.example/keys",
        "//issuer.example/keys", "/keys", "", "file:///etc/passwd", "https://169.254.169.254/keys",
        "https://issuer.example/keys#x", "https:///keys"}) {
    json::object other = good;
    other["jwks_uri"] = uri;
    EXPECT_TRUE(read_metadata(metadata(other), rules).has_error()) << uri;
  }
  for (const char* uri : {"https://issuer.example:443/keys", "https://ISSUER.example/keys?v=1"}) {
    json::object other = good;
    other["jwks_uri"] = uri;
    EXPECT_TRUE(read_metadata(metadata(other), rules).has_value()) << uri;
  }
  for (const char* text : {"", "[]", "<html>", R"({"issuer":"https://issuer.example"})",
                           R"({"issuer":"https://issuer.example","jwks_uri":7})"}) {
    EXPECT_TRUE(read_metadata(text, rules).has_error()) << text;
  }
  std::string twice = metadata(good);
  twice.insert(1, R"("issuer":"https://issuer.example",)");
  EXPECT_TRUE(read_metadata(twice, rules).has_error());
}

TEST(OidcMetadata, ContentTypes) {
  for (const char* type :
       {"application/json", "application/json; charset=utf-8", "Application/JSON",
        "application/jwk-set+json", "application/problem+json ; x=y"}) {
    EXPECT_TRUE(is_json_type(type)) << type;
  }
  for (const char* type : {"", "text/html", "text/plain", "application/jsonp", "text/json+json",
                           "json", "application/xml; a=application/json"}) {
    EXPECT_FALSE(is_json_type(type)) << type;
  }
}

TEST(OidcMetadata, RefreshInterval) {
  const seconds standard = hours(1);
  EXPECT_EQ(refresh_interval("", standard), standard);
  EXPECT_EQ(refresh_interval("public", standard), standard);
  EXPECT_EQ(refresh_interval("public, max-age=7200, must-revalidate", standard), hours(2));
  EXPECT_EQ(refresh_interval("MAX-AGE=7200", standard), hours(2));
  EXPECT_EQ(refresh_interval("max-age=1", standard), minutes(5));
  EXPECT_EQ(refresh_interval("max-age=0", standard), minutes(5));
  EXPECT_EQ(refresh_interval("max-age=-5", standard), minutes(5));
  EXPECT_EQ(refresh_interval("no-store", standard), minutes(5));
  EXPECT_EQ(refresh_interval("max-age=31536000", standard), hours(24));
  EXPECT_EQ(refresh_interval("max-age=99999999999999999999999", standard), hours(24));
  EXPECT_EQ(refresh_interval("max-age=abc", standard), standard);
  EXPECT_EQ(refresh_interval("s-maxage=7200", standard), standard);
  EXPECT_EQ(refresh_interval(std::string(10'000, ','), standard), standard);
}

}  // namespace
}  // namespace keyward::identity
