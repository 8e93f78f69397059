// Cases 48 to 52, 55 and 57: the HTTPS client and the key fetcher against servers that behave
// badly.
#include "support/https_server.h"
#include "support/temp_dir.h"
#include "unit/identity/token_maker.h"

#include "keyward/identity/jwks.h"
#include "keyward/identity/key_fetcher.h"
#include "keyward/net/https_client.h"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;
using keyward::test::Answer;
using keyward::test::HttpsServer;
using keyward::test::TestCa;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class Fetch : public ::testing::Test {
 protected:
  Fetch() { write("ca.pem", ca.pem()); }
  [[nodiscard]] std::string path(const std::string& name) const { return folder.file(name); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name) + ".new") << text;
    std::filesystem::rename(path(name) + ".new", path(name));
  }
  template <class Condition>
  bool run_until(Condition&& condition, milliseconds patience = seconds(8)) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition() && std::chrono::steady_clock::now() < end) {
      io.restart();
      io.run_one_for(milliseconds(20));
    }
    return condition();
  }
  net::SslContext trust(const std::string& ca_file) {
    net::ClientTlsConfig config;
    config.ca_file = ca_file;
    return *net::make_client_context(config);
  }
  Result<net::HttpResponse> get(const std::string& url, bool allow_private = true,
                                milliseconds deadline = milliseconds(3000)) {
    net::HttpRequest request;
    request.url = url;
    request.allow_private = allow_private;
    request.deadline = deadline;
    std::optional<Result<net::HttpResponse>> answer;
    int calls = 0;
    net::http_fetch(io, trust(path("ca.pem")), request, [&](auto result) {
      ++calls;
      answer.emplace(std::move(result));
    });
    EXPECT_EQ(calls, 0) << "never from inside the call";
    EXPECT_TRUE(run_until([&] { return answer.has_value(); }));
    run_until([] { return false; }, milliseconds(50));
    EXPECT_EQ(calls, 1);
    return *answer;
  }
  IssuerConfig rules_for(const HttpsServer& server, const std::string& alias = "main") const {
    IssuerConfig rules = usual_rules();
    rules.alias = alias;
    rules.issuer = server.url();
    rules.ca_file = path("ca.pem");
    rules.internal = true;
    return rules;
  }
  void make_fetcher(std::vector<IssuerConfig> issuers) {
    fetcher =
        std::make_unique<KeyFetcher>(io, std::move(issuers), clock,
                                     [this](const std::string& alias, auto keys, MonoTime fetched) {
                                       published[alias].push_back(std::move(keys));
                                       last_fetched = fetched;
                                     });
    fetcher->start();
  }
  std::size_t count(const std::string& alias) { return published[alias].size(); }
  KeyFetcher::Status status(const std::string& alias) {
    for (auto& one : fetcher->status()) {
      if (one.alias == alias) return one;
    }
    return {};
  }

  keyward::test::TempDir folder;
  TestCa ca;
  boost::asio::io_context io{1};
  SystemClock clock;
  std::map<std::string, std::vector<std::shared_ptr<const KeySet>>> published;
  MonoTime last_fetched{};
  std::unique_ptr<KeyFetcher> fetcher;
};

// A provider with discovery; `keys` is what its key address answers.
HttpsServer::Handler provider(const HttpsServer*& self, const std::function<Answer()>& keys) {
  return [&self, keys](const std::string& target) {
    if (target == "/.well-known/openid-configuration") {
      return Answer{200, json::serialize(json::object{{"issuer", self->url()},
                                                      {"jwks_uri", self->url("/keys")}})};
    }
    return target == "/keys" ? keys() : Answer{404, "{}"};
  };
}
Answer good_keys() { return {200, jwks_text({ec_key().jwk(), rsa_key().jwk()})}; }

TEST_F(Fetch, GetsAnAnswer) {
  HttpsServer server(io, ca.issue("DNS:localhost"), [](const std::string& target) {
    return Answer{200, "{\"at\":\"" + target + "\"}",
                  "Content-Type: application/json\r\nCache-Control: max-age=60\r\n"};
  });
  const auto answer = get(server.url("/a/b?c=d"));
  ASSERT_TRUE(answer.has_value()) << answer.error().message();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->content_type, "application/json");
  EXPECT_EQ(answer->cache_control, "max-age=60");
  EXPECT_EQ(answer->body, R"({"at":"/a/b?c=d"})");
  HttpsServer numeric(io, ca.issue("IP:127.0.0.1"), [](const std::string&) { return Answer{}; });
  EXPECT_TRUE(get("https://127.0.0.1:" + std::to_string(numeric.port()) + "/").has_value());
}

