#include "keyward/resp/request_parser.h"

#include "support/resp_events.h"
#include "support/resp_frames.h"

#include "keyward/resp/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace keyward::resp {
namespace {

using test::events_of;
using test::RequestReader;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Words = std::vector<std::string>;

Limits small_limits() {
  Limits limits;
  limits.max_args = 100;
  limits.max_bulk = 10'000;
  limits.max_inline = 200;
  limits.max_buffered = 2000;
  limits.stream_above = 16;
  return limits;
}

std::string encode(const Words& words) {
  std::string out;
  write_request(out, std::vector<std::string_view>(words.begin(), words.end()));
  return out;
}

// Every frame any test here knows, one after the other where they are good.
Words all_frames() {
  Words frames = test::good_requests();
  std::string joined;
  for (const std::string& frame : test::good_requests()) joined += frame;
  frames.push_back(joined);
  for (const std::string& frame : test::malformed_requests()) {
    if (frame.size() < 1000) frames.push_back("*1\r\n$4\r\nPING\r\n" + frame);
  }
  for (const std::string& line : test::inline_lines())
    frames.push_back(line + "\r\n*0\r\n" + line + '\n');
  frames.emplace_back("*1\rx$4\r\nPING\r\n");
  frames.emplace_back("*1\r\n$4\r\nPINGxx");
  frames.emplace_back("*2\r\n$20\r\n01234567890123456789xx$1\r\na\r\n");
  frames.emplace_back("*2\r\n$20\r\n01234567890123456789\r\n$1\r\naxx");
  frames.emplace_back("*2\r\n$20\r\n01234567890123456789\r\nx1\r\n");
  frames.emplace_back(std::string("PING\0\r\n", 7));
  return frames;
}

TEST(RequestParser, ReadsWordsAsSent) {
  EXPECT_THAT(events_of("*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\n"), ElementsAre("request [GET][\r\n]"));
  EXPECT_THAT(events_of("*1\r\n$0\r\n\r\n"), ElementsAre("request []"));
}

TEST(RequestParser, SkipsEmptyRequestsSilently) {
  EXPECT_THAT(events_of("*0\r\n*-1\r\n\r\n  \n*1\r\n$1\r\na\r\n"), ElementsAre("request [a]"));
  RequestReader reader(Limits{});
  reader.feed("*0\r\n\r\n");
  EXPECT_TRUE(reader.parser().idle());
  EXPECT_EQ(reader.held(), 0U);
}

TEST(RequestParser, EveryTwoWaySplitOfEveryFrameGivesTheSame) {
  for (const Limits& limits : {Limits{}, small_limits(), before_login()}) {
    for (const std::string& frame : all_frames()) {
      const Words whole = events_of(frame, limits);
      for (std::size_t cut = 0; cut <= frame.size(); ++cut) {
        RequestReader reader(limits);
        reader.feed(std::string_view(frame).substr(0, cut));
        reader.feed(std::string_view(frame).substr(cut));
        ASSERT_EQ(reader.events(), whole) << frame << " cut at " << cut;
      }
    }
  }
}

TEST(RequestParser, OneByteAtATimeGivesTheSame) {
  for (const Limits& limits : {Limits{}, small_limits(), before_login()}) {
    for (const std::string& frame : all_frames()) {
      RequestReader reader(limits);
      for (const char c : frame) reader.feed({&c, 1});
      ASSERT_EQ(reader.events(), events_of(frame, limits)) << frame;
    }
  }
}

TEST(RequestParser, EncodedRequestsParseBackEqualHoweverCut) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<Words> sent;
    std::string bytes;
    for (std::size_t i = 0; i < 1 + random() % 5; ++i) {
      Words words(1 + random() % 8);
      for (std::string& word : words) {
        word.resize(random() % (random() % 10 == 0 ? 3000 : 20));
        for (char& c : word) c = "\r\n$*0a\xff "[random() % 8];
      }
      bytes += encode(words);
      sent.push_back(std::move(words));
    }
    RequestReader reader(Limits{});
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = 1 + random() % (random() % 2 == 0 ? 5 : 2000);
      reader.feed(std::string_view(bytes).substr(at, size));
      at += size;
    }
    ASSERT_EQ(reader.requests(), sent);
    ASSERT_TRUE(reader.parser().idle());
  }
}

