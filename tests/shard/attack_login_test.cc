// The attacks of tests/unit/identity at the door of a whole server: one answer for all of them, one
// record each, nothing of the credential anywhere, and nobody else notices.
#include "support/conversation.h"
#include "support/https_server.h"
#include "support/moved_clock.h"
#include "support/proxy_rig.h"
#include "unit/identity/token_maker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace keyward {
namespace {

using namespace std::chrono_literals;
using namespace keyward::identity::testing;
using test::eventually;
using test::ProxyRig;
using test::RawClient;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

constexpr const char* kPolicy = R"(apiVersion: keyward/v1
team: rig
owners: [rig@example.com]
grants:
  - name: worker
    who: [{issuer: main, groups: [team-a]}, {issuer: second, groups: [team-a]}]
    allow:
      - {commands: ["@read", "@write", "@blocking", "-@dangerous"], keys: ["app:*"]}
  - name: unit
    who: [{issuer: main, groups: [units]}]
    allow:
      - {commands: ["@read", "@write"], keys: ["unit:{claim.unit}:*"]}
  - name: own
    who: [{issuer: main, groups: [own]}]
    allow:
      - {commands: ["@read", "@write"], keys: ["own:{subject}:*"]}
)";

class Door : public ::testing::Test {
 protected:
  Door() { clock.set_wall(at_second(kNow) + 500ms); }

  ProxyRig& rig(const ProxyRig::Change& change = {}) {
    if (!rig_) {
      rig_ = std::make_unique<ProxyRig>(
          [&](server::Config& config) {
            identity::IssuerConfig main = usual_rules();
            main.jwks_file = config.issuers[0].jwks_file + ".main";
            std::ofstream(main.jwks_file) << jwks_text({ec_key().jwk(), rsa_key().jwk()});
            identity::IssuerConfig second = main;
            second.alias = "second";
            second.issuer = "https://second.example";
            config.issuers.push_back(std::move(main));
            config.issuers.push_back(std::move(second));
            config.limits.failed_logins_per_minute = 1'000'000;
            if (change) change(config);
          },
          kPolicy, &clock);
    }
    return *rig_;
  }
  std::size_t refusals(const std::string& reason = "") {
    return rig()
        .records(reason.empty() ? "\"kind\":\"login_refused\"" : "\"reason\":\"" + reason + "\"",
                 "denied")
        .size();
  }
  // Refused like every other one, once on record under that reason, and the connection goes on
  // unknown.
  void expect_refused(const std::string& reason, const std::string& secret,
                      std::string_view user = "default") {
    const std::size_t all = refusals(), such = refusals(reason);
    RawClient client = rig().connect();
    EXPECT_THAT(client.call({"AUTH", user, secret}),
                MatchesRegex("-WRONGPASS invalid username-password pair or user is disabled\\. "
                             "\\(request [0-9a-z-]+\\)\r\n"))
        << reason;
    EXPECT_THAT(client.call({"GET", "app:k"}), StartsWith("-NOAUTH ")) << reason;
    EXPECT_EQ(refusals(), all + 1) << reason;
    EXPECT_EQ(refusals(reason), such + 1) << reason;
    if (secret.size() > 60) {
      EXPECT_TRUE(rig().records(secret.substr(secret.size() - 20)).empty()) << reason;
    }
  }
  RawClient logged_in(const std::string& token) {
    RawClient client = rig().connect();
    EXPECT_EQ(client.call({"AUTH", token}), "+OK\r\n");
    return client;
  }
  std::vector<std::string> redis_users() {
    const auto reply = rig().redis().hiredis().call({"ACL", "LIST"});
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < reply->elements; ++at) {
      const std::string line = reply->element[at]->str;
      if (!line.starts_with("user default ") && !line.starts_with("user admin"))
        lines.push_back(line);
    }
    return lines;
  }

  test::MovedClock clock;
  const std::string good = token_of(usual_claims());
  std::unique_ptr<ProxyRig> rig_;
};

