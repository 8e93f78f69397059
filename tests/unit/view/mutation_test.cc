// Answers bent at random: nothing crashes, and nothing outside of the namespace is shown.
#include "unit/view/eyes.h"

#include "keyward/resp/reply_scanner.h"

#include <gtest/gtest.h>

#include <random>

namespace keyward::view::test {
namespace {

constexpr std::string_view kForeign = "SECRET";

struct Sample {
  Shape shape;
  std::string by;
  std::string reply;
};

std::vector<Sample> samples() {
  const std::string entries = array({array({bulk("1-1"), bulks({"f", "v"})})});
  return {
      {Shape::key, "randomkey", bulk("team:a")},
      {Shape::key, "randomkey", bulk("SECRET:a")},
      {Shape::keys, "keys", bulks({"team:a", "SECRET:b", "SECRET", "team:c"})},
      {Shape::scan, "scan", array({bulk("17"), bulks({"SECRET:b", "team:a", "SECRET"})})},
      {Shape::some_key, "randomkey", array({bulk("SECRET:b"), "$-1\r\n", bulk("team:a")})},
      {Shape::first_key, "blpop", bulks({"team:l", "v"})},
      {Shape::first_key, "blpop", bulks({"SECRET:l", "v"})},
      {Shape::first_key, "lmpop", array({bulk("team:l"), bulks({"a", "b"})})},
      {Shape::streams, "xread", array({array({bulk("team:x"), entries})})},
      {Shape::streams, "xread", map({bulk("team:x"), entries, bulk("SECRET"), entries})},
      {Shape::channels, "pubsub|channels", bulks({"team:a", "SECRET:c", "__keyspace@0__:SECRET"})},
      {Shape::channel_counts, "pubsub|numsub", array({bulk("team:a"), ":2\r\n"})},
      {Shape::errors, "xpending", "-NOGROUP No such key 'team:x' or consumer group 'g'\r\n"},
  };
}

std::vector<std::string> frames() {
  return {
      push({bulk("message"), bulk("team:c"), bulk("p")}),
      push({bulk("message"), bulk("SECRET:c"), bulk("p")}),
      push({bulk("pmessage"), bulk("team:*"), bulk("team:c"), bulk("p")}),
      push({bulk("message"), bulk("__keyevent@0__:del"), bulk("SECRET")}),
      push({bulk("message"), bulk("__keyevent@0__:del"), bulk("team:k")}),
      push({bulk("pmessage"), bulk("__keyspace@*__:team:*"), bulk("__keyspace@0__:SECRET"),
            bulk("set")}),
      push({bulk("subscribe"), bulk("team:c"), ":1\r\n"}),
      push({bulk("unsubscribe"), "_\r\n", ":0\r\n"}),
      push({bulk("invalidate"), bulks({"team:a", "SECRET:b"})}),
  };
}

// A few bytes changed, cut out, doubled or put in; never one that would write the foreign word.
std::string bent(std::string text, std::mt19937_64& random) {
  constexpr std::string_view kBytes = "\r\n$*%:_->~+!=#,(|0123459\x00\xff";
  const auto at = [&](std::size_t size) { return static_cast<std::size_t>(random() % size); };
  for (std::size_t left = 1 + at(4); left > 0 && !text.empty(); --left) {
    const std::size_t place = at(text.size());
    switch (random() % 6) {
      case 0:
        text[place] = kBytes[at(kBytes.size())];
        break;
      case 1:
        text.erase(place, 1 + at(4));
        break;
      case 2:
        text.insert(place, 1, kBytes[at(kBytes.size())]);
        break;
      case 3:
        text.insert(place, text.substr(at(text.size()), at(20)));
        break;
      case 4:
        text.resize(place);
        break;
      default: {
        const std::size_t head = text.find_first_of("0123456789");
        if (head != std::string::npos) text[head] = static_cast<char>('0' + at(10));
        break;
      }
    }
  }
  return text;
}

// Whole replies only, as a second reader of RESP sees it.
bool well_formed(std::string_view bytes) {
  while (!bytes.empty()) {
    resp::ReplyScanner scanner;
    const auto progress = scanner.feed(bytes);
    if (!progress.done) return false;
    bytes.remove_prefix(progress.used);
  }
  return true;
}

// Where a name stands in what is shown, it was told with the prefix before.
bool may_be_shown(Shape shape, const std::string& bytes) {
  // Values, payloads, and texts of errors are no names.
  if (shape == Shape::first_key || shape == Shape::streams) return true;
  return bytes.find(kForeign) == std::string::npos;
}

TEST(Mutations, OfAnswersNeverShowAForeignName) {
  const Eyes team(kTeam);
  std::mt19937_64 random(1);
  const std::vector<Sample> all = samples();
  std::size_t shown = 0;
  for (int i = 0; i < 400'000; ++i) {
    const Sample& sample = all[static_cast<std::size_t>(i) % all.size()];
    const std::string reply = bent(sample.reply, random);
    // An exact block, so that a sanitizer sees one byte too far.
    const std::vector<char> exact(reply.begin(), reply.end());
    std::string out = "kept";
    const auto protocol = i % 2 == 0 ? resp::Protocol::resp2 : resp::Protocol::resp3;
    if (!show(sample.shape, team.lens(sample.by, protocol), {exact.data(), exact.size()}, out)) {
      ASSERT_EQ(out, "kept");
      continue;
    }
    ++shown;
    const std::string seen = out.substr(4);
    ASSERT_TRUE(well_formed(seen)) << reply;
    if (reply[0] == '-' || reply[0] == '!') continue;
    // A name that was bent into the namespace is its own: "team:SECRET".
    if (reply.find("team:SECRET") != std::string::npos) continue;
    ASSERT_TRUE(may_be_shown(sample.shape, seen)) << reply << "\n" << seen;
  }
  EXPECT_GT(shown, 10'000U);
}

TEST(Mutations, OfFramesNeverShowAForeignName) {
  const Eyes team(kTeam);
  std::mt19937_64 random(2);
  const std::vector<std::string> all = frames();
  std::size_t shown = 0;
  for (int i = 0; i < 300'000; ++i) {
    const std::string frame = bent(all[static_cast<std::size_t>(i) % all.size()], random);
    const std::vector<char> exact(frame.begin(), frame.end());
    std::string out = "kept";
    if (!show_frame(team.lens("get", resp::Protocol::resp3), {exact.data(), exact.size()}, out)) {
      ASSERT_EQ(out, "kept");
      continue;
    }
    const std::string seen = out.substr(4);
    ASSERT_TRUE(well_formed(seen)) << frame;
    shown += seen.empty() ? 0 : 1;
    if (frame.find("team:SECRET") != std::string::npos) continue;
    ASSERT_EQ(seen.find(kForeign), std::string::npos) << frame << "\n" << seen;
  }
  EXPECT_GT(shown, 2'000U);
}

}  // namespace
}  // namespace keyward::view::test
