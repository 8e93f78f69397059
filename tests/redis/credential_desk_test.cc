// Credentials for tokens against a real redis-server: two desks that share nothing but it.
#include "support/loop.h"
#include "support/redis_server.h"
#include "support/temp_dir.h"

#include "keyward/credential/desk.h"
#include "keyward/identity/vended_password.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <set>

namespace keyward::credential {
namespace {

using namespace std::chrono_literals;
using identity::Principal;
using identity::RemoteAnswer;
using identity::Vended;
using test::run_until;
using testing::HasSubstr;

constexpr const char* kAdmin = "keyward-admin";
constexpr const char* kPolicy = R"(
apiVersion: keyward/v1
team: t
owners: [t@example.com]
grants:
  - name: queue
    who: [{issuer: okta, groups: [queue]}]
    credentials: {proxy: 1h, direct: 10m}
    allow: [{commands: ["@read", "@write", "@blocking", eval], keys: ["q:*"]}]
  - name: own
    who: [{issuer: okta, groups: [queue]}]
    allow: [{commands: [get], keys: ["own:*"]}]
)";

// A clock that stands still for people's time, so that ends come when a test says.
class SteppedClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return real_.wall() + step; }
  [[nodiscard]] MonoTime mono() const override { return real_.mono(); }
  std::chrono::microseconds step{0};

 private:
  SystemClock real_;
};

// One instance: its own connection, trail and policy. A token is "<subject>/<groups>/<seconds>".
struct Instance {
  Instance(boost::asio::io_context& context, std::uint16_t port, const std::string& name,
           const std::string& secret, SteppedClock& time)
      : io(context), clock(time) {
    upstream::UpstreamConfig config;
    config.endpoint = {net::Endpoint::Kind::tcp, "127.0.0.1", port};
    config.admin_user = kAdmin;
    config.admin_password = [] { return Result<Secret>(Secret("pw")); };
    control.emplace(io, std::move(config));
    control->start([] {}, [](const std::string&) {});
    EXPECT_TRUE(run_until(io, [this] { return control->up(); }));
    store.emplace(*control, fleet::StoreConfig{
                                [secret] { return Result<Secret>(Secret(std::string(secret))); }});
    auto made = audit::Journal::open({trail.path(), name, "control", "redis"}, clock);
    journal = std::move(*made);
    load(kPolicy);
    desk = std::make_unique<Desk>(
        DeskWiring{.io = io,
                   .store = *store,
                   .journal = *journal,
                   .clock = clock,
                   .policy = [this] { return policy; },
                   .obstacle = [](const Secret&, const Caller&) { return std::string(); },
                   .failed = [this](const Caller&, const identity::Refusal&) { ++failed; },
                   .judge = [this](const Secret& token, const Caller&,
                                   auto done) { done(judged(std::string(token.reveal()))); },
                   .revoke =
                       [this](const identity::Revocation& what, auto done) {
                         revoked.push_back(what.value);
                         done({});
                       }},
        DeskConfig{
            .instance = name, .given_per_minute = 50, .most_direct = 20, .look_every = 100ms});
    desk->control_up();
  }
  void load(const std::string& text) {
    std::ofstream(folder.file("t.yaml")) << text;
    Diagnostics found;
    policy = policy::Snapshot::load(folder.path(), command::Catalog::built_in(), {}, found);
    EXPECT_TRUE(policy) << found.text();
  }
  RemoteAnswer judged(const std::string& token) {
    if (token == "bad") return identity::Refusal{"signature", "no", "okta", "e"};
    if (token == "away") return identity::CannotDecide{"okta", "no keys"};
    Principal who;
    who.issuer_alias = "okta";
    who.subject = token.substr(0, token.find('/'));
    who.id = "okta:" + who.subject;
    who.groups = {"queue"};
    who.token_id = "jti-" + who.subject;
    if (token.find("bound") != token.npos) who.bound_to = std::string(64, 'a');
    who.issued_at = clock.wall();
    who.expires_at = clock.wall() + 1h;
    return std::make_shared<const Principal>(std::move(who));
  }
  Answer<Given> give(const std::string& token, Vended::Mode mode = Vended::Mode::proxy,
                     std::chrono::seconds ttl = {}) {
    return wait<Given>([&](auto done) {
      desk->give(Secret(std::string(token)), {.source = "10.0.0.1"}, {mode, ttl, {}}, done);
    });
  }
  Given given(const std::string& token, Vended::Mode mode = Vended::Mode::proxy,
              std::chrono::seconds ttl = {}) {
    auto answer = give(token, mode, ttl);
    if (const auto* refused = std::get_if<Refused>(&answer)) {
      ADD_FAILURE() << refused->text;
      return {};
    }
    return std::move(std::get<Given>(answer));
  }
  Answer<Given> renew(const std::string& token, const std::string& user) {
    return wait<Given>([&](auto done) {
      desk->renew(Secret(std::string(token)), {.source = "10.0.0.1"}, user, {}, done);
    });
  }
  bool end(const std::string& user, const std::string& token = {}) {
    const auto answer = wait<Record>([&](auto done) {
      desk->end(Secret(std::string(token)), {.source = "10.0.0.1"}, user, "tester", done);
    });
    return std::holds_alternative<Record>(answer);
  }
  // Whose password it is, or the reason why nobody's.
  std::string login(const Secret& password) {
    auto question = std::make_shared<identity::RemoteQuestion>();
    question->kind = identity::RemoteQuestion::Kind::vended;
    question->credential = password;
    question->digest = sha256(password.reveal());
    std::optional<RemoteAnswer> got;
    desk->verify(question, [&](RemoteAnswer answer) { got = std::move(answer); });
    EXPECT_TRUE(run_until(io, [&] { return got.has_value(); }));
    if (const auto* refusal = std::get_if<identity::Refusal>(&*got)) return refusal->reason;
    if (std::holds_alternative<identity::CannotDecide>(*got)) return "cannot decide";
    return std::get<std::shared_ptr<const Principal>>(*got)->id;
  }
  template <class T, class Ask>
  Answer<T> wait(Ask ask) {
    std::optional<Answer<T>> got;
    ask([&](Answer<T> answer) { got = std::move(answer); });
    EXPECT_TRUE(run_until(io, [&] { return got.has_value(); }));
    return got ? std::move(*got) : Answer<T>(Refused{});
  }

