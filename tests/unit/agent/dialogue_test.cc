#include "keyward/agent/dialogue.h"

#include "unit/agent/model_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace keyward::agent {
namespace {

using test::ModelServer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Dialogue::Token token(int number, MonoTime ends = MonoTime::max()) {
  return {std::make_shared<const Secret>("token-" + std::to_string(number)), ends};
}

std::string request(std::initializer_list<std::string_view> words) {
  std::string out;
  resp::write_request(out, std::vector<std::string_view>(words));
  return out;
}

// A client, an agent's dialogue and a model server, all in one thread.
class Talk : public testing::Test {
 protected:
  void use(DialogueRules rules) {
    rules_ = std::move(rules);
    dialogue_ = std::make_unique<Dialogue>(rules_);
  }
  Dialogue& dialogue() { return *dialogue_; }
  // Moves bytes until nothing moves any more.
  void move() {
    for (bool moved = true; moved;) {
      if (dialogue().calls() && dialogue().login() == Dialogue::Login::none)
        dialogue().log_in(token(1, ends_));
      const std::string up = take(dialogue().to_upstream());
      moved = !up.empty();
      answer_ += server_.feed(up);
      if (!answer_.empty()) {
        moved = true;
        dialogue().from_upstream(std::exchange(answer_, {}));
      }
    }
    got_ += take(dialogue().to_client());
  }
  std::string say(std::string_view bytes) {
    dialogue().from_client(bytes);
    move();
    return std::exchange(got_, {});
  }
  std::string say(std::initializer_list<std::string_view> words) { return say(request(words)); }
  void renew(MonoTime ends = MonoTime::max()) {
    dialogue().renew(token(++tokens_, ends));
    move();
  }
  // The server ends the wait with nothing.
  void time_out() {
    dialogue().from_upstream(server_.time_out());
    move();
  }
  static std::string take(Buffer& buffer) {
    std::string out(buffer.view());
    buffer.consume(buffer.size());
    return out;
  }
  void TearDown() override { EXPECT_THAT(server_.complaints(), IsEmpty()); }

