// The view module against a real redis-server: a tenant under a namespace, beside others, sees byte
// for byte what it would see alone on a server of its own.
#include "support/command_gen.h"
#include "support/redis_server.h"
#include "support/tenant_script.h"
#include "unit/view/eyes.h"

#include "keyward/resp/writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace keyward::view::test {
namespace {

using keyward::test::RawClient;
using keyward::test::RedisServer;
using Words = std::vector<std::string>;

// Databases 0 and 1 of one server: the tenant alone with bare names, and among others with the
// prefix. One server, so that what depends on its hash seed comes in the same order.
constexpr std::uint32_t kTenantDb = 1;
constexpr const char* kTenant = R"(    namespace: "team:"
    databases: [0, 1]
    allow:
      - commands: ["@read", "@write", "@blocking", "@transaction", "@stream", "@connection",
                   "@sortedset", "@keyspace", "@pubsub", keys, randomkey, script|exists, cluster|keyslot,
                   role, lastsave, config|get, cluster|info, client|trackinginfo, client|getredir,
                   time, lolwut, dbsize, function|list, function|dump, pubsub|numpat, script|flush,
                   pubsub|channels, pubsub|numsub, pubsub|shardchannels, pubsub|shardnumsub]
        arguments: {"config|get": [maxmemory]}
        keys: ["*"]
        channels: ["*", "__keyspace@*__:*", "__keyevent@*__:*"]
)";

std::string line_of(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text.substr(0, 200);
}

std::vector<std::string_view> views(const Words& words) { return {words.begin(), words.end()}; }

std::string request_of(std::span<const std::string_view> args) {
  std::string out;
  resp::write_request(out, args);
  return out;
}

std::string encoded(const Words& words) { return request_of(views(words)); }

// The elements of an array, and of arrays in it, in an order of our own.
std::string sorted(const std::string& reply) {
  const std::size_t head = reply.find("\r\n");
  if (reply.empty() || (reply[0] != '*' && reply[0] != '~') || head == std::string::npos)
    return reply;
  std::vector<std::string> elements;
  resp::ReplyScanner scanner;
  for (std::size_t at = head + 2; at < reply.size();) {
    const auto progress = scanner.feed(std::string_view(reply).substr(at));
    if (!progress.done) return reply;
    elements.push_back(sorted(reply.substr(at, progress.used)));
    at += progress.used;
  }
  std::sort(elements.begin(), elements.end());
  std::string out = reply.substr(0, head + 2);
  for (const std::string& element : elements) out += element;
  return out;
}

class Twins {
 public:
  Twins(RedisServer& server, resp::Protocol protocol)
      : eyes_(kTenant), protocol_(protocol), alone_(server.raw()), tenant_(server.raw()) {
    if (protocol == resp::Protocol::resp3) {
      alone_.call({"HELLO", "3"});
      tenant_.call({"HELLO", "3"});
    }
    tenant_.call({"SELECT", std::to_string(kTenantDb)});
  }

  // Both databases empty but for what belongs to others: keys of another prefix, and strings under
  // the bare names, which nothing that lost its prefix could be mistaken for.
  void begin(const Words& names) {
    alone_.call({"FLUSHDB"});
    tenant_.call({"FLUSHDB"});
    for (const std::string& name : names) {
      if (!name.starts_with("team:")) tenant_.call({"SET", name, "foreign"});
      tenant_.call({"SET", "other:" + name, "foreign"});
    }
  }