TEST_F(Fetch, Case49HangAndDrip) {
  for (const auto manner : {Answer::Manner::hang, Answer::Manner::drip}) {
    HttpsServer server(io, ca.issue("DNS:localhost"), [manner](const std::string&) {
      return Answer{200, "{}", "", manner};
    });
    const auto start = std::chrono::steady_clock::now();
    const auto answer = get(server.url("/"), true, milliseconds(300));
    ASSERT_TRUE(answer.has_error());
    EXPECT_EQ(answer.error().code(), Errc::timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(1500));
  }
}

TEST_F(Fetch, Case49HugeBodies) {
  HttpsServer server(io, ca.issue("DNS:localhost"), [](const std::string& target) {
    if (target == "/chunked") return Answer{200, "", "", Answer::Manner::endless};
    return Answer{200, std::string(target == "/fits" ? 512 * 1024 : 512 * 1024 + 1, ' '), ""};
  });
  EXPECT_TRUE(get(server.url("/fits")).has_value());
  EXPECT_EQ(get(server.url("/announced")).error().code(), Errc::limit);
  const std::size_t before = server.bytes_sent();
  EXPECT_EQ(get(server.url("/chunked")).error().code(), Errc::limit);
  EXPECT_LT(server.bytes_sent() - before, 16UL * 1024 * 1024) << "reading stops at the cap";
}