  DialogueRules rules_;
  std::unique_ptr<Dialogue> dialogue_ = std::make_unique<Dialogue>(rules_);
  ModelServer server_{false};
  std::string answer_, got_;
  int tokens_ = 1;
  MonoTime ends_ = MonoTime::max(), start_{std::chrono::hours(1)};
};

TEST_F(Talk, LogsInBeforeTheFirstRequestAndAgainAtEachRenewal) {
  EXPECT_FALSE(dialogue().calls());
  EXPECT_EQ(say({"GET", "k"}), "$5\r\nGET:1\r\n");
  EXPECT_EQ(server_.logins(), 1U);
  renew();
  EXPECT_EQ(server_.logins(), 2U);
  EXPECT_EQ(dialogue().renewed(), 1U);
  EXPECT_EQ(say({"GET", "k"}), "$5\r\nGET:2\r\n");
}

TEST_F(Talk, WhatAClientSaysInAuthGoesNoFurther) {
  EXPECT_EQ(say({"AUTH", "pw"}), "+OK\r\n");
  EXPECT_EQ(say({"AUTH", "me", "pw"}), "+OK\r\n");
  EXPECT_EQ(say({"AUTH"}), "-ERR wrong number of arguments for 'auth' command\r\n");
  EXPECT_EQ(say({"AUTH", "a", "b", "c"}), "-ERR syntax error\r\n");
  EXPECT_THAT(say({"HELLO", "3", "AUTH", "me", "pw", "SETNAME", "n"}), HasSubstr("proto"));
  EXPECT_EQ(say({"HGETALL", "h"}), "%1\r\n$1\r\nf\r\n$1\r\n1\r\n") << "RESP3 from now on";
  EXPECT_THAT(say({"HELLO", "3", "AUTH", "me"}), HasSubstr("-ERR Syntax error"));
  EXPECT_THAT(say("auth pw\r\n"), "+OK\r\n") << "inline";
}

TEST_F(Talk, ALocalPasswordIsAskedFor) {
  use({.password = std::make_shared<const Secret>("open sesame")});
  EXPECT_THAT(say({"GET", "k"}), HasSubstr("-NOAUTH Authentication required."));
  EXPECT_THAT(say({"HELLO", "3"}), HasSubstr("-NOAUTH HELLO"));
  EXPECT_THAT(say({"AUTH", "wrong"}), HasSubstr("-WRONGPASS"));
  EXPECT_THAT(say({"HELLO", "3", "AUTH", "default", "wrong"}), HasSubstr("-WRONGPASS"));
  EXPECT_THAT(say({"HELLO", "3", "SETNAME", "AUTH"}), HasSubstr("-NOAUTH HELLO"));
  EXPECT_THAT(server_.seen(), IsEmpty());
  EXPECT_EQ(say({"AUTH", "open sesame"}), "+OK\r\n");
  EXPECT_EQ(say({"GET", "k"}), "$5\r\nGET:1\r\n");
  EXPECT_EQ(say({"RESET"}), "+RESET\r\n");
  EXPECT_THAT(say({"GET", "k"}), HasSubstr("-NOAUTH"));
  EXPECT_THAT(say({"HELLO", "2", "AUTH", "default", "open sesame"}), HasSubstr("proto"));
  EXPECT_EQ(say({"GET", "k"}), "$5\r\nGET:2\r\n");
}

TEST_F(Talk, RenewalWaitsForExec) {
  EXPECT_EQ(say({"MULTI"}), "+OK\r\n");
  renew();
  EXPECT_EQ(say({"SET", "k", "v"}), "+QUEUED\r\n");
  EXPECT_EQ(server_.logins(), 1U);
  EXPECT_EQ(say({"EXEC"}), "*1\r\n:1\r\n");
  EXPECT_EQ(server_.logins(), 2U);
}

TEST_F(Talk, AuthInsideATransactionIsRefusedAsByKeyward) {
  EXPECT_EQ(say(request({"MULTI"}) + request({"AUTH", "pw"}) + request({"EXEC"})),
            "+OK\r\n-ERR Command 'auth' is not allowed inside a transaction through Keyward\r\n"
            "-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(
      say(request({"MULTI"}) + request({"HELLO", "3", "AUTH", "u", "pw"}) + request({"DISCARD"})),
      "+OK\r\n-ERR Command 'hello' is not allowed inside a transaction through Keyward\r\n"
      "+OK\r\n");
}

TEST_F(Talk, RenewalWaitsForABlockingCommandAndTheNextRequestForBoth) {
  EXPECT_EQ(say({"BRPOP", "k", "0"}), "");
  renew();
  EXPECT_EQ(say({"GET", "k"}), "");
  EXPECT_EQ(server_.logins(), 1U);
  answer_ = server_.unblock();
  dialogue().from_upstream(std::exchange(answer_, {}));
  move();
  EXPECT_EQ(got_, "*2\r\n$1\r\nk\r\n$7\r\nelement\r\n$5\r\nGET:1\r\n");
  EXPECT_EQ(server_.logins(), 2U);
}

TEST_F(Talk, AWaitThatOutlastsTheTokenIsAskedForInParts) {
  using std::chrono::seconds;
  ends_ = start_ + seconds(10);
  dialogue().at(start_);
  EXPECT_EQ(say({"BRPOP", "k", "0"}), "");
  EXPECT_THAT(server_.seen(), ElementsAre("BRPOP k 9.000"));
  renew(start_ + seconds(20));
  EXPECT_EQ(server_.logins(), 1U);
  dialogue().at(start_ + seconds(9));
  time_out();
  EXPECT_EQ(server_.logins(), 2U) << "renewed between two parts";
  EXPECT_THAT(server_.seen(), ElementsAre("BRPOP k 9.000", "BRPOP k 9.900"));
  EXPECT_EQ(got_, "");
  dialogue().from_upstream(server_.unblock());
  move();
  EXPECT_EQ(std::exchange(got_, {}), "*2\r\n$1\r\nk\r\n$7\r\nelement\r\n");
  EXPECT_EQ(say({"GET", "k"}), "$5\r\nGET:1\r\n");
}

TEST_F(Talk, AWaitEndsWhenTheClientWantsItTo) {
  using std::chrono::seconds;
  ends_ = start_ + seconds(10);
  dialogue().at(start_);
  EXPECT_EQ(say({"BRPOP", "k", "12"}), "");
  EXPECT_THAT(server_.seen(), ElementsAre("BRPOP k 9.000"));
  dialogue().at(start_ + seconds(9));
  renew(start_ + seconds(30));
  time_out();
  EXPECT_THAT(server_.seen(), ElementsAre("BRPOP k 9.000", "BRPOP k 3.000"));
  dialogue().at(start_ + seconds(12));
  time_out();
  EXPECT_EQ(std::exchange(got_, {}), "*-1\r\n");
  EXPECT_EQ(say({"BRPOP", "k", "2"}), "");
  EXPECT_EQ(server_.seen().back(), "BRPOP k 2") << "ends in time: as it came";
}

TEST_F(Talk, DrainingEndsAWaitAtItsNextPart) {
  ends_ = start_ + std::chrono::seconds(10);
  dialogue().at(start_);
  say({"BRPOP", "k", "0"});
  dialogue().drain();
  time_out();
  EXPECT_EQ(got_, "*-1\r\n");
  EXPECT_EQ(dialogue().end(), Dialogue::End::deliver);
}

TEST_F(Talk, ARefusedRenewalKeepsTheConnection) {
  say({"GET", "k"});
  server_.refuse_next_login = "WRONGPASS no (request 1-2)";
  renew();
  EXPECT_EQ(dialogue().renewals_refused(), 1U);
  EXPECT_EQ(dialogue().refusal(), "WRONGPASS no (request 1-2)");
  EXPECT_EQ(say({"GET", "k"}), "$5\r\nGET:2\r\n");
}

TEST_F(Talk, ARefusedLoginIsToldAndEndsIt) {
  server_.refuse_next_login = "WRONGPASS no";
  EXPECT_EQ(say({"GET", "k"}), "-WRONGPASS no\r\n");
  EXPECT_EQ(dialogue().end(), Dialogue::End::deliver);
}

TEST_F(Talk, SubscribersOfResp2AreRenewed) {
  EXPECT_EQ(say({"SUBSCRIBE", "a", "b"}),
            "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n");
  renew();
  EXPECT_EQ(server_.logins(), 2U);
  dialogue().from_upstream(server_.publish("a", "hello"));
  move();
  EXPECT_EQ(std::exchange(got_, {}), "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n");
  EXPECT_EQ(say({"PING"}), "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  EXPECT_EQ(say({"PING", "x"}), "*2\r\n$4\r\npong\r\n$1\r\nx\r\n");
  EXPECT_THAT(say({"GET", "k"}), HasSubstr("-ERR Can't execute 'get'"));
  EXPECT_THAT(say({"AUTH", "pw"}), HasSubstr("-ERR Can't execute 'auth'"));
  EXPECT_EQ(
      say({"UNSUBSCRIBE"}),
      "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n");
  EXPECT_EQ(say({"PUNSUBSCRIBE"}), "*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n");
  EXPECT_EQ(say({"PING"}), "+PONG\r\n");
  EXPECT_EQ(say({"NIL"}), "$-1\r\n") << "RESP2 is back";
}

TEST_F(Talk, WhereResp3IsRefusedTheSubscriptionGoesAsItIs) {
  server_.refuse_next_resp3 = "ERR not now";
  EXPECT_EQ(say({"SUBSCRIBE", "a"}), "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
  renew();
  EXPECT_EQ(server_.logins(), 1U) << "AUTH is not possible there";
  dialogue().from_upstream(server_.publish("a", "x"));
  EXPECT_EQ(say({"PING"}),
            "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  EXPECT_EQ(say({"UNSUBSCRIBE", "a"}), "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
  move();
  EXPECT_EQ(server_.logins(), 2U);
}

TEST_F(Talk, ResetLogsInAnew) {
  say({"HELLO", "3"});
  EXPECT_EQ(say(request({"RESET"}) + request({"NIL"})), "+RESET\r\n$-1\r\n");
  EXPECT_EQ(server_.logins(), 2U);
}

TEST_F(Talk, StatusIsAnsweredWithoutKeyward) {
  use({.status = [] { return std::string("fine"); }});
  EXPECT_EQ(say({"keyward", "agent"}), "$4\r\nfine\r\n");
  EXPECT_FALSE(dialogue().calls());
  EXPECT_EQ(say({"GET", "k"}), "$5\r\nGET:1\r\n");
  EXPECT_EQ(say({"KEYWARD", "AGENT"}), "$4\r\nfine\r\n");
  EXPECT_EQ(say({"KEYWARD", "STATUS"}), "$9\r\nKEYWARD:2\r\n");
}

TEST_F(Talk, WhatIsNoRequestIsToldBehindTheAnswersBeforeIt) {
  EXPECT_EQ(say(request({"GET", "k"}) + "*1\r\n!x\r\n"),
            "$5\r\nGET:1\r\n-ERR Protocol error: expected '$', got '!'\r\n");
  EXPECT_EQ(dialogue().end(), Dialogue::End::deliver);
}

TEST_F(Talk, AnAnswerToNothingEndsIt) {
  say({"GET", "k"});
  dialogue().from_upstream("+OK\r\n");
  EXPECT_EQ(dialogue().end(), Dialogue::End::broken);
}

TEST_F(Talk, AnErrorToNothingIsTold) {
  say({"GET", "k"});
  dialogue().from_upstream("-ERR bye\r\n");
  move();
  EXPECT_EQ(got_, "-ERR bye\r\n");
  EXPECT_EQ(dialogue().end(), Dialogue::End::deliver);
}

TEST_F(Talk, WhatAClientSentBeforeItLeftStillGoesOut) {
  dialogue().from_client(request({"LPUSH", "k", "v"}));
  dialogue().client_ended();
  EXPECT_EQ(dialogue().end(), Dialogue::End::none);
  move();
  EXPECT_THAT(server_.seen(), ElementsAre("LPUSH k"));
  EXPECT_EQ(dialogue().end(), Dialogue::End::leave);
}

TEST_F(Talk, DrainingWaitsForAnswersAndTransactions) {
  say({"MULTI"});
  dialogue().drain();
  EXPECT_EQ(dialogue().end(), Dialogue::End::none);
  say({"EXEC"});
  EXPECT_EQ(dialogue().end(), Dialogue::End::deliver);
}

TEST_F(Talk, HoldsABoundedAmount) {
  const std::string one = request({"GET", "k"});
  std::size_t sent = 0;
  while (dialogue().reads_client() && sent < 64UL * 1024 * 1024) {
    dialogue().from_client(one);
    sent += one.size();
    if (dialogue().login() == Dialogue::Login::none) dialogue().log_in(token(1));
  }
  EXPECT_LT(sent, 128UL * 1024) << "nothing was answered yet";
}

TEST_F(Talk, LargeValuesFlowThrough) {
  say({"GET", "k"});
  const std::string value(3UL * 1024 * 1024, 'x');
  const std::string set = request({"SET", "k", value});
  std::string up;
  for (std::size_t at = 0; at < set.size(); at += 70000) {
    dialogue().from_client(std::string_view(set).substr(at, 70000));
    if (at == 140000) dialogue().renew(token(2));
    up += take(dialogue().to_upstream());
    dialogue().go_on();
    up += take(dialogue().to_upstream());
  }
  EXPECT_EQ(up, set) << "the renewal waits for the whole request";
  dialogue().from_upstream("+OK\r\n");
  EXPECT_THAT(take(dialogue().to_upstream()), HasSubstr("token-2"));
}

// --- against the model

std::string random_request(std::mt19937& random, bool subscriber) {
  const auto pick = [&](std::initializer_list<const char*> words) {
    return request({*(words.begin() + random() % words.size())});
  };
  const auto channel = [&] { return std::string(1, static_cast<char>('a' + random() % 3)); };
  switch (random() % (subscriber ? 16 : 11)) {
    case 0:
      return pick({"MULTI", "multi", "EXEC", "EXEC", "DISCARD"});
    case 1:
      return request({"EXEC"});
    case 2:
      return request({"MULTI"}) + request({"SET", "k", "v"}) + request({"EXEC"});
    case 3:
      return request({"AUTH", "anything"});
    case 4:
      return random() % 2 == 0 ? request({"HELLO", "2"})
                               : request({"HELLO", "3", "AUTH", "x", "y"});
    case 5:
      return request({"LRANGE", "l", "0", "-1"});
    case 6:
      return pick({"BAD", "NIL", "HGETALL", "PING"});
    case 7:
      return random() % 6 == 0 ? request({"RESET"}) : request({"PING", "x"});
    case 8:
      return request({"BRPOP", "k", "0"});
    case 9:
      return "GET inline\r\n";
    case 11:
    case 12:
      return request({"SUBSCRIBE", channel()});
    case 13:
      return request({"PSUBSCRIBE", "p*", channel()});
    case 14:
      return random() % 2 == 0 ? request({"UNSUBSCRIBE"}) : request({"PUNSUBSCRIBE"});
    case 15:
      return request({"UNSUBSCRIBE", channel(), channel()});
    default:
      return request({"GET", "k" + std::to_string(random() % 100)});
  }
}

// Messages may stand anywhere between answers: both apart.
void split_messages(const std::string& bytes, std::string& answers, std::string& messages) {
  resp::ReplyScanner scanner;
  for (std::string_view rest = bytes; !rest.empty();) {
    const auto progress = scanner.feed(rest);
    ASSERT_TRUE(progress.done && !progress.bad);
    const std::string_view frame = rest.substr(0, progress.used);
    rest.remove_prefix(progress.used);
    (frame.find("published") == std::string_view::npos ? answers : messages).append(frame);
  }
}

std::string without_type(std::string text) {
  for (std::size_t at = text.find(">3\r\n"); at != std::string::npos; at = text.find(">3\r\n", at))
    text[at] = '*';
  return text;
}

void one_conversation(unsigned seed) {
  std::mt19937 random(seed);
  const bool subscriber = seed % 2 == 0;
  std::string script;
  for (int i = 0; i < 40; ++i) script += random_request(random, subscriber);
  ModelServer direct(true);
  std::string expected = direct.feed(script);
  while (direct.blocked()) expected += direct.unblock();

  DialogueRules rules;
  Dialogue dialogue(rules);
  ModelServer server(false);
  std::string to_server, to_dialogue, got, published;
  int tokens = 1, idle = 0, messages = 0;
  MonoTime now{std::chrono::hours(1)};
  std::size_t said = 0;
  const auto some = [&](std::size_t size) { return size == 0 ? 0 : 1 + random() % size; };
  const auto moved = [&](Buffer& from, std::string& to) {
    const std::size_t count = some(from.size());
    to.append(from.view().substr(0, count));
    from.consume(count);
  };
  while (idle < 200) {
    const std::size_t before =
        said + got.size() + to_server.size() + to_dialogue.size() + server.seen().size();
    switch (random() % 9) {
      case 0: {
        const std::size_t count = std::min(script.size() - said, some(random() % 3 == 0 ? 400 : 9));
        if (count > 0 && dialogue.reads_client())
          dialogue.from_client(std::string_view(script).substr(said, count)), said += count;
        break;
      }
      case 1:
        if (dialogue.calls() && dialogue.login() == Dialogue::Login::none)
          dialogue.log_in(token(tokens, now + std::chrono::seconds(10)));
        break;
      case 2:
        moved(dialogue.to_upstream(), to_server);
        dialogue.go_on();
        break;
      case 3:
        moved(dialogue.to_client(), got);
        dialogue.go_on();
        break;
      case 4: {
        const std::size_t count = some(to_server.size());
        to_dialogue += server.feed(std::string_view(to_server).substr(0, count));
        to_server.erase(0, count);
        break;
      }
      case 5: {
        const std::size_t count = some(to_dialogue.size());
        dialogue.from_upstream(std::string_view(to_dialogue).substr(0, count));
        to_dialogue.erase(0, count);
        break;
      }
      case 6:
        if (random() % 4 == 0) dialogue.renew(token(++tokens, now + std::chrono::seconds(10)));
        break;
      case 7:
        if (server.blocked())
          to_dialogue += random() % 2 == 0 ? server.unblock() : server.time_out();
        dialogue.at(now += std::chrono::milliseconds(random() % 500));
        break;
      case 8:
        if (messages >= 50) break;
        if (const std::string one = server.publish("a", "published" + std::to_string(messages));
            !one.empty()) {
          ++messages;
          to_dialogue += one;
          published += one;
        }
        break;
    }
    const std::size_t after =
        said + got.size() + to_server.size() + to_dialogue.size() + server.seen().size();
    const bool quiet = after == before && said == script.size() && !server.blocked() &&
                       dialogue.to_client().empty() && to_server.empty();
    idle = quiet ? idle + 1 : 0;
    ASSERT_NE(dialogue.end(), Dialogue::End::broken) << seed;
  }
  std::string answers, heard;
  split_messages(got, answers, heard);
  EXPECT_EQ(dialogue.end(), Dialogue::End::none) << seed;
  EXPECT_EQ(to_dialogue, "");
  EXPECT_EQ(answers, expected) << "seed " << seed;
  EXPECT_EQ(without_type(heard), without_type(published)) << "seed " << seed;
  EXPECT_THAT(server.complaints(), IsEmpty()) << "seed " << seed;
  EXPECT_EQ(direct.done(), server.done()) << "seed " << seed;
}

TEST(DialogueModel, NothingOfTheAgentIsSeenByTheClientNorInsideATransaction) {
  const char* rounds = std::getenv("KEYWARD_ROUNDS");
  const unsigned count = rounds != nullptr ? static_cast<unsigned>(std::atoi(rounds)) : 300;
  for (unsigned seed = 1; seed <= count && !testing::Test::HasFailure(); ++seed)
    one_conversation(seed);
}

}  // namespace
}  // namespace keyward::agent
