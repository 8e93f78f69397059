#include "proxy/added_answers.h"

#include "keyward/upstream/pipeline.h"

#include <gtest/gtest.h>

namespace keyward::proxy {
namespace {

// What a client would get, through the pipeline that takes the block's other replies away.
class Sink final : public upstream::ReplySink {
 public:
  void on_reply(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part) override {
    const auto shown = answers.show(awaiting.place, part);
    if (!shown) return;
    if (shown->first) heads.push_back(shown->head);
    got.append(shown->bytes);
    if (shown->last) got.append("|");
  }
  void on_lost(const upstream::Awaiting&, bool) override { got.append("(lost)"); }
  void on_discarded_error(const upstream::Awaiting& awaiting, std::string_view error) override {
    answers.refused(awaiting.place, error);
  }
  AddedAnswers answers;
  std::string got;
  std::vector<resp::FrameHead> heads;
};

constexpr std::string_view kLeading = "+OK\r\n+QUEUED\r\n+QUEUED\r\n";

// The reply to a block of one command and one PEXPIRE, in pieces of `step` bytes; behind it a plain
// one.
std::string shown(std::string_view replies, std::size_t step, Sink& sink, std::uint32_t own = 0) {
  upstream::Pipeline pipeline;
  (void)pipeline.encode_into().append("x");
  pipeline.expect({.sink = &sink, .place = 1, .discard = 3});
  own == 0 ? sink.answers.expect_one(1) : sink.answers.expect_first(1, own);
  pipeline.expect({.sink = &sink, .place = 2});
  pipeline.written(1);
  const std::string all = std::string(replies) + ":7\r\n";
  for (std::size_t at = 0; at < all.size(); at += step)
    EXPECT_TRUE(pipeline.receive(std::string_view(all).substr(at, step)));
  return sink.got;
}

TEST(AddedAnswers, ShowTheOnlyCommandsOwnAnswerHoweverItComes) {
  const std::string block = std::string(kLeading) + "*2\r\n$5\r\nhello\r\n:1\r\n";
  for (std::size_t step = 1; step <= block.size() + 4; ++step) {
    Sink sink;
    EXPECT_EQ(shown(block, step, sink), "$5\r\nhello\r\n|:7\r\n|") << step;
    ASSERT_EQ(sink.heads.size(), 2U);
    EXPECT_EQ(sink.heads[0].type, '$');
  }
}

TEST(AddedAnswers, ShowAnErrorOfTheCommandAsTheError) {
  Sink sink;
  EXPECT_EQ(shown(std::string(kLeading) + "*2\r\n-WRONGTYPE x y\r\n:0\r\n", 7, sink),
            "-WRONGTYPE x y\r\n|:7\r\n|");
  EXPECT_EQ(sink.heads[0].first_word(), "WRONGTYPE");
}

TEST(AddedAnswers, ShowWhyRedisWouldNotQueueIt) {
  for (std::size_t step = 1; step < 40; ++step) {
    Sink sink;
    EXPECT_EQ(
        shown("+OK\r\n-OOM command not allowed\r\n+QUEUED\r\n-EXECABORT because\r\n", step, sink),
        "-OOM command not allowed\r\n|:7\r\n|")
        << step;
    EXPECT_EQ(sink.heads[0].first_word(), "OOM");
  }
  Sink bare;
  EXPECT_EQ(shown(std::string(kLeading) + "-EXECABORT because\r\n", 5, bare),
            "-EXECABORT because\r\n|:7\r\n|");
}

TEST(AddedAnswers, LeaveOutWhatStandsBehindTheClientsCommands) {
  const std::string block = std::string(kLeading) + "*4\r\n+OK\r\n*2\r\n:1\r\n$-1\r\n:1\r\n:0\r\n";
  for (std::size_t step = 1; step <= block.size() + 4; ++step) {
    Sink sink;
    EXPECT_EQ(shown(block, step, sink, 2), "*2\r\n+OK\r\n*2\r\n:1\r\n$-1\r\n|:7\r\n|") << step;
    EXPECT_EQ(sink.heads[0].type, '*');
  }
  Sink aborted;
  EXPECT_EQ(shown(std::string(kLeading) + "*-1\r\n", 3, aborted, 2), "*-1\r\n|:7\r\n|");
}

}  // namespace
}  // namespace keyward::proxy
