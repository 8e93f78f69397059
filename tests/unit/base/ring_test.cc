#include "keyward/base/ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>

namespace keyward {
namespace {

TEST(Ring, IsAQueue) {
  std::mt19937_64 random(1);
  Ring<int> ring;
  std::deque<int> model;
  for (int step = 0; step < 100'000; ++step) {
    // Long phases of growing and shrinking, so that it wraps, doubles and lets go of its memory.
    const bool grow = (step / 5000) % 2 == 0 ? random() % 4 != 0 : random() % 4 == 0;
    if (grow || model.empty()) {
      EXPECT_EQ(ring.push_back(step), step);
      model.push_back(step);
    } else {
      ring.pop_front();
      model.pop_front();
    }
    ASSERT_EQ(ring.size(), model.size());
    ASSERT_EQ(ring.empty(), model.empty());
    if (model.empty()) continue;
    ASSERT_EQ(ring.front(), model.front());
    ASSERT_EQ(ring.back(), model.back());
    const std::size_t at = random() % model.size();
    ASSERT_EQ(ring[at], model[at]);
  }
}

TEST(Ring, HoldsWhatCannotBeCopied) {
  Ring<std::unique_ptr<int>> ring;
  for (int i = 0; i < 100; ++i) ring.push_back(std::make_unique<int>(i));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(*ring.front(), i);
    ring.pop_front();
  }
  EXPECT_TRUE(ring.empty());
}

}  // namespace
}  // namespace keyward