  enum class Way { plain, transaction };
  struct Answers {
    bool ran = false;
    std::string why_not, alone, tenant;
  };
  Answers run(const Words& words, Way way = Way::plain) {
    Answers answers;
    const std::vector<std::string_view> args = views(words);
    command::Command& command = eyes_.command();
    const command::Analysis analysis = command::analyse(eyes_.catalog(), args, command);
    if (analysis.verdict != command::Verdict::ok) return {false, analysis.text, {}, {}};
    answers.why_not = eyes_.names().qualify(command, eyes_.grants());
    if (!answers.why_not.empty()) return answers;
    const policy::Decision decision = eyes_.grants().decide(command, {.db = kTenantDb});
    if (const auto* denial = std::get_if<policy::Denial>(&decision))
      return {false, denial->text, {}, {}};
    Shape shape = shape_of(command, std::get<policy::Permit>(decision), eyes_.grants());
    answers.ran = true;
    const Lens lens{eyes_.grants(), kTenantDb, protocol_, command.info};
    if (way == Way::transaction) {
      if (shape == Shape::some_key) shape = Shape::key;
      answers.alone = transaction(alone_, encoded(words));
      const std::string reply = transaction(tenant_, request_of(command.args));
      const Member member{shape, command.info};
      if (!show_exec({&member, 1}, lens, reply, answers.tenant))
        answers.tenant = "refused " + reply;
      return answers;
    }
    alone_.send(encoded(words));
    tenant_.send(request_of(command.args));
    answers.alone = alone_.read_reply();
    const std::string reply = tenant_.read_reply();
    if (!show(shape, lens, reply, answers.tenant)) answers.tenant = "refused " + reply;
    return answers;
  }

  // RANDOMKEY as the proxy asks it.
  std::string random_key(int times) {
    std::string asked = encoded({"MULTI"});
    for (int i = 0; i < times; ++i) asked += encoded({"RANDOMKEY"});
    tenant_.send(asked + encoded({"EXEC"}));
    for (int i = 0; i <= times; ++i) tenant_.read_reply();
    const Lens lens{eyes_.grants(), kTenantDb, protocol_, eyes_.catalog().by_name("randomkey")};
    std::string out;
    return show(Shape::some_key, lens, tenant_.read_reply(), out) ? out : "refused";
  }

  Eyes& eyes() { return eyes_; }

 private:
  static std::string transaction(RawClient& client, const std::string& request) {
    client.send(encoded({"MULTI"}) + request + encoded({"EXEC"}));
    client.read_reply();
    client.read_reply();
    return client.read_reply();
  }

  Eyes eyes_;
  resp::Protocol protocol_;
  RawClient alone_, tenant_;
};

std::vector<Words> script_for(const std::map<std::string, std::string>& names) {
  std::vector<Words> out;
  std::istringstream lines(keyward::test::kTenantScript);
  for (std::string line; std::getline(lines, line);) {
    Words words;
    std::istringstream text(line);
    for (std::string word; text >> word;) {
      const auto name = names.find(word);
      words.push_back(name == names.end() ? word : name->second);
    }
    if (!words.empty()) out.push_back(std::move(words));
  }
  return out;
}

// Twelve different names of random bytes, with the odd ones among them.
std::map<std::string, std::string> random_names(std::mt19937_64& random) {
  Words pool{"", "team:", "team:k", "other:k", "*", "a b", "'", "STREAMS", "\r\n", "tea"};
  while (pool.size() < 24) {
    std::string name;
    for (std::size_t size = 1 + random() % 12; size > 0; --size)
      name += static_cast<char>(random() % 256);
    if (std::find(pool.begin(), pool.end(), name) == pool.end()) pool.push_back(name);
  }
  // Not STREAMS: Keyward refuses some commands with it.
  std::shuffle(pool.begin(), pool.end(), random);
  std::erase(pool, "STREAMS");
  std::map<std::string, std::string> names;
  for (int i = 1; i <= 9; ++i) names["k" + std::to_string(i)] = pool[static_cast<std::size_t>(i)];
  for (int i = 1; i <= 3; ++i)
    names["c" + std::to_string(i)] = pool[static_cast<std::size_t>(i + 10)];
  return names;
}

Words values_of(const std::map<std::string, std::string>& names) {
  Words out;
  for (const auto& [word, name] : names) out.push_back(name);
  return out;
}

