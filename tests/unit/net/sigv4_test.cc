// The published vectors of the AWS signing test suite (aws-c-auth, v4, query signatures; of the
// signatures in a header some, tests/e2e/test_sigv4.py runs all).
#include "keyward/net/sigv4.h"

#include <gtest/gtest.h>

namespace keyward::net::sigv4 {
namespace {

const Credentials kKeys{"AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), ""};
const Scope kScope{"us-east-1", "service",
                   std::chrono::sys_seconds(std::chrono::seconds(1'440'938'160)),
                   std::chrono::seconds(3600)};
const std::string kUnreserved =
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

struct Vector {
  const char* name;
  Request request;
  const char* signature;
};

Request get(std::string path, Pairs query = {}, Pairs headers = {}) {
  return {"GET", "example.amazonaws.com", std::move(path), std::move(query), std::move(headers),
          ""};
}
Request post(Pairs query = {}, Pairs headers = {}) {
  Request request = get("/", std::move(query), std::move(headers));
  request.method = "POST";
  return request;
}

std::vector<Vector> vectors() {
  return {
      {"get-vanilla", get("/"), "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
      {"get-header-key-duplicate",
       get("/", {}, {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}}),
       "3349ee0b81b4b589da0ff28a395c3591e04de515651dd74f298fa992d1507a97"},
      {"get-header-value-order",
       get("/", {},
           {{"My-Header1", "value4"},
            {"My-Header1", "value1"},
            {"My-Header1", "value3"},
            {"My-Header1", "value2"}}),
       "313720e71ca6202fdcfa9b20f88de01a4eb0638a83c833b1c184359a4eda864e"},
      {"get-header-value-trim",
       get("/", {}, {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}),
       "e7bb0fd515e125e1aec2ecc4c0c17484fb06f6846b927c35e46005dd3df3acd4"},
      {"get-relative-unnormalized", get("/example/.."),
       "cbcb213b928a077e43275df47b500f1dfaa864ab3f5a18f6b95f4ff0938167ee"},
      {"get-slashes-unnormalized", get("//example//"),
       "822a5a9ba28072c5ab2bb4a6307d0c88276d40e49fec6b724c03fb4d4ba60fc2"},
      {"get-space-unnormalized", get("/" + uri_encode("example space") + "/"),
       "7a1f416954786484c9824d93c1f26ef64acb9b1b6c9154d08c9f07d0e394abf6"},
      {"get-unreserved", get("/" + uri_encode(kUnreserved)),
       "95968482db1b9e0fadef6efc1bd24689f77c77d9ef56919c96a28cc92e0d6005"},
      {"get-utf8", get("/" + uri_encode("\xe1\x88\xb4")),
       "10eae3f14a260bd3911cc6d008d3c576d143b05b62f09782a7a4b37f52178e44"},
      {"get-vanilla-empty-query-key", get("/", {{"Param1", "value1"}}),
       "49096700cbbaa5753443850f40df10f904fc2fdb544dc9512203cc77c471a9de"},
      {"get-vanilla-query-order-encoded",
       get("/", {{"Param-3", "Value3"}, {"Param", "Value2"}, {"\xe1\x88\xb4", "Value1"}}),
       "c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787"},
      {"get-vanilla-query-order-key-case", get("/", {{"Param2", "value2"}, {"Param1", "value1"}}),
       "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5"},
      {"get-vanilla-query-unreserved", get("/", {{kUnreserved, kUnreserved}}),
       "8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf"},
      {"get-vanilla-utf8-query", get("/", {{"\xe1\x88\xb4", "bar"}}),
       "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600"},
      {"post-vanilla", post(), "2ce6e6d2e0cf2f9d1b55fafec88cd20574c31dc2e7631979f71ba2310083e95b"},
      {"post-header-key-sort", post({}, {{"My-Header1", "value1"}}),
       "c09d07e0d55871f10f2a6d350d994acf6825a3cae70673d7def55616e6119dd7"},
      {"post-header-value-case", post({}, {{"My-Header1", "VALUE1"}}),
       "0698bc9e4f7f9139065ba2909c0e99da257e8e2a42492a097bcd46d792391fed"},
      {"post-vanilla-query", post({{"Param1", "value1"}}),
       "a9ef26247f293bffe40eeff86a0480ba8c14d31503b2e0c3399e3a16bf1a3682"},
  };
}

std::string signature_of(const std::string& url) { return url.substr(url.rfind('=') + 1); }

TEST(SigV4, PublishedVectors) {
  for (const Vector& one : vectors()) {
    EXPECT_EQ(signature_of(presign(one.request, kScope, kKeys)), one.signature) << one.name;
  }
}

TEST(SigV4, SessionToken) {
  const Credentials temporary{kKeys.access_key, kKeys.secret_key,
                              "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"};
  EXPECT_EQ(signature_of(presign(get("/"), kScope, temporary)),
            "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c");
}

TEST(SigV4, CanonicalRequestAsPublished) {
  EXPECT_EQ(
      canonical_request(get("/"), kScope, kKeys),
      "GET\n/\nX-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-"
      "1%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=3600&X-Amz-"
      "SignedHeaders=host\nhost:example.amazonaws.com\n\nhost\n"
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

std::string signature_of(const Pairs& headers) {
  const std::string& text = headers.back().second;
  return text.substr(text.rfind('=') + 1);
}

TEST(SigV4, PublishedVectorsInAHeader) {
  const std::pair<Request, const char*> cases[] = {
      {get("/"), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {post(), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {get("/", {{"Param2", "value2"}, {"Param1", "value1"}}), "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {get("/", {}, {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}),
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
  };
  for (const auto& [request, signature] : cases)
    EXPECT_EQ(signature_of(sign(request, kScope, kKeys)), signature);
}

TEST(SigV4, TemporaryCredentialsSignTheirToken) {
  const Credentials temporary{kKeys.access_key, kKeys.secret_key, "token"};
  const Pairs headers = sign(get("/"), kScope, temporary);
  ASSERT_EQ(headers.size(), 3U);
  EXPECT_EQ(headers[0], (std::pair<std::string, std::string>{"X-Amz-Date", "20150830T123600Z"}));
  EXPECT_EQ(headers[1], (std::pair<std::string, std::string>{"X-Amz-Security-Token", "token"}));
  EXPECT_NE(headers[2].second.find("SignedHeaders=host;x-amz-date;x-amz-security-token,"),
            std::string::npos);
}

TEST(SigV4, EncodingHasOneSpelling) {
  std::string out;
  EXPECT_EQ(uri_encode("a b/\xc3\xa9+~"), "a%20b%2F%C3%A9%2B~");
  EXPECT_TRUE(uri_decode("a%20b%2F%C3%A9%2B~", out));
  EXPECT_EQ(out, "a b/\xc3\xa9+~");
  for (const char* text : {"%", "%2", "%2f", "%zz", "a+b", "a/b", "%41", "a b", "%%20", "a=b"}) {
    EXPECT_FALSE(uri_decode(text, out)) << text;
  }
}

}  // namespace
}  // namespace keyward::net::sigv4