TEST(RequestParser, RefusesMalformedFramesAndStaysRefusing) {
  for (const std::string& frame : test::malformed_requests()) {
    RequestReader reader(Limits{});
    reader.feed(frame);
    ASSERT_TRUE(reader.failed()) << frame.substr(0, 60);
    EXPECT_TRUE(reader.error().starts_with("ERR Protocol error: ")) << reader.error();
    EXPECT_EQ(reader.parser().next("*1\r\n$4\r\nPING\r\n").status, ParseStatus::malformed);
  }
}

TEST(RequestParser, RefusesWhatRedisWouldSkipUnread) {
  EXPECT_THAT(events_of("*1\rx$4\r\nPING\r\n"),
              ElementsAre("malformed ERR Protocol error: invalid multibulk length"));
  EXPECT_THAT(events_of("*1\r\n$4\rxPING\r\n"),
              ElementsAre("malformed ERR Protocol error: invalid bulk length"));
  EXPECT_THAT(events_of("*1\r\n$4\r\nPINGG\r\n"),
              ElementsAre("malformed ERR Protocol error: expected CRLF after bulk"));
  EXPECT_THAT(events_of(std::string("a\0b\r\n", 5)),
              ElementsAre("malformed ERR Protocol error: NUL in inline request"));
}

TEST(RequestParser, StreamsALongArgumentBetweenOrdinaryOnes) {
  const std::string bytes =
      "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$17\r\n0123456789abcdefg\r\n$2\r\nEX\r\n$"
      "18\r\nabcdefghijklmnopqr\r\n"
      "*1\r\n$4\r\nPING\r\n";
  EXPECT_THAT(
      events_of(bytes, small_limits()),
      ElementsAre("large_begin [SET][k] of 5", "large_arg 2 17: 0123456789abcdefg", "small_arg EX",
                  "large_arg 4 18: abcdefghijklmnopqr", "large_end", "request [PING]"));
}

TEST(RequestParser, LargeRequestBeginsBeforeItsBytesAreThere) {
  RequestReader reader(Limits{});
  reader.feed("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n");
  EXPECT_THAT(reader.events(), ElementsAre("large_begin [SET][k] of 3", "large_arg 2 536870912: "));
  EXPECT_EQ(reader.held(), 0U);
  EXPECT_FALSE(reader.parser().idle());
  reader.feed("abc");
  EXPECT_EQ(reader.held(), 0U);
  EXPECT_EQ(reader.events().back(), "large_arg 2 536870912: abc");
}

TEST(RequestParser, FirstArgumentMayBeTheLongOne) {
  EXPECT_THAT(events_of("*1\r\n$17\r\n0123456789abcdefg\r\n", small_limits()),
              ElementsAre("large_begin  of 1", "large_arg 0 17: 0123456789abcdefg", "large_end"));
}

TEST(RequestParser, OrdinaryArgumentsOfALargeRequestAreCappedTogether) {
  std::string bytes = "*100\r\n$17\r\n0123456789abcdefg\r\n";
  for (int i = 0; i < 99; ++i) bytes += "$16\r\n0123456789abcdef\r\n";
  const Words events = events_of(bytes, small_limits());
  EXPECT_EQ(events.back(), "malformed ERR Protocol error: too big request");
  EXPECT_LT(events.size(), 90U);
  Limits wide = small_limits();
  wide.max_buffered = 3000;
  EXPECT_EQ(events_of(bytes, wide).back(), "large_end");
}

TEST(RequestParser, RefusesByAnnouncementWhatWouldNotFit) {
  const auto last = [](const std::string& bytes) {
    return events_of(bytes, small_limits()).back();
  };
  EXPECT_EQ(last("*101\r\n"), "malformed ERR Protocol error: invalid multibulk length");
  EXPECT_EQ(last("*1\r\n$10001\r\n"), "malformed ERR Protocol error: invalid bulk length");
  Limits limits = small_limits();
  limits.stream_above = 10'000;
  EXPECT_EQ(events_of("*2\r\n$1\r\na\r\n$1990\r\n", limits).back(),
            "malformed ERR Protocol error: too big request");
  EXPECT_THAT(events_of("*2\r\n$1\r\na\r\n$1900\r\n", limits), IsEmpty());
  limits.max_buffered = 500;
  EXPECT_EQ(events_of("*100\r\n", limits).back(), "malformed ERR Protocol error: too big request");
}