class ViewOracle : public ::testing::Test {
 protected:
  void expect_same(const Twins::Answers& answers, char mark, const Words& words) {
    if (mark == '%') {
      EXPECT_EQ(sorted(answers.tenant), sorted(answers.alone)) << line_of(words);
    } else if (mark == '~') {
      EXPECT_EQ(answers.tenant.substr(0, 2), answers.alone.substr(0, 2)) << line_of(words);
    } else {
      EXPECT_EQ(answers.tenant, answers.alone) << line_of(words);
    }
  }

  std::size_t follow_script(Twins& twins, const std::map<std::string, std::string>& names,
                            Twins::Way way) {
    std::size_t compared = 0;
    twins.begin(values_of(names));
    for (Words words : script_for(names)) {
      if (words[0] == "FLUSHED") {
        twins.begin(values_of(names));
        continue;
      }
      char mark = 0;
      if (words[0][0] == '%' || words[0][0] == '~') {
        mark = words[0][0];
        words[0].erase(0, 1);
      }
      const bool alone_only = way == Twins::Way::transaction && words[0].ends_with("WATCH");
      if (alone_only) continue;
      const Twins::Answers answers = twins.run(words, way);
      if (words == Words{"SET", names.at("k1")}) {
        EXPECT_FALSE(answers.ran);
        continue;
      }
      EXPECT_TRUE(answers.ran) << line_of(words) << "\n" << answers.why_not;
      expect_same(answers, mark, words);
      ++compared;
    }
    return compared;
  }

  RedisServer server_{{"--save", ""}};
};

TEST_F(ViewOracle, ATenantSeesWhatItWouldSeeAlone) {
  std::mt19937_64 random(20260601);
  std::map<std::string, std::string> plain;
  for (int i = 1; i <= 9; ++i) plain["k" + std::to_string(i)] = "key:" + std::to_string(i);
  for (int i = 1; i <= 3; ++i) plain["c" + std::to_string(i)] = "channel:" + std::to_string(i);
  std::size_t compared = 0;
  for (const auto protocol : {resp::Protocol::resp2, resp::Protocol::resp3}) {
    Twins twins(server_, protocol);
    for (const auto way : {Twins::Way::plain, Twins::Way::transaction}) {
      compared += follow_script(twins, plain, way);
      for (int round = 0; round < 5 && !HasFailure(); ++round)
        compared += follow_script(twins, random_names(random), way);
    }
  }
  RecordProperty("compared", static_cast<int>(compared));
  EXPECT_GT(compared, 5000U);
}