TEST_F(Fetch, Case49CompressedAndRedirected) {
  HttpsServer server(io, ca.issue("DNS:localhost"), [](const std::string& target) {
    if (target == "/gzip") return Answer{200, "\x1f\x8b", "Content-Encoding: gzip\r\n"};
    if (target == "/head") return Answer{200, "", "X: " + std::string(40'000, 'x') + "\r\n"};
    return Answer{302, "", "Location: /other\r\n"};
  });
  EXPECT_EQ(get(server.url("/gzip")).error().code(), Errc::invalid);
  EXPECT_TRUE(get(server.url("/head")).has_error());
  EXPECT_EQ(get(server.url("/moved"))->status, 302);
  EXPECT_EQ(server.requests("/other"), 0);
}

TEST_F(Fetch, Case50AddressPolicy) {
  HttpsServer server(io, ca.issue("DNS:localhost"), [](const std::string&) { return Answer{}; });
  EXPECT_EQ(get(server.url("/"), false).error().code(), Errc::forbidden);
  EXPECT_EQ(server.connections(), 0);
  EXPECT_EQ(get("https://169.254.169.254/latest").error().code(), Errc::forbidden);
  EXPECT_EQ(get("https://[fd00:ec2::254]/latest").error().code(), Errc::forbidden);
  EXPECT_EQ(get("https://0x7f000001/").has_value(), false);
}

TEST_F(Fetch, BadUrls) {
  for (const char* url :
       {"", "http://localhost/", "ftp://localhost/", "https://", "https://u@localhost/",
        "https://localhost/#x", "https://localhost:0/", "https://localhost:99999/",
        "https://a%00b/", "https://exa mple/", "localhost", "https:///x"}) {
    EXPECT_EQ(get(url).error().code(), Errc::invalid) << url;
  }
}

TEST_F(Fetch, Case55Certificates) {
  const auto handler = [](const std::string&) { return Answer{}; };
  HttpsServer wrong_name(io, ca.issue("DNS:other.example"), handler);
  HttpsServer expired(io, ca.issue("DNS:localhost", -100), handler);
  HttpsServer partial(io, ca.issue("DNS:l*t"), handler);
  const TestCa stranger;
  HttpsServer unknown_ca(io, stranger.issue("DNS:localhost"), handler);
  for (const HttpsServer* server : {&wrong_name, &expired, &unknown_ca, &partial}) {
    const auto answer = get(server->url("/"));
    ASSERT_TRUE(answer.has_error());
    EXPECT_THAT(answer.error().message(), HasSubstr("certificate refused"));
    EXPECT_EQ(server->requests("/"), 0) << "nothing was sent";
  }
  HttpsServer by_name(io, ca.issue("DNS:localhost"), handler);
  EXPECT_TRUE(get("https://127.0.0.1:" + std::to_string(by_name.port()) + "/").has_error())
      << "a certificate for a name is not one for its address";
}

TEST_F(Fetch, RefusesToTalkToNobody) {
  HttpsServer server(io, ca.issue("DNS:localhost"), [](const std::string&) { return Answer{}; });
  const std::string url = server.url("/");
  server.close();
  EXPECT_EQ(get(url).error().code(), Errc::unavailable);
  EXPECT_EQ(get("https://no-such-name.invalid/").has_error(), true);
}

TEST_F(Fetch, DiscoversAndPublishes) {
  const HttpsServer* self = nullptr;
  HttpsServer server(io, ca.issue("DNS:localhost"), provider(self, good_keys));
  self = &server;
  make_fetcher({rules_for(server)});
  ASSERT_TRUE(run_until([&] { return count("main") == 1; })) << status("main").last_error;
  EXPECT_EQ(published["main"][0]->size(), 2U);
  EXPECT_TRUE(status("main").has_keys);
  EXPECT_EQ(status("main").keys, 2U);
  EXPECT_EQ(status("main").fetches, 1U);
  EXPECT_EQ(server.requests("/keys"), 1);
}

TEST_F(Fetch, FallsBackToOauthMetadata) {
  const HttpsServer* self = nullptr;
  HttpsServer server(io, ca.issue("DNS:localhost"), [&self](const std::string& target) {
    if (target == "/.well-known/oauth-authorization-server") {
      return Answer{200, json::serialize(
                             json::object{{"issuer", self->url()}, {"jwks_uri", self->url("/k")}})};
    }
    return target == "/k" ? good_keys() : Answer{404, "{}"};
  });
  self = &server;
  make_fetcher({rules_for(server)});
  EXPECT_TRUE(run_until([&] { return count("main") == 1; })) << status("main").last_error;
}

TEST_F(Fetch, Case51BadMetadataLeavesOthersServing) {
  const HttpsServer* self = nullptr;
  const HttpsServer* lying = nullptr;
  HttpsServer good(io, ca.issue("DNS:localhost"), provider(self, good_keys));
  self = &good;
  HttpsServer bad(io, ca.issue("DNS:localhost"), [&](const std::string&) {
    return Answer{200, json::serialize(json::object{{"issuer", lying->url()},
                                                    {"jwks_uri", self->url("/keys")}})};
  });
  lying = &bad;
  make_fetcher({rules_for(bad, "bad"), rules_for(good, "good")});
  ASSERT_TRUE(run_until([&] { return count("good") == 1 && status("bad").failures > 0; }));
  EXPECT_EQ(count("bad"), 0U);
  EXPECT_THAT(status("bad").last_error, HasSubstr("another host"));
  EXPECT_FALSE(status("bad").has_keys);
}

TEST_F(Fetch, Case48And52UnknownKeysFetchOnceAndFindTheNewKey) {
  const HttpsServer* self = nullptr;
  Answer keys = good_keys();
  HttpsServer server(io, ca.issue("DNS:localhost"), provider(self, [&keys] { return keys; }));
  self = &server;
  make_fetcher({rules_for(server)});
  ASSERT_TRUE(run_until([&] { return count("main") == 1; }));
  keys = {200, jwks_text({other_ec_key().jwk()})};
  int done = 0;
  const MonoTime asked = clock.mono();
  for (int round = 0; round < 100; ++round) fetcher->refresh("main", [&done] { ++done; });
  EXPECT_EQ(done, 0) << "never from inside the call";
  ASSERT_TRUE(run_until([&] { return done == 100; }));
  EXPECT_EQ(server.requests("/keys"), 2) << "one fetch for all of them, at once";
  ASSERT_EQ(count("main"), 2U);
  EXPECT_EQ(published["main"][1]->keys()[0].kid, "ec-2");
  EXPECT_GE(last_fetched, asked);
  for (int round = 0; round < 10'000; ++round) fetcher->refresh("main", [&done] { ++done; });
  ASSERT_TRUE(run_until([&] { return done == 10'100; }));
  EXPECT_EQ(server.requests("/keys"), 2) << "the cool-down holds";
  bool unknown_done = false;
  fetcher->refresh("nobody", [&unknown_done] { unknown_done = true; });
  EXPECT_TRUE(run_until([&] { return unknown_done; }));
}

TEST_F(Fetch, Case49BadAnswersKeepTheOldKeys) {
  const std::vector<Answer> bad{
      {500, "{}"},
      {200, "<html>sign in</html>", "Content-Type: text/html\r\n"},
      {200, jwks_text({ec_key().jwk()}), "Content-Type: text/plain\r\n"},
      {200, jwks_text({ec_key().jwk()}), ""},
      {200, R"({"keys":[]})"},
      {200, R"({"keys":[{"kty":"oct","k":"AAAA"}]})"},
      {200, "{"},
      {302, "", "Location: http://169.254.169.254/\r\n"},
      {200, std::string(600 * 1024, ' ')},
  };
  for (const Answer& answer : bad) {
    const HttpsServer* self = nullptr;
    Answer keys = good_keys();
    HttpsServer server(io, ca.issue("DNS:localhost"), provider(self, [&keys] { return keys; }));
    self = &server;
    published.clear();
    make_fetcher({rules_for(server)});
    ASSERT_TRUE(run_until([&] { return count("main") == 1; })) << status("main").last_error;
    keys = answer;
    bool done = false;
    fetcher->refresh("main", [&done] { done = true; });
    ASSERT_TRUE(run_until([&] { return done; }));
    EXPECT_EQ(count("main"), 1U) << answer.body.substr(0, 40);
    EXPECT_TRUE(status("main").has_keys);
    EXPECT_EQ(status("main").failures, 1U) << answer.body.substr(0, 40);
    EXPECT_FALSE(status("main").last_error.empty());
  }
}

TEST_F(Fetch, Case57RecoversByItself) {
  const HttpsServer* self = nullptr;
  Answer keys{503, "{}"};
  HttpsServer server(io, ca.issue("DNS:localhost"), provider(self, [&keys] { return keys; }));
  self = &server;
  make_fetcher({rules_for(server)});
  ASSERT_TRUE(run_until([&] { return status("main").failures == 1; }));
  EXPECT_FALSE(status("main").has_keys);
  keys = good_keys();
  ASSERT_TRUE(run_until([&] { return count("main") == 1; })) << "about one second later";
  EXPECT_TRUE(status("main").last_error.empty());
}

TEST_F(Fetch, KeyAddressWithoutDiscovery) {
  HttpsServer server(io, ca.issue("DNS:localhost"), [](const std::string& target) {
    return target == "/only/keys" ? good_keys() : Answer{404, "{}"};
  });
  IssuerConfig rules = rules_for(server);
  rules.issuer = "https://somewhere.else.example";
  rules.jwks_uri = server.url("/only/keys");
  make_fetcher({rules});
  EXPECT_TRUE(run_until([&] { return count("main") == 1; }));
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Fetch, FileIsReadAtStartAndOnChange) {
  write("keys.json", jwks_text({ec_key().jwk()}));
  IssuerConfig rules = usual_rules();
  rules.jwks_file = path("keys.json");
  make_fetcher({rules});
  ASSERT_EQ(count("main"), 1U) << "before start() returns";
  write("keys.json", "{ broken");
  ASSERT_TRUE(run_until([&] { return status("main").failures == 1; }));
  EXPECT_EQ(count("main"), 1U);
  EXPECT_THAT(status("main").last_error, HasSubstr("keys.json"));
  std::filesystem::remove(path("keys.json"));
  ASSERT_TRUE(run_until([&] { return status("main").failures == 2; }));
  EXPECT_TRUE(status("main").has_keys);
  write("keys.json", jwks_text({other_ec_key().jwk()}));
  bool done = false;
  fetcher->refresh("main", [&done] { done = true; });  // does not wait for the poll
  ASSERT_TRUE(run_until([&] { return done; }));
  ASSERT_EQ(count("main"), 2U);
  EXPECT_EQ(published["main"][1]->keys()[0].kid, "ec-2");
}

TEST_F(Fetch, UnchangedFileCountsAsFresh) {
  write("keys.json", jwks_text({ec_key().jwk()}));
  IssuerConfig rules = usual_rules();
  rules.jwks_file = path("keys.json");
  rules.max_stale = seconds(4);
  make_fetcher({rules});
  ASSERT_TRUE(run_until([&] { return count("main") == 2; }));
  EXPECT_EQ(published["main"][0], published["main"][1]) << "published again, not parsed again";
}

TEST_F(Fetch, NothingIsCalledAfterStop) {
  const HttpsServer* self = nullptr;
  HttpsServer server(io, ca.issue("DNS:localhost"), provider(self, good_keys));
  self = &server;
  make_fetcher({rules_for(server)});
  bool done = false;
  fetcher->refresh("main", [&done] { done = true; });
  run_until([&] { return server.connections() == 1; });
  fetcher->stop();
  fetcher.reset();
  run_until([] { return false; }, milliseconds(300));
  EXPECT_EQ(count("main"), 0U);
  EXPECT_FALSE(done);
}

}  // namespace
}  // namespace keyward::identity
