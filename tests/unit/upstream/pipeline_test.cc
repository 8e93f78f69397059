#include "keyward/upstream/pipeline.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace keyward::upstream {
namespace {

struct Recorder final : ReplySink {
  void on_reply(const Awaiting& awaiting, const ReplyPart& part) override {
    auto& reply = replies[awaiting.place];
    EXPECT_EQ(part.first, reply.empty()) << "first exactly once";
    reply += part.bytes;
    if (part.first) head = part.head;
    if (part.last) {
      order.push_back(awaiting.place);
      if (part.children != nullptr) children = *part.children;
    }
  }
  void on_lost(const Awaiting& awaiting, bool maybe_executed) override {
    lost.emplace_back(awaiting.place, maybe_executed);
  }
  std::map<std::uint64_t, std::string> replies;
  std::vector<std::uint64_t> order;
  std::vector<std::pair<std::uint64_t, bool>> lost;
  resp::FrameHead head;
  std::vector<resp::FrameHead> children;
};

void queue(Pipeline& pipeline, ReplySink& sink, std::uint64_t place, std::uint32_t discard = 0,
           bool children = false) {
  pipeline.encode_into() += "*1\r\n$4\r\nPING\r\n";
  pipeline.expect({.sink = &sink, .place = place, .discard = discard, .keep_children = children});
}

void send(Pipeline& pipeline, ReplySink& sink, std::uint64_t place, std::uint32_t discard = 0,
          bool children = false) {
  queue(pipeline, sink, place, discard, children);
  pipeline.written(pipeline.outgoing().size());
}

TEST(Pipeline, GivesRepliesInOrderHoweverTheyAreCut) {
  const std::string bytes = "+OK\r\n$3\r\nabc\r\n*2\r\n:1\r\n$-1\r\n-ERR bad thing\r\n:42\r\n";
  for (std::size_t step = 1; step < bytes.size(); ++step) {
    Pipeline pipeline;
    Recorder sink;
    for (std::uint64_t place = 1; place <= 5; ++place) send(pipeline, sink, place);
    for (std::size_t at = 0; at < bytes.size(); at += step)
      ASSERT_TRUE(pipeline.receive(std::string_view(bytes).substr(at, step)));
    EXPECT_EQ(sink.order, (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
    EXPECT_EQ(sink.replies[3], "*2\r\n:1\r\n$-1\r\n");
    EXPECT_EQ(sink.replies[4], "-ERR bad thing\r\n");
    EXPECT_EQ(pipeline.waiting(), 0U);
  }
}

TEST(Pipeline, DropsTheLeadingRepliesOfABlock) {
  const std::string bytes = "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n-WRONGTYPE x\r\n+PONG\r\n";
  for (std::size_t step = 1; step < bytes.size(); ++step) {
    Pipeline pipeline;
    Recorder sink;
    send(pipeline, sink, 1, 3, true);
    send(pipeline, sink, 2);
    for (std::size_t at = 0; at < bytes.size(); at += step)
      ASSERT_TRUE(pipeline.receive(std::string_view(bytes).substr(at, step)));
    EXPECT_EQ(sink.replies[1], "*2\r\n+OK\r\n-WRONGTYPE x\r\n");
    ASSERT_EQ(sink.children.size(), 2U);
    EXPECT_EQ(sink.children[1].first_word(), "WRONGTYPE");
    EXPECT_EQ(sink.replies[2], "+PONG\r\n");
  }
}

TEST(Pipeline, AnUnexpectedReplyIsAnError) {
  Pipeline pipeline;
  EXPECT_FALSE(pipeline.receive("+OK\r\n"));
  Recorder sink;
  Pipeline second;
  send(second, sink, 1);
  EXPECT_FALSE(second.receive("+OK\r\n+AGAIN\r\n"));
  EXPECT_EQ(sink.replies[1], "+OK\r\n");
}

TEST(Pipeline, AReplyToARequestThatHasNotLeftIsAnError) {
  Pipeline pipeline;
  Recorder sink;
  queue(pipeline, sink, 1);
  EXPECT_FALSE(pipeline.receive("+OK\r\n"));
  EXPECT_TRUE(sink.replies.empty());
  Pipeline block;  // MULTI's answer may come while the rest of the block is on its way
  queue(block, sink, 1, 1);
  EXPECT_TRUE(block.receive("+OK\r\n"));
  EXPECT_FALSE(block.receive("*0\r\n"));
  EXPECT_TRUE(sink.replies.empty());
}

TEST(Pipeline, SaysWhatRedisCannotHaveRun) {
  Pipeline pipeline;
  Recorder sink;
  queue(pipeline, sink, 1);
  queue(pipeline, sink, 2);
  queue(pipeline, sink, 3);
  const std::size_t one = pipeline.outgoing().size() / 3;
  pipeline.written(2 * one - 1);  // the last byte of the second never left
  pipeline.fail();
  EXPECT_EQ(sink.lost,
            (std::vector<std::pair<std::uint64_t, bool>>{{1, true}, {2, false}, {3, false}}));
  EXPECT_EQ(pipeline.waiting(), 0U);
}

TEST(Pipeline, KnowsWhetherOthersWait) {
  Pipeline pipeline;
  Recorder a, b;
  send(pipeline, a, 1);
  EXPECT_FALSE(pipeline.shared_with_others(&a));
  send(pipeline, b, 1);
  EXPECT_TRUE(pipeline.shared_with_others(&a));
}

// Several clients on one link, replies cut at random: each gets exactly its own.
TEST(Pipeline, AgreesWithAModelUnderRandomInterleaving) {
  std::mt19937_64 random(11);
  Pipeline pipeline;
  std::vector<Recorder> sinks(5);
  std::vector<std::map<std::uint64_t, std::string>> expected(5);
  std::string wire;
  std::uint64_t place = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0) {
      const std::size_t who = random() % sinks.size();
      send(pipeline, sinks[who], ++place);
      const std::string value = std::to_string(place) + std::string(random() % 50, 'v');
      const std::string reply = "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
      expected[who][place] = reply;
      wire += reply;
    } else if (!wire.empty()) {
      const std::size_t size = 1 + random() % wire.size();
      ASSERT_TRUE(pipeline.receive(std::string_view(wire).substr(0, size)));
      wire.erase(0, size);
    }
  }
  ASSERT_TRUE(pipeline.receive(wire));
  for (std::size_t who = 0; who < sinks.size(); ++who) EXPECT_EQ(sinks[who].replies, expected[who]);
}

}  // namespace
}  // namespace keyward::upstream
