#include "keyward/resp/reply_scanner.h"

#include "support/reply_feeder.h"

#include "keyward/resp/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hiredis/read.h>

#include <memory>
#include <random>

namespace keyward::resp {
namespace {

using ::testing::ElementsAre;

using test::ReplyFeeder;
using test::Scan;
using test::scan_of;

std::vector<std::string> good_replies() {
  return {
      "+OK\r\n",
      "+\r\n",
      "+QUEUED up to here\r\n",
      "-ERR unknown command\r\n",
      "-NOPERM\r\n",
      "-" + std::string(200, 'x') + " y\r\n",
      ":0\r\n",
      ":-9223372036854775808\r\n",
      "$0\r\n\r\n",
      "$-1\r\n",
      "*-1\r\n",
      "$11\r\na\r\n$5\r\nb\r\n+\r\n",
      "*0\r\n",
      "*2\r\n$1\r\na\r\n*2\r\n:1\r\n*-1\r\n",
      "*3\r\n+OK\r\n-WRONGTYPE Operation\r\n*1\r\n$-1\r\n",
      "*3\r\n*0\r\n*1\r\n*1\r\n*0\r\n:5\r\n",
      "_\r\n",
      "#t\r\n",
      "#f\r\n",
      ",3.25\r\n",
      ",inf\r\n",
      "(3492890328409238509324850943850943825024385\r\n",
      "!10\r\nSYNTAX bad\r\n",
      "=7\r\ntxt:abc\r\n",
      "%0\r\n",
      "%2\r\n+a\r\n:1\r\n+b\r\n%1\r\n_\r\n#t\r\n",
      "~2\r\n+a\r\n+b\r\n",
      ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n",
      "|1\r\n+ttl\r\n:9\r\n+OK\r\n",
      "|1\r\n+ttl\r\n*2\r\n:1\r\n:2\r\n*2\r\n:1\r\n|1\r\n+a\r\n*1\r\n+b\r\n:2\r\n",
      "|0\r\n|1\r\n|1\r\n+x\r\n+y\r\n+z\r\n:1\r\n_\r\n",
  };
}

std::vector<std::string> bad_replies() {
  return {
      "x\r\n",
      "OK\r\n",
      "\r\n",
      "+OK\rx\r\n",
      "+O\nK\r\n",
      "$x\r\n",
      "$\r\n",
      "$-2\r\n",
      "*-2\r\n",
      "$?\r\n",
      "*?\r\n",
      "%?\r\n",
      ";1\r\n",
      ".\r\n",
      "%-1\r\n",
      "~-1\r\n",
      ">-1\r\n",
      "|-1\r\n",
      "!-1\r\n",
      "=-1\r\n",
      ":\r\n",
      ":1 \r\n",
      ":1.5\r\n",
      ":+1\r\n",
      ":9223372036854775808\r\n",
      "_x\r\n",
      "#\r\n",
      "#x\r\n",
      "#tt\r\n",
      ",\r\n",
      "(\r\n",
      "$3\r\nabcx\r\n",
      "$3\r\nabc\rx",
      "*1\r\nx\r\n",
      "*9223372036854775807\r\n",
      "$9223372036854775807\r\n",
      "%9223372036854775807\r\n",
      ":" + std::string(100, '1') + "\r\n",
  };
}

TEST(ReplyScanner, FindsTheEndOfEveryKindOfReply) {
  for (const std::string& reply : good_replies()) {
    const Scan scan = scan_of(reply);
    EXPECT_FALSE(scan.bad) << reply;
    EXPECT_THAT(scan.ends, ElementsAre(reply.size())) << reply;
    EXPECT_TRUE(scan.boundary && scan.contract) << reply;
  }
}

TEST(ReplyScanner, LooksAtNoMoreThanOneReply) {
  ReplyScanner scanner;
  const auto progress = scanner.feed(":1\r\n:2\r\n");
  EXPECT_EQ(progress.used, 4U);
  EXPECT_TRUE(progress.done);
  EXPECT_EQ(scanner.head().number, 1);
}

TEST(ReplyScanner, RefusesWhatIsNotResp) {
  for (const std::string& reply : bad_replies()) {
    EXPECT_TRUE(scan_of(reply).bad) << reply;
    ReplyScanner scanner;
    while (!scanner.feed(reply).bad) {
    }
    EXPECT_TRUE(scanner.feed("+OK\r\n").bad) << reply;
  }
}

TEST(ReplyScanner, EverySplitOfEveryReplyGivesTheSame) {
  std::vector<std::string> streams = good_replies();
  std::string all;
  for (const std::string& reply : good_replies()) all += reply;
  streams.push_back(all);
  for (const std::string& reply : bad_replies()) streams.push_back("+OK\r\n" + reply);
  for (const std::string& stream : streams) {
    const Scan whole = scan_of(stream);
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
      ReplyFeeder feeder;
      feeder.feed(std::string_view(stream).substr(0, cut));
      feeder.feed(std::string_view(stream).substr(cut));
      ASSERT_EQ(feeder.scan(), whole) << stream << " cut at " << cut;
    }
    ReplyFeeder feeder;
    for (const char c : stream) feeder.feed({&c, 1});
    ASSERT_EQ(feeder.scan(), whole) << stream;
  }
}

TEST(ReplyScanner, HeadTellsTypeNumberAndFirstWord) {
  const auto head_of = [](std::string_view reply) {
    ReplyScanner scanner;
    EXPECT_TRUE(scanner.feed(reply).done);
    return scanner.head();
  };
  EXPECT_EQ(head_of("-NOPERM this user\r\n").first_word(), "NOPERM");
  EXPECT_TRUE(head_of("-NOPERM this user\r\n").is_error());
  EXPECT_EQ(head_of("-" + std::string(40, 'A') + "\r\n").first_word(), std::string(31, 'A'));
  EXPECT_EQ(head_of("$3\r\nabc\r\n").number, 3);
  EXPECT_EQ(head_of("*2\r\n:7\r\n:8\r\n").number, 2);
  EXPECT_EQ(head_of("|1\r\n+ttl\r\n:9\r\n:42\r\n").number, 42);
  EXPECT_EQ(head_of("#t\r\n").number, 1);
  EXPECT_TRUE(head_of("*-1\r\n").is_null());
  EXPECT_TRUE(head_of("$-1\r\n").is_null());
  EXPECT_TRUE(head_of("_\r\n").is_null());
  EXPECT_FALSE(head_of(":-1\r\n").is_null());
  EXPECT_TRUE(head_of("!3\r\nERR\r\n").is_error());
}

TEST(ReplyScanner, HeadIsKnownBeforeTheEnd) {
  ReplyScanner scanner;
  EXPECT_FALSE(scanner.feed("*2\r").head_known);
  const auto progress = scanner.feed("\n");
  EXPECT_TRUE(progress.head_known);
  EXPECT_FALSE(progress.done);
  EXPECT_FALSE(scanner.at_boundary());
  EXPECT_TRUE(scanner.feed(":1\r\n:2\r\n").done);
  EXPECT_TRUE(scanner.at_boundary());
  EXPECT_FALSE(scanner.feed("+").head_known);
}

TEST(ReplyScanner, KeepsHeadsOfDirectChildrenOnly) {
  EXPECT_THAT(
      scan_of("*4\r\n+OK\r\n-EXEC x\r\n*2\r\n:1\r\n:2\r\n|1\r\n+a\r\n+b\r\n$-1\r\n").children,
      ElementsAre("+0OK", "-0EXEC", "*2", "$-1"));
  EXPECT_THAT(scan_of("%1\r\n+a\r\n+b\r\n").children, ElementsAre());
  ReplyScanner scanner;
  EXPECT_TRUE(scanner.feed("*1\r\n+OK\r\n").done);
  EXPECT_TRUE(scanner.children().empty());
  (void)scanner.feed("*1\r\n");
  scanner.keep_children(true);  // from the next reply on
  EXPECT_TRUE(scanner.feed("+OK\r\n").done);
  EXPECT_TRUE(scanner.children().empty());
}

TEST(ReplyScanner, NestingIsBounded) {
  const auto nested = [](int depth) {
    std::string out;
    for (int i = 0; i < depth; ++i) out += "*1\r\n";
    return out + ":1\r\n";
  };
  EXPECT_FALSE(scan_of(nested(128)).bad);
  EXPECT_TRUE(scan_of(nested(129)).bad);
}

TEST(ReplyScanner, LongBodiesPassWithoutBeingHeld) {
  ReplyScanner scanner;
  (void)scanner.feed("$1099511627776\r\n");
  const std::string block(1 << 20, 'x');
  for (int i = 0; i < 64; ++i) {
    const auto progress = scanner.feed(block);
    ASSERT_EQ(progress.used, block.size());
    ASSERT_FALSE(progress.done);
  }
}

// hiredis with a reply builder that only counts: any non-null pointer is a reply to it.
redisReplyObjectFunctions counting_functions() {
  static int token = 0;
  redisReplyObjectFunctions functions{};
  functions.createString = [](const redisReadTask*, char*, size_t) -> void* { return &token; };
  functions.createArray = [](const redisReadTask*, int) -> void* { return &token; };
  functions.createInteger = [](const redisReadTask*, long long) -> void* { return &token; };
  functions.createNil = [](const redisReadTask*) -> void* { return &token; };
  functions.freeObject = [](void*) {};
  return functions;
}

std::string random_reply(std::mt19937_64& random, int depth) {
  std::string out;
  const auto text = [&](std::size_t most) {
    std::string bytes(random() % most, ' ');
    for (char& c : bytes) c = "abc $*:+-019"[random() % 12];
    return bytes;
  };
  // hiredis 0.14 reads eight levels.
  switch (random() % (depth < 7 ? 8 : 6)) {
    case 0:
      write_simple(out, text(80));
      break;
    case 1:
      write_error(out, text(80));
      break;
    case 2:
      write_integer(out, static_cast<std::int64_t>(random()));
      break;
    case 3:
      out = random() % 2 == 0 ? "$-1\r\n" : "*-1\r\n";
      break;
    case 4:
    case 5: {
      std::string bytes = text(random() % 50 == 0 ? 40'000 : 30);
      if (random() % 4 == 0) bytes += "\r\n";
      write_bulk(out, bytes);
      break;
    }
    default: {
      const std::size_t count = random() % 6;
      write_array(out, count);
      for (std::size_t i = 0; i < count; ++i) out += random_reply(random, depth + 1);
    }
  }
  return out;
}

TEST(ReplyScanner, AgreesWithHiredisOnRandomNestedReplies) {
  std::mt19937_64 random(42);
  redisReplyObjectFunctions functions = counting_functions();
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader(
      redisReaderCreateWithFunctions(&functions), redisReaderFree);
  std::size_t total = 0;
  for (int round = 0; total < 30'000'000; ++round) {
    std::string stream;
    std::vector<std::size_t> ends;
    for (int i = 0; i < 20; ++i) {
      stream += random_reply(random, 0);
      ends.push_back(stream.size());
    }
    total += stream.size();
    ReplyFeeder feeder;
    std::size_t hiredis_replies = 0;
    std::size_t ours = 0;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random() % 3000, stream.size() - at);
      const std::string_view piece = std::string_view(stream).substr(at, size);
      feeder.feed(piece);
      ASSERT_EQ(redisReaderFeed(reader.get(), piece.data(), piece.size()), REDIS_OK);
      at += size;
      void* reply = nullptr;
      while (redisReaderGetReply(reader.get(), &reply) == REDIS_OK && reply != nullptr)
        ++hiredis_replies;
      ASSERT_EQ(reader->err, 0) << reader->errstr;
      ours = feeder.scan().ends.size();
      ASSERT_EQ(ours, hiredis_replies) << "at " << at << " of round " << round;
    }
    ASSERT_EQ(feeder.scan().ends, ends);
    ASSERT_TRUE(feeder.scan().boundary);
  }
}