std::string none_token() {
  return base64url_encode(header_text("none", "ec-1")) + "." +
         base64url_encode(json::serialize(usual_claims())) + ".";
}

// Cases 1 to 10 and 12 to 17.
TEST_F(Door, BrokenTokensGetOneAnswerAndOneRecord) {
  expect_refused("not_a_jwt", none_token());
  expect_refused("alg_not_allowed", none_token() + base64url_encode("random"));
  expect_refused("alg_not_allowed",
                 token_of(usual_claims(), ec_key(), "ES256")
                     .replace(0, good.find('.'), base64url_encode(header_text("HS256", "rsa-1"))));
  json::object jwk = other_ec_key().jwk();
  jwk["kid"] = "ec-1";
  for (const json::object& extra :
       {json::object{{"jwk", jwk}}, json::object{{"jku", "https://attacker.example/k"}},
        json::object{{"x5u", "https://attacker.example/c"}},
        json::object{{"x5c", json::array{"MIIB"}}}}) {
    json::object header{{"alg", "ES256"}, {"kid", "ec-1"}};
    header.insert(extra.begin(), extra.end());
    expect_refused("signature", signed_token(other_ec_key(), "ES256", json::serialize(header),
                                             json::serialize(usual_claims())));
  }
  expect_refused("unknown_key", token_with_header(header_text("ES256", "../../dev/null")));
  expect_refused("header_kid", token_with_header(R"({"alg":"ES256","kid":["ec-1"]})"));
  expect_refused("not_a_jwt", std::string(16'384, '.'));
  expect_refused("not_a_jwt", base64url_encode(R"({"alg":"dir","zip":"DEF"})") + ".A.A.A.A");
  expect_refused("encoding", good + "=");
  expect_refused("header_json", token_with_header(R"({"alg":"none","alg":"ES256","kid":"ec-1"})"));
  expect_refused("header_crit",
                 token_with_header(R"({"alg":"ES256","kid":"ec-1","crit":["exp"]})"));
  expect_refused("payload_json", token_with_payload(payload_with("x", std::string(5000, '['))));
  expect_refused("payload_json", token_with_payload(payload_with("sub", "\"a\\u0000\"")));
  expect_refused("payload_json", token_with_payload(json::serialize(usual_claims()) + "x"));
  expect_refused("header_typ", token_of(usual_claims(), ec_key(), "ES256", "dpop+jwt"));
  EXPECT_EQ(logged_in(good).call({"SET", "app:k", "v"}), "+OK\r\n");
  rig().expect_whole_trail();
}

TEST_F(Door, Case11LargestCredential) {
  expect_refused("not_a_jwt", std::string(16'384, 'a'));
  RawClient client = rig().connect();
  ASSERT_TRUE(client.send("*2\r\n$4\r\nAUTH\r\n$16385\r\n" + std::string(16'385, 'a') + "\r\n"));
  EXPECT_THAT(client.read_to_end(), StartsWith("-ERR Protocol error: unauthenticated bulk length"));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(refusals(), 1U) << "what is no request is no login";
}

// Cases 26 to 39 and 45: signed, but not for this.
TEST_F(Door, WrongClaimsGetOneAnswerAndOneRecord) {
  expect_refused("unknown_issuer", token_of(claims_with({{"iss", "https://issuer.example/"}})));
  expect_refused("audience", token_of(claims_with({{"aud", "keyward2"}})));
  expect_refused("time_claim", token_of(claims_with({{"exp", nullptr}})));
  expect_refused("expired", token_of(claims_with({{"exp", kNow}, {"iat", kNow - 9}})));
  expect_refused("not_yet_valid", token_of(claims_with({{"nbf", kNow + 600}})));
  expect_refused("lifetime", token_of(claims_with({{"exp", kNow + 315'360'000}})));
  expect_refused("token_kind", token_of(claims_with({{"token_use", "id"}})));
  expect_refused("group_overage",
                 token_of(claims_with({{"groups", nullptr}, {"_claim_names", {{"groups", "s"}}}})));
  expect_refused("groups", token_of(claims_with({{"groups", json::array{"a\r\n+OK"}}})));
  expect_refused("subject", token_of(claims_with({{"sub", "x\r\n+OK"}})));
  expect_refused("bound_token", token_of(claims_with({{"cnf", {{"x5t#S256", "abc"}}}})));
  expect_refused("user_mismatch", good, "admin");
}

// A known person without a grant cannot tell it from a bad token; the trail can.
TEST_F(Door, Case42NobodyGrantedAnything) {
  expect_refused("no_policy", token_of(claims_with({{"groups", nullptr}})));
}

TEST_F(Door, Case39OddSubjectsReachNoRuleAndNoReply) {
  const std::vector<std::string> odd = {"../x", "a b",      "*",   "[a-z]",          "{sub}",
                                        "~*",   "+@all on", ">pw", "default:reader", "kw_0*"};
  for (const std::string& subject : odd) {
    RawClient client = logged_in(token_of(claims_with({{"sub", subject}})));
    EXPECT_EQ(client.call({"SET", "app:k", "v"}), "+OK\r\n") << subject;
    EXPECT_THAT(client.call({"SET", "other:k", "v"}), StartsWith("-NOPERM ")) << subject;
    expect_refused("template_value",
                   token_of(claims_with({{"sub", subject}, {"groups", json::array{"own"}}})));
  }
  // Names that are Redis's or ours are somebody's subject here, and nothing else.
  for (const std::string subject : {"default", "kw_0123456789ab"}) {
    RawClient client = logged_in(token_of(claims_with({{"sub", subject}})));
    EXPECT_THAT(client.call({"SET", "other:k", "v"}), StartsWith("-NOPERM ")) << subject;
  }
  const auto users = redis_users();
  EXPECT_GE(users.size(), odd.size() + 2);
  for (const std::string& line : users) {
    EXPECT_THAT(line, MatchesRegex("user kw_[0-9a-f_]+ on [^>]*\\(~app:\\* [^~]*\\)"));
  }
}

TEST_F(Door, Case40ValuesThatWouldMoveATemplate) {
  const auto of_unit = [](const json::value& unit) {
    return token_of(claims_with({{"groups", json::array{"units"}}, {"unit", unit}}));
  };
  const json::array moving{"a*",
                           "a:b",
                           "",
                           "*",
                           "[a]",
                           "a b",
                           "a\\",
                           "{x}",
                           std::string(65, 'a'),
                           7,
                           json::array{"a", "b"},
                           nullptr};
  for (const json::value& unit : moving) {
    expect_refused("template_value", of_unit(unit));
  }
  RawClient client = logged_in(of_unit("web"));
  EXPECT_EQ(client.call({"SET", "unit:web:k", "v"}), "+OK\r\n");
  EXPECT_THAT(client.call({"GET", "unit:db:k"}), StartsWith("-NOPERM "));
}

std::string auth_of(std::size_t words) {
  std::string request = "*" + std::to_string(words + 1) + "\r\n$4\r\nAUTH\r\n";
  for (std::size_t n = 0; n < words; ++n) request += "$1\r\nx\r\n";
  return request;
}

TEST_F(Door, Case68NumbersOfArguments) {
  for (const std::size_t words : {0, 3, 9}) {  // AUTH itself is an argument to Redis
    RawClient client = rig().connect();
    ASSERT_TRUE(client.send(auth_of(words)));
    EXPECT_THAT(client.read_reply(), StartsWith("-ERR ")) << words;
    EXPECT_EQ(client.call({"AUTH", good}), "+OK\r\n") << words;
  }
  for (const std::size_t words : {10, 11, 1000}) {
    RawClient client = rig().connect();
    ASSERT_TRUE(client.send(auth_of(words).substr(0, 64)));
    EXPECT_THAT(client.read_to_end(),
                StartsWith("-ERR Protocol error: unauthenticated multibulk length"))
        << words;
    EXPECT_TRUE(client.closed()) << words;
  }
  EXPECT_EQ(refusals(), 0U) << "what is no credential was not judged";
}

TEST_F(Door, Case68SlowLogins) {
  rig([](server::Config& config) { config.limits.login_deadline = 1s; });
  const std::string request = "*2\r\n$4\r\nAUTH\r\n$" + std::to_string(good.size()) + "\r\n" + good;
  const auto began = std::chrono::steady_clock::now();
  RawClient half = rig().connect(), slow = rig().connect(), idle = rig().connect();
  ASSERT_TRUE(half.send(request.substr(0, request.size() / 2)));
  bool taken = true;
  for (std::size_t at = 0; at < 60 && taken; ++at) {  // as long as it takes, a byte at a time
    taken = slow.send(request.substr(at, 1));
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(logged_in(good).call({"PING"}), "+PONG\r\n") << "others come and go meanwhile";
  }
  for (RawClient* client : {&half, &slow, &idle}) {
    (void)client->read_to_end(2s);
    EXPECT_TRUE(client->closed());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, 8s);
  EXPECT_TRUE(rig().becomes("keyward_connections", 0));
}

TEST_F(Door, Case72AFloodOfBadLogins) {
  rig([](server::Config& config) { config.limits.failed_logins_per_minute = 20; });
  const auto bad = [&](int n) {
    return token_of(claims_with({{"aud", "other"}, {"jti", std::to_string(n)}}));
  };
  RawClient before = logged_in(good);
  std::vector<test::Request> flood;
  for (int n = 0; n < 500; ++n) flood.push_back({"AUTH", bad(n)});
  RawClient attacker = rig().connect();
  const auto began = std::chrono::steady_clock::now();
  std::thread sender([&] { (void)attacker.send(test::packet(flood)); });
  int refused = 0, held_off = 0;
  for (std::size_t n = 0; n < flood.size(); ++n) {
    const std::string answer = attacker.read_reply();
    refused += answer.starts_with("-WRONGPASS ") ? 1 : 0;
    held_off += answer.starts_with("-ERR too many failed logins") ? 1 : 0;
  }
  sender.join();
  EXPECT_EQ(refused + held_off, 500);
  EXPECT_EQ(refused, 20) << "what is over the limit is not judged";
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s) << "nobody sleeps over an answer";

  EXPECT_EQ(before.call({"SET", "app:k", "v"}), "+OK\r\n");
  EXPECT_EQ(logged_in(good).call({"GET", "app:k"}), "$1\r\nv\r\n") << "known as good";
  const json::object of_second = claims_with({{"iss", "https://second.example"}});
  EXPECT_EQ(logged_in(token_of(of_second)).call({"GET", "app:k"}), "$1\r\nv\r\n")
      << "tokens of another issuer are none of the flood";
  rig().expect_whole_trail();
}

// exp is judged by the wall clock at login; what passes after that is measured by the monotonic
// one.
TEST_F(Door, Case56ClockSteps) {
  const std::string brief = token_of(claims_with({{"exp", kNow + 4}}));
  const std::string expired = token_of(claims_with({{"exp", kNow - 10}, {"iat", kNow - 100}}));
  RawClient lasting = logged_in(good);
  RawClient ending = logged_in(brief);
  expect_refused("expired", expired);

  clock.step(1h);
  expect_refused("expired", good);
  EXPECT_EQ(lasting.call({"SET", "app:k", "1"}), "+OK\r\n") << "a step cuts nobody off";
  EXPECT_EQ(ending.call({"GET", "app:k"}), "$1\r\n1\r\n");

  clock.step(-2h);
  expect_refused("not_yet_valid", good);
  expect_refused("not_yet_valid", expired);
  EXPECT_EQ(lasting.call({"GET", "app:k"}), "$1\r\n1\r\n");
  EXPECT_TRUE(eventually([&] {
    return ending.call({"GET", "app:k"}).starts_with("-NOAUTH ");
  })) << "nor does it prolong a session";

  clock.step(1h);
  expect_refused("expired", expired);
  EXPECT_EQ(logged_in(good).call({"GET", "app:k"}), "$1\r\n1\r\n");
  rig().expect_whole_trail();
}

// The keys of an issuer behind HTTPS, on a thread of its own.
class KeyServer {
 public:
  explicit KeyServer(const test::TestCa& ca)
      : server_(io_, ca.issue("DNS:localhost"),
                [this](const std::string&) {
                  ++requests_;
                  return test::Answer{200, jwks_text({ec_key().jwk()})};
                }),
        url_(server_.url("/keys")),
        thread_([this] { io_.run(); }) {}
  ~KeyServer() {
    io_.stop();
    thread_.join();
  }
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] int requests() const { return requests_; }

 private:
  std::atomic<int> requests_{0};
  boost::asio::io_context io_{1};
  test::HttpsServer server_;
  std::string url_;
  std::thread thread_;
};

std::chrono::microseconds at_99th(std::vector<std::chrono::microseconds> taken) {
  std::sort(taken.begin(), taken.end());
  return taken.at(taken.size() * 99 / 100);
}

TEST_F(Door, Case48AFloodOfUnknownKeys) {
  constexpr int kConnections = 20, kEach = 500;
  const test::TestCa ca;
  const KeyServer keys(ca);
  rig([&](server::Config& config) {
    identity::IssuerConfig remote = usual_rules();
    remote.alias = "remote";
    remote.issuer = "https://remote.example";
    remote.ca_file = config.issuers[0].jwks_file + ".ca";
    std::ofstream(remote.ca_file) << ca.pem();
    remote.jwks_uri = keys.url();
    remote.internal = true;
    config.issuers.push_back(std::move(remote));
  });
  ASSERT_TRUE(eventually([&] { return keys.requests() == 1; }));

  std::atomic<bool> flooding{true};
  std::atomic<int> refused{0};
  const auto flood = [&] {
    const std::string payload =
        base64url_encode(json::serialize(claims_with({{"iss", "https://remote.example"}})));
    for (int connection = 0; connection < kConnections; ++connection) {
      std::vector<test::Request> logins;
      for (int n = 0; n < kEach; ++n) {
        const std::string kid = std::to_string(connection) + "-" + std::to_string(n);
        logins.push_back({"AUTH", base64url_encode(header_text("ES256", kid)) + "." + payload +
                                      "." + base64url_encode(std::string(64, 'x'))});
      }
      RawClient client;
      (void)client.connect(rig().port(), static_cast<std::uint32_t>(2 + connection));
      (void)client.send(test::packet(logins));
      for (int n = 0; n < kEach; ++n)
        if (client.read_reply().starts_with("-WRONGPASS ")) ++refused;
    }
    flooding = false;
  };
  const auto login = [&] {
    const auto began = std::chrono::steady_clock::now();
    RawClient client = logged_in(good);
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                                 began);
  };
  std::vector<std::chrono::microseconds> alone, beside;
  (void)login();
  for (int round = 0; round < 300; ++round) alone.push_back(login());
  std::thread attacker(flood);
  while (flooding) beside.push_back(login());
  attacker.join();

  EXPECT_EQ(refused, kConnections * kEach);
  EXPECT_LE(keys.requests(), 2) << "one for the first unknown key, then the cool-down";
  ASSERT_GT(beside.size(), 100U);
  RecordProperty("alone_p99_us", static_cast<int>(at_99th(alone).count()));
  RecordProperty("beside_p99_us", static_cast<int>(at_99th(beside).count()));
  RecordProperty("beside_logins", static_cast<int>(beside.size()));
  EXPECT_LT(at_99th(beside), 50ms);
  // Judged by its keys, though nobody granted it anything.
  expect_refused("no_policy", token_of(claims_with({{"iss", "https://remote.example"}})));
}

}  // namespace
}  // namespace keyward