  boost::asio::io_context& io;
  SteppedClock& clock;
  test::TempDir trail, folder;
  std::optional<upstream::Control> control;
  std::optional<fleet::Store> store;
  std::unique_ptr<audit::Journal> journal;
  std::shared_ptr<const policy::Snapshot> policy;
  std::unique_ptr<Desk> desk;
  std::vector<std::string> revoked;
  int failed = 0;
};

class CredentialDesk : public testing::Test {
 protected:
  std::set<std::string> users() {
    std::set<std::string> out;
    const auto reply = direct.call({"ACL", "USERS"});
    for (std::size_t i = 0; i < reply->elements; ++i) {
      const std::string name(reply->element[i]->str, reply->element[i]->len);
      if (name.starts_with("kwd_")) out.insert(name);
    }
    return out;
  }
  bool has(const std::string& user) { return users().contains(user); }
  static const std::string& user_of(const Given& given) {
    return given.record.principal.vended.user;
  }
  static Refused::Why why(const Answer<Given>& answer) { return std::get<Refused>(answer).why; }

  const test::RedisServer redis;
  test::Hiredis direct{redis.port()};
  // Before the instances, which log in as it.
  const test::Reply admin =
      direct.call({"ACL", "SETUSER", kAdmin, "on", ">pw", "~*", "&*", "+@all"});
  boost::asio::io_context io;
  SteppedClock clock;
  Instance one{io, redis.port(), "one", "fleet", clock};
  Instance two{io, redis.port(), "two", "fleet", clock};
};

TEST_F(CredentialDesk, WhatOneGivesTheOtherKnows) {
  const Given given = one.given("w1", Vended::Mode::proxy, 60s);
  EXPECT_EQ(two.login(given.password), "okta:w1");
  EXPECT_EQ(one.login(given.password), "okta:w1");
  EXPECT_EQ(two.login(identity::new_vended_password(user_of(given))), "credential_password");
  EXPECT_EQ(
      two.login(identity::new_vended_password(identity::new_vended_user(identity::kProxyUsers))),
      "credential_unknown");
  Instance stranger{io, redis.port(), "stranger", "another fleet", clock};
  EXPECT_EQ(stranger.login(given.password), "credential_unknown");
  EXPECT_FALSE(two.end(user_of(given), "w2"));
  EXPECT_TRUE(two.end(user_of(given), "w1"));
  EXPECT_EQ(one.login(given.password), "credential_unknown");
  EXPECT_THAT(two.revoked, testing::ElementsAre(user_of(given)));
  EXPECT_FALSE(two.end(user_of(given)));
}