// Whatever the generator makes of the whole table.
TEST_F(ViewOracle, RandomCommandsSeeWhatTheyWouldSeeAlone) {
  // Chance, time, memory and the server itself; SCAN has a test of its own.
  const std::set<std::string, std::less<>> differs = {"srandmember",
                                                      "hrandfield",
                                                      "zrandmember",
                                                      "spop",
                                                      "randomkey",
                                                      "time",
                                                      "lastsave",
                                                      "lolwut",
                                                      "object|idletime",
                                                      "object|freq",
                                                      "memory|usage",
                                                      "xinfo|stream",
                                                      "xinfo|consumers",
                                                      "xpending",
                                                      "xclaim",
                                                      "xautoclaim",
                                                      "role",
                                                      "scan",
                                                      "ttl",
                                                      "pttl",
                                                      "expiretime",
                                                      "pexpiretime",
                                                      "pexpire",
                                                      "psetex",
                                                      "command",
                                                      "command|docs",
                                                      "command|info",
                                                      "command|list",
                                                      "config|get",
                                                      "cluster|info"};
  const std::set<std::string> short_lives{"px", "ex"};
  const Words pool{"k", "l", "", "team:", "2", "a b", "get"};
  std::mt19937_64 random(99);
  std::size_t compared = 0;
  std::set<std::string> commands;
  for (const auto protocol : {resp::Protocol::resp2, resp::Protocol::resp3}) {
    Twins twins(server_, protocol);
    for (int round = 0; round < 120 && !HasFailure(); ++round) {
      twins.begin(pool);
      for (const Words& seed : std::vector<Words>{{"RPUSH", "l", "a", "b", "2"},
                                                  {"ZADD", "k", "1", "v1", "2", "v2"},
                                                  {"HSET", "team:", "v1", "1", "v2", "x"},
                                                  {"XADD", "2", "1-1", "f", "v"},
                                                  {"XGROUP", "CREATE", "2", "v1", "0"},
                                                  {"SADD", "a b", "v1", "v2", "v3"}}) {
        ASSERT_TRUE(twins.run(seed).ran) << line_of(seed);
      }
      for (int i = 0; i < 150; ++i) {
        const command::CommandInfo& info =
            twins.eyes().catalog().all()[random() % twins.eyes().catalog().all().size()];
        const bool comparable =
            info.exposure != command::Exposure::never && !differs.contains(info.name) &&
            (info.kind == command::Kind::plain || info.kind == command::Kind::blocking ||
             info.kind == command::Kind::publish);
        if (!comparable) continue;
        const Words words = keyward::test::random_request(info, random, pool);
        const bool may_expire = std::any_of(words.begin() + 1, words.end(), [&](std::string word) {
          std::transform(word.begin(), word.end(), word.begin(), ::tolower);
          return short_lives.contains(word);
        });
        const bool now =
            info.name == "xadd" && std::find(words.begin(), words.end(), "*") != words.end();
        if (may_expire || now) continue;
        const Twins::Answers answers = twins.run(words, Twins::Way::transaction);
        if (!answers.ran) continue;
        ++compared;
        commands.insert(info.name);
        expect_same(answers, info.name == "keys" ? '%' : '\0', words);
      }
    }
  }
  RecordProperty("compared", static_cast<int>(compared));
  RecordProperty("commands", static_cast<int>(commands.size()));
  EXPECT_GT(compared, 10'000U);
  EXPECT_GT(commands.size(), 170U);
}

std::set<std::string> scanned(Twins& twins, const Words& options, bool tenant) {
  std::set<std::string> found;
  std::string cursor = "0";
  do {
    Words words{"SCAN", cursor};
    words.insert(words.end(), options.begin(), options.end());
    // Both sides are asked; the cursor is the one of the side that is followed.
    const Twins::Answers answers = twins.run(words);
    const std::string& reply = tenant ? answers.tenant : answers.alone;
    std::vector<std::string> texts;
    for (std::size_t at = 0; (at = reply.find('$', at)) != std::string::npos;) {
      const std::size_t end = reply.find("\r\n", at);
      const std::size_t size = std::stoul(reply.substr(at + 1, end - at - 1));
      texts.push_back(reply.substr(end + 2, size));
      at = end + 2 + size;
    }
    if (texts.empty()) return {"no answer"};
    cursor = texts[0];
    found.insert(texts.begin() + 1, texts.end());
  } while (cursor != "0");
  return found;
}

TEST_F(ViewOracle, ScansFindTheSameKeys) {
  Twins twins(server_, resp::Protocol::resp2);
  std::mt19937_64 random(5);
  Words names;
  for (int i = 0; i < 400; ++i) names.push_back("n" + std::to_string(random() % 100000));
  names.insert(names.end(), {"", "team:", "team:n1", "other:n1", std::string("\0\r\n", 3), "[x]"});
  twins.begin(names);
  for (const std::string& name : names) ASSERT_TRUE(twins.run({"SET", name, "v"}).ran);
  ASSERT_TRUE(twins.run({"RPUSH", "list", "v"}).ran);
  for (const Words& options : std::vector<Words>{{},
                                                 {"COUNT", "100"},
                                                 {"MATCH", "*"},
                                                 {"MATCH", "n1*"},
                                                 {"MATCH", "team:*"},
                                                 {"MATCH", "\\[x]"},
                                                 {"MATCH", "other:*"},
                                                 {"MATCH", ""},
                                                 {"TYPE", "list"}}) {
    const auto own = scanned(twins, options, true);
    EXPECT_EQ(own, scanned(twins, options, false)) << line_of(options);
    EXPECT_FALSE(own.contains("no answer"));
  }
  EXPECT_EQ(scanned(twins, {"MATCH", "nothing"}, true).size(), 0U);
}

TEST_F(ViewOracle, RandomKeyIsOnesOwnOrNone) {
  Twins twins(server_, resp::Protocol::resp3);
  twins.begin({"a", "b", "c", "team:x"});
  for (int i = 0; i < 50; ++i) EXPECT_EQ(twins.random_key(16), "_\r\n");
  ASSERT_TRUE(twins.run({"SET", "mine", "v"}).ran);
  int found = 0;
  for (int i = 0; i < 50; ++i) {
    const std::string key = twins.random_key(64);
    EXPECT_TRUE(key == "_\r\n" || key == bulk("mine")) << key;
    found += key == bulk("mine") ? 1 : 0;
  }
  EXPECT_GT(found, 25);
}

// Also what chance and time keep from being compared: no word of another tenant stands in any
// answer, whatever the command.
TEST_F(ViewOracle, NoAnswerHoldsAWordOfOthers) {
  const std::string secret = "HIDDEN";
  const Words pool{"k", "l", "", "team:", "2", "*"};
  std::mt19937_64 random(3);
  RawClient stranger = server_.raw();
  stranger.call({"SELECT", std::to_string(kTenantDb)});
  RawClient listener = server_.raw();
  listener.call({"SUBSCRIBE", "other:" + secret});
  listener.call({"PSUBSCRIBE", "other:" + secret + "*"});
  std::set<std::string> answered;
  for (const auto protocol : {resp::Protocol::resp2, resp::Protocol::resp3}) {
    Twins twins(server_, protocol);
    for (int round = 0; round < 30; ++round) {
      twins.begin({});
      for (const std::string& name : pool) {
        stranger.call({"SET", "other:" + secret + name, secret});
        if (!name.starts_with("team:")) stranger.call({"RPUSH", name, secret});
      }
      stranger.call({"XADD", secret, "*", secret, secret});
      for (const command::CommandInfo& info : twins.eyes().catalog().all()) {
        const bool direct =
            info.exposure != command::Exposure::never &&
            (info.kind == command::Kind::plain || info.kind == command::Kind::blocking ||
             info.kind == command::Kind::publish);
        if (!direct) continue;
        const Words words = keyward::test::random_request(info, random, pool);
        const Twins::Answers answers = twins.run(words, Twins::Way::transaction);
        if (!answers.ran) continue;
        answered.insert(info.name);
        EXPECT_EQ(answers.tenant.find(secret), std::string::npos) << line_of(words);
        EXPECT_FALSE(answers.tenant.starts_with("refused")) << line_of(words);
      }
    }
  }
  RecordProperty("commands", static_cast<int>(answered.size()));
  EXPECT_GT(answered.size(), 200U);
}

// A subscriber and a writer on a server of their own, and the same two under the namespace on a
// server where others write and publish too.
class ViewFrames : public ::testing::Test {
 protected:
  ViewFrames() {
    for (RawClient* client : {&alone_, &tenant_}) {
      if (client->call({"HELLO", "3"}).empty()) throw std::runtime_error("no HELLO");
    }
  }
  std::string bytes_of(const Words& words, bool tenant) {
    if (!tenant) return encoded(words);
    const auto args = views(words);
    command::Command& command = eyes_.command();
    EXPECT_EQ(command::analyse(eyes_.catalog(), args, command).verdict, command::Verdict::ok)
        << line_of(words);
    EXPECT_EQ(eyes_.names().qualify(command, eyes_.grants()), "") << line_of(words);
    return request_of(command.args);
  }
  void subscriber(const Words& words) {
    alone_.send(bytes_of(words, false));
    tenant_.send(bytes_of(words, true));
  }
  void writer(const Words& words) {
    writes_alone_.send(bytes_of(words, false));
    writes_tenant_.send(bytes_of(words, true));
    writes_alone_.read_reply();
    writes_tenant_.read_reply();
    // The same from a stranger, by the bare name and by a prefix of its own.
    Words foreign = words;
    for (const std::string prefix : {"", "other:"}) {
      for (std::size_t i = 1; i < words.size() && words[0] != "FLUSHALL"; ++i)
        foreign[i] = prefix + words[i];
      if (foreign[1].starts_with("team:")) continue;
      writes_tenant_.send(encoded(foreign));
      writes_tenant_.read_reply();
    }
  }
  // Everything that came, answers left out.
  std::vector<std::string> frames(RawClient& client, bool tenant, std::size_t wanted) {
    std::vector<std::string> out;
    const Lens lens{eyes_.grants(), 0, resp::Protocol::resp3, nullptr};
    while (out.size() < wanted) {
      const std::string reply = client.read_reply(std::chrono::milliseconds(2000));
      if (reply.empty()) break;
      if (reply[0] != '>') continue;
      std::string shown = reply;
      if (tenant) {
        shown.clear();
        if (!show_frame(lens, reply, shown)) shown = "refused " + reply;
      }
      if (!shown.empty()) out.push_back(shown);
    }
    return out;
  }
  void expect_same_frames(std::size_t wanted) {
    const auto alone = frames(alone_, false, wanted);
    const auto tenant = frames(tenant_, true, wanted);
    EXPECT_EQ(tenant, alone);
    EXPECT_EQ(alone.size(), wanted);
  }

  Eyes eyes_{kTenant};
  RedisServer first_{{"--notify-keyspace-events", "KEA"}};
  RedisServer second_{{"--notify-keyspace-events", "KEA"}};
  RawClient alone_ = first_.raw(), tenant_ = second_.raw();
  RawClient writes_alone_ = first_.raw(), writes_tenant_ = second_.raw();
};

TEST_F(ViewFrames, ChannelsPatternsAndEvents) {
  const std::string odd("c\0\r\n", 4);
  subscriber({"SUBSCRIBE", "c", odd, ""});
  subscriber({"PSUBSCRIBE", "p*"});
  subscriber({"SSUBSCRIBE", "s"});
  subscriber({"SUBSCRIBE", "__keyspace@0__:k", "__keyevent@0__:del"});
  subscriber({"PSUBSCRIBE", "__keyspace@*__:h*", "__keyevent@0__:l*"});
  expect_same_frames(9);
  const auto names = [](RawClient& client) { return client.call({"PING"}); };
  EXPECT_EQ(names(alone_), names(tenant_));
  writer({"PUBLISH", "c", "team:m"});
  writer({"PUBLISH", odd, "x"});
  writer({"PUBLISH", "", "x"});
  writer({"PUBLISH", "pq", "x"});
  writer({"SPUBLISH", "s", "x"});
  writer({"SET", "k", "v"});
  writer({"SET", "unheard", "v"});
  writer({"DEL", "k"});
  writer({"SET", "hk", "v"});
  writer({"EXPIRE", "hk", "100"});
  writer({"LPUSH", "lk", "v"});
  writer({"DEL", "lk"});
  expect_same_frames(12);
  subscriber({"UNSUBSCRIBE", "c", "never"});
  subscriber({"PUNSUBSCRIBE", "p*"});
  subscriber({"SUNSUBSCRIBE"});
  subscriber({"SUNSUBSCRIBE"});
  expect_same_frames(5);
}

TEST_F(ViewFrames, InvalidationsOfBroadcastAndOfReads) {
  alone_.call({"CLIENT", "TRACKING", "ON", "BCAST"});
  tenant_.call({"CLIENT", "TRACKING", "ON", "BCAST"});
  writer({"SET", "a", "1"});
  writer({"SET", "b", "1"});
  expect_same_frames(2);
  alone_.call({"CLIENT", "TRACKING", "OFF"});
  tenant_.call({"CLIENT", "TRACKING", "OFF"});
  alone_.call({"CLIENT", "TRACKING", "ON"});
  tenant_.call({"CLIENT", "TRACKING", "ON"});
  subscriber({"MGET", "a", "b"});
  writer({"SET", "a", "2"});
  writer({"DEL", "b"});
  expect_same_frames(2);
}

}  // namespace
}  // namespace keyward::view::test