TEST(RequestParser, HeldBytesStayUnderTheCapWhateverIsSent) {
  // Longest waits: headers without an end, arguments one byte short.
  std::mt19937_64 random(7);
  const Limits limits = small_limits();
  for (int round = 0; round < 2000; ++round) {
    RequestReader reader(limits);
    for (int piece = 0; piece < 200 && !reader.failed(); ++piece) {
      std::string bytes;
      switch (random() % 6) {
        case 0:
          bytes = '*' + std::to_string(random() % 120) + "\r\n";
          break;
        case 1:
          bytes = '$' + std::to_string(random() % 40) + "\r\n";
          break;
        case 2:
          bytes.assign(random() % 40, 'x');
          break;
        case 3:
          bytes = "\r\n";
          break;
        case 4:
          bytes = encode({"a", "b"});
          break;
        default:
          bytes = "$16\r\n0123456789abcdef\r\n";
          break;
      }
      reader.feed(bytes);
      if (reader.failed()) break;
      ASSERT_LE(reader.held(), limits.max_buffered + limits.max_inline + 1);
    }
  }
}

TEST(RequestParser, LineLimitsHoldToTheByte) {
  const Limits limits = small_limits();
  const std::string fits(limits.max_inline, 'x');
  EXPECT_THAT(events_of(fits + '\n', limits), ElementsAre("request [" + fits + ']'));
  EXPECT_THAT(events_of(fits, limits), IsEmpty());
  EXPECT_EQ(events_of(fits + "x\n", limits).back(),
            "malformed ERR Protocol error: too big inline request");
  EXPECT_EQ(events_of('*' + fits, limits).back(),
            "malformed ERR Protocol error: too big mbulk count string");
  EXPECT_EQ(events_of("*1\r\n$" + fits, limits).back(),
            "malformed ERR Protocol error: too big bulk count string");
}

TEST(RequestParser, InlineRequestsObeyTheSameCaps) {
  Limits limits = before_login();
  EXPECT_EQ(events_of("a b c d e f g h i j\n", limits).size(), 1U);
  EXPECT_EQ(events_of("a b c d e f g h i j k\n", limits).back(),
            "malformed ERR Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(events_of("AUTH " + std::string(16385, 'x') + '\n', limits).back(),
            "malformed ERR Protocol error: unauthenticated bulk length");
  EXPECT_EQ(events_of("AUTH " + std::string(16384, 'x') + '\n', limits).size(), 1U);
}

TEST(RequestParser, NewLimitsHoldFromTheNextRequestOn) {
  RequestParser parser(small_limits());
  const std::string bulk = "*1\r\n$12\r\n0123456789ab\r\n";
  EXPECT_EQ(parser.next(std::string_view(bulk).substr(0, 4)).status, ParseStatus::need_more);
  Limits narrow = small_limits();
  narrow.max_bulk = 10;
  parser.set_limits(narrow);
  EXPECT_EQ(parser.next(bulk).status, ParseStatus::request);
  EXPECT_EQ(parser.next(bulk).status, ParseStatus::malformed);

  RequestParser idle(small_limits());
  idle.set_limits(narrow);
  EXPECT_EQ(idle.next(bulk).status, ParseStatus::malformed);
}

TEST(RequestParser, ViewsPointIntoTheInput) {
  RequestParser parser{Limits{}};
  const std::string bytes = encode({"GET", "key"});
  ASSERT_EQ(parser.next(bytes).status, ParseStatus::request);
  for (const std::string_view arg : parser.args()) {
    EXPECT_GE(arg.data(), bytes.data());
    EXPECT_LE(arg.data() + arg.size(), bytes.data() + bytes.size());
  }
}

}  // namespace
}  // namespace keyward::resp