// Bytes that hiredis refuses must not be a reply to us either.
TEST(ReplyScanner, RefusesWhateverHiredisRefuses) {
  std::mt19937_64 random(43);
  redisReplyObjectFunctions functions = counting_functions();
  std::size_t refused = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string stream = random_reply(random, 0) + random_reply(random, 0);
    for (std::size_t i = 0; i < 1 + random() % 3; ++i) {
      stream[random() % stream.size()] = "+-:$*0123456789\r\nax"[random() % 19];
    }
    std::unique_ptr<redisReader, void (*)(redisReader*)> reader(
        redisReaderCreateWithFunctions(&functions), redisReaderFree);
    redisReaderFeed(reader.get(), stream.data(), stream.size());
    std::size_t count = 0;
    void* reply = nullptr;
    while (redisReaderGetReply(reader.get(), &reply) == REDIS_OK && reply != nullptr) ++count;
    const Scan scan = scan_of(stream);
    // Its limit of levels is its own.
    if (std::string_view(reader->errstr).find("depth") != std::string_view::npos) continue;
    if (reader->err != 0) ++refused;
    // We may be stricter, never looser.
    if (!scan.bad) {
      ASSERT_EQ(scan.ends.size(), count) << stream;
      ASSERT_EQ(reader->err, 0) << stream << reader->errstr;
    } else {
      ASSERT_LE(scan.ends.size(), count) << stream;
    }
  }
  EXPECT_GT(refused, 1000U);
}

}  // namespace
}  // namespace keyward::resp
