// Buffer, Secret and FakeClock.
#include "keyward/base/buffer.h"
#include "keyward/base/clock.h"
#include "keyward/base/secret.h"

#include <gtest/gtest.h>

#include <random>

namespace keyward {
namespace {

TEST(Buffer, IsAQueueOfBytes) {
  std::mt19937_64 random(1);
  Buffer buffer;
  std::string model;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0) {
      const std::string bytes(random() % (random() % 50 == 0 ? 200'000 : 50),
                              static_cast<char>(random()));
      buffer.append(bytes);
      model += bytes;
    } else {
      const std::size_t count = random() % 3 == 0 ? model.size() : random() % (model.size() + 1);
      buffer.consume(count);
      model.erase(0, count);
    }
    ASSERT_EQ(buffer.size(), model.size());
    ASSERT_EQ(buffer.empty(), model.empty());
    if (step % 16 != 0) continue;
    ASSERT_EQ(buffer.view(), model);
  }
}

TEST(Buffer, GivesMemoryBackWhenEmptied) {
  Buffer buffer;
  buffer.append(std::string(1'000'000, 'x'));
  buffer.consume(1'000'000);
  EXPECT_LE(buffer.capacity(), Buffer::kKeep);
  buffer.append("abc");
  buffer.release();
  EXPECT_EQ(buffer.size(), 0U);
}

TEST(Secret, MovesLeaveNothingBehind) {
  Secret first(std::string("a password long enough for the heap"));
  Secret second(std::move(first));
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(second.reveal(), "a password long enough for the heap");
  Secret third;
  third = std::move(second);
  EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
  third = Secret(std::string("short"));
  EXPECT_EQ(third.reveal(), "short");
}

TEST(FakeClock, MovesOnlyWhenTold) {
  FakeClock clock;
  const auto wall = clock.wall();
  const auto mono = clock.mono();
  EXPECT_EQ(clock.wall(), wall);
  clock.advance(std::chrono::seconds(5));
  EXPECT_EQ(clock.wall() - wall, std::chrono::seconds(5));
  EXPECT_EQ(clock.mono() - mono, std::chrono::seconds(5));
}

}  // namespace
}  // namespace keyward