TEST_F(CredentialDesk, EndsByTheClockAndWithItsRecord) {
  const Given given = one.given("w1", Vended::Mode::proxy, 60s);
  clock.step = 59s;
  EXPECT_EQ(two.login(given.password), "okta:w1");
  clock.step = 61s;
  EXPECT_EQ(two.login(given.password), "credential_unknown");
  clock.step = 0s;
  EXPECT_EQ(two.login(given.password), "okta:w1");
  direct.call({"FLUSHALL"});
  EXPECT_EQ(two.login(given.password), "credential_unknown");
}

TEST_F(CredentialDesk, RefusesInOneWordAndCounts) {
  EXPECT_EQ(why(one.give("bad")), Refused::Why::unauthenticated);
  EXPECT_EQ(why(one.give("away")), Refused::Why::unavailable);
  EXPECT_EQ(one.failed, 1);
  const Given given = one.given("w1");
  EXPECT_EQ(why(one.give(std::string(given.password.reveal()))), Refused::Why::unauthenticated);
  EXPECT_EQ(why(one.give("bound", Vended::Mode::direct)), Refused::Why::forbidden);
  EXPECT_EQ(one.given("bound").record.principal.bound_to.size(), 64U);
  for (int n = 0; n < 49; ++n) (void)one.given("w1", Vended::Mode::proxy, 1s);
  EXPECT_EQ(why(one.give("w1")), Refused::Why::too_many);
  EXPECT_EQ(user_of(one.given("w3")).size(), 28U);
}

TEST_F(CredentialDesk, WhileRedisIsAwayNobodyIsLetInAndNothingIsGiven) {
  const Given given = one.given("w1");
  one.control->stop();
  EXPECT_EQ(one.login(given.password), "cannot decide");
  EXPECT_EQ(why(one.give("w1")), Refused::Why::unavailable);
  EXPECT_EQ(two.login(given.password), "okta:w1");
}

TEST_F(CredentialDesk, ADirectUserIsLookedAfterByEverybody) {
  const Given given = one.given("w1", Vended::Mode::direct, 60s);
  ASSERT_TRUE(has(user_of(given)));
  test::Hiredis client(redis.port());
  EXPECT_EQ(text_of(client.call({"AUTH", user_of(given), std::string(given.password.reveal())})),
            "OK");
  EXPECT_EQ(text_of(client.call({"SET", "q:k", "v"})), "OK");
  EXPECT_THAT(text_of(client.call({"GET", "own:k"})), HasSubstr("NOPERM"));
  EXPECT_THAT(text_of(client.call({"EVAL", "return redis.call('get', 'x')", "0"})),
              testing::AnyOf(HasSubstr("NOPERM"), HasSubstr("can't access")));
  EXPECT_EQ(two.login(given.password), "credential");
  ASSERT_TRUE(run_until(io, [&] { return two.desk->counters().direct == 1; }));
  // Redis lost it: the other one makes it again, with the same password.
  one.desk.reset();
  direct.call({"ACL", "DELUSER", user_of(given)});
  ASSERT_TRUE(run_until(io, [&] { return has(user_of(given)); }));
  test::Hiredis again(redis.port());
  EXPECT_EQ(text_of(again.call({"AUTH", user_of(given), std::string(given.password.reveal())})),
            "OK");
  // Renewed there, so that its first end passes.
  EXPECT_TRUE(std::holds_alternative<Given>(two.renew("w1", user_of(given))));
  clock.step = 61s;
  test::run_for(io, 500ms);
  EXPECT_TRUE(has(user_of(given)));
  EXPECT_EQ(text_of(again.call({"GET", "q:k"})), "v");
  // Its last end does not, and cuts the connection.
  clock.step = 601s;
  ASSERT_TRUE(run_until(io, [&] { return !has(user_of(given)); }));
  EXPECT_EQ(again.call({"GET", "q:k"}), nullptr);
}

