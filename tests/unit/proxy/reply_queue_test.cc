#include "proxy/reply_queue.h"

#include "keyward/audit/journal.h"

#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <random>

namespace keyward::proxy {
namespace {

// A journal in a folder of its own: the only thing that can make Receipts.
class ReplyQueueTest : public testing::Test {
 protected:
  ReplyQueueTest() {
    folder_ = std::filesystem::temp_directory_path() / ("keyward-rq-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    journal_ = std::move(*audit::Journal::open(
        {.directory = folder_, .instance = "t", .stream = "s", .redis_label = "r"}, clock_));
    (void)journal_->flush();
  }
  ~ReplyQueueTest() override {
    journal_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::uint64_t record() {
    audit::Event event;
    event.kind = audit::Kind::denial;
    return journal_->append(event);
  }
  std::string take() {
    std::string bytes(queue_.takeable(journal_->receipt()));
    queue_.taken(bytes.size());
    return bytes;
  }
  FakeClock clock_;
  std::filesystem::path folder_;
  std::unique_ptr<audit::Journal> journal_;
  ReplyQueue queue_;
};

TEST_F(ReplyQueueTest, KeepsTheOrderOfRequests) {
  const Place first = queue_.reserve();
  const Place second = queue_.reserve();
  queue_.add(second, "2");
  queue_.finish(second);
  EXPECT_EQ(take(), "");
  queue_.answer("3");
  queue_.add(first, "1");
  EXPECT_EQ(take(), "1") << "the head streams before it is complete";
  queue_.add(first, "1");
  queue_.finish(first);
  EXPECT_EQ(take(), "123");
  EXPECT_TRUE(queue_.drained());
}

TEST_F(ReplyQueueTest, HoldsReplyUntilReceipt) {
  const Place place = queue_.reserve();
  const std::uint64_t ticket = record();
  queue_.add(place, "+OK\r\n", ticket);
  queue_.finish(place, ticket);
  EXPECT_EQ(take(), "") << "the record is not with the kernel yet";
  (void)journal_->flush();
  EXPECT_EQ(take(), "+OK\r\n");
}

TEST_F(ReplyQueueTest, ALaterReplyCannotOvertakeAnUnrecordedOne) {
  const std::uint64_t ticket = record();
  queue_.answer("denied", ticket);
  queue_.answer("pong");
  EXPECT_EQ(take(), "");
  (void)journal_->flush();
  EXPECT_EQ(take(), "deniedpong");
}

TEST_F(ReplyQueueTest, HeldAnswerDoesNotStreamEvenAsHead) {
  const Place first = queue_.reserve();
  const Place second = queue_.reserve();
  queue_.add(second, "*2\r\n", 0, true);
  queue_.finish(first);
  EXPECT_EQ(take(), "") << "it became the head, and still waits for its end";
  queue_.add(second, "+OK\r\n+OK\r\n", 0, true);
  queue_.finish(second, record());
  EXPECT_EQ(take(), "");
  (void)journal_->flush();
  EXPECT_EQ(take(), "*2\r\n+OK\r\n+OK\r\n");
}

// A transaction's answer that became too large to hold.
TEST_F(ReplyQueueTest, HeldAnswerThatIsLetGoStreamsFromItsBeginning) {
  const Place place = queue_.reserve();
  queue_.add(place, "*2\r\n", 0, true);
  const std::uint64_t ticket = record();
  queue_.add(place, "+1\r\n", ticket);
  EXPECT_EQ(take(), "");
  (void)journal_->flush();
  EXPECT_EQ(take(), "*2\r\n+1\r\n");
  queue_.add(place, "+2\r\n", ticket);
  EXPECT_EQ(take(), "+2\r\n");
  queue_.finish(place, ticket);
  EXPECT_TRUE(queue_.drained());
}

TEST_F(ReplyQueueTest, AnswersWaitForTheEndOfAMessage) {
  queue_.interject(">2\r\n", false);
  queue_.answer("-NOPERM\r\n");
  const Place place = queue_.reserve();
  queue_.add(place, "+OK\r\n");
  EXPECT_EQ(take(), ">2\r\n");
  queue_.interject("+m\r\n", false);
  EXPECT_EQ(take(), "+m\r\n");
  queue_.interject("+n\r\n", true);
  EXPECT_EQ(take(), "+n\r\n-NOPERM\r\n+OK\r\n");
  queue_.finish(place);
  EXPECT_TRUE(queue_.drained());
}

// Random interleavings against a model of ten lines.
TEST_F(ReplyQueueTest, AgreesWithAModel) {
  std::mt19937_64 random(7);
  struct Request {
    Place place;
    std::string expected, given;
    bool done = false;
  };
  std::deque<Request> model;
  std::string out, expected;
  for (int step = 0; step < 100'000; ++step) {
    const auto dice = random() % 6;
    if (dice == 0) {
      model.push_back({queue_.reserve(), "", ""});
    } else if (dice == 1 && model.size() < 50) {
      const std::string text = "l" + std::to_string(step);
      if (model.empty()) {
        expected += text;
      } else {
        model.push_back({0, text, text, true});
      }
      queue_.answer(text);
    } else if (!model.empty() && dice < 5) {
      Request& request = model[random() % model.size()];
      if (request.done) continue;
      const std::string text(random() % 20, static_cast<char>('a' + step % 26));
      queue_.add(request.place, text);
      request.given += text;
      if (random() % 3 == 0) {
        queue_.finish(request.place);
        request.done = true;
      }
    } else {
      out += take();
    }
    while (!model.empty() && model.front().done) {
      expected += model.front().given;
      model.pop_front();
    }
  }
  for (Request& request : model) {
    if (!request.done) queue_.finish(request.place);
    expected += request.given;
  }
  out += take();
  EXPECT_EQ(out, expected);
  EXPECT_TRUE(queue_.drained());
  EXPECT_EQ(queue_.bytes(), 0U);
}

}  // namespace
}  // namespace keyward::proxy