TEST_F(CredentialDesk, NoRenewalForOthersBeyondTheLastOrForOtherRights) {
  const Given given = one.given("w1", Vended::Mode::direct, 60s);
  EXPECT_EQ(why(two.renew("w2", user_of(given))), Refused::Why::not_found);
  EXPECT_EQ(why(two.renew("bad", user_of(given))), Refused::Why::unauthenticated);
  EXPECT_EQ(why(two.renew("w1", user_of(one.given("w1")))), Refused::Why::forbidden);
  EXPECT_EQ(why(two.renew("w1", "kwd_x")), Refused::Why::not_found);
  auto renewed = two.renew("w1", user_of(given));
  ASSERT_TRUE(std::holds_alternative<Given>(renewed));
  EXPECT_EQ(std::get<Given>(renewed).record.principal.expires_at, given.record.last);
  std::string narrower = kPolicy;
  narrower.replace(narrower.find("q:*"), 3, "z:*");
  two.load(narrower);
  EXPECT_EQ(why(two.renew("w1", user_of(given))), Refused::Why::forbidden);
  // Another instance's policy is no reason to end it: the one that gave it out says so.
  two.desk->policy_changed();
  test::run_for(io, 300ms);
  EXPECT_TRUE(has(user_of(given)));
  one.load(narrower);
  one.desk->policy_changed();
  EXPECT_TRUE(run_until(
      io, [&] { return !has(user_of(given)); }, 1s));
}

TEST_F(CredentialDesk, ARevocationTakesDirectUsersAtOnce) {
  const Given mine = one.given("w1", Vended::Mode::direct);
  const Given other = one.given("w2", Vended::Mode::direct);
  identity::Revocation revocation;
  revocation.target = identity::Revocation::Target::principal;
  revocation.value = "okta:w1";
  two.desk->deny(
      std::make_shared<const identity::DenyList>(std::vector<identity::Revocation>{revocation}));
  EXPECT_TRUE(run_until(
      io, [&] { return !has(user_of(mine)); }, 1s));
  EXPECT_TRUE(has(user_of(other)));
}

TEST_F(CredentialDesk, LeavesAloneWhatIsOfAnotherFleet) {
  Instance stranger{io, redis.port(), "stranger", "another fleet", clock};
  const Given theirs = stranger.given("w1", Vended::Mode::direct);
  direct.call({"ACL", "SETUSER", "kwd_operator", "on", ">x"});
  test::run_for(io, 500ms);
  EXPECT_TRUE(has(user_of(theirs)));
  EXPECT_TRUE(has("kwd_operator"));
  direct.call({"FLUSHALL"});  // without a record it is a leftover, whosever it was
  EXPECT_TRUE(run_until(io, [&] { return !has(user_of(theirs)); }));
  EXPECT_TRUE(has("kwd_operator"));
}

// Whatever the others do in that moment, an ended user stays ended.
TEST_F(CredentialDesk, EndingWhileOthersMakeItAgain) {
  for (int round = 0; round < 20; ++round) {
    const Given given = one.given("w" + std::to_string(round), Vended::Mode::direct);
    direct.call({"ACL", "DELUSER", user_of(given)});
    two.desk->control_up();  // makes it again
    test::run_for(io, std::chrono::milliseconds(round % 4));
    EXPECT_TRUE(one.end(user_of(given)));
    test::run_for(io, 50ms);
    EXPECT_FALSE(has(user_of(given))) << round;
  }
  EXPECT_TRUE(users().empty());
}

TEST_F(CredentialDesk, OnlySoManyDirectUsers) {
  for (int n = 0; n < 20; ++n)
    EXPECT_TRUE(std::holds_alternative<Given>(one.give("w", Vended::Mode::direct)));
  EXPECT_EQ(why(one.give("w", Vended::Mode::direct)), Refused::Why::too_many);
  ASSERT_TRUE(run_until(io, [&] { return two.desk->counters().direct == 20; }));
  EXPECT_EQ(why(two.give("w", Vended::Mode::direct)), Refused::Why::too_many);
}

}  // namespace
}  // namespace keyward::credential
