#include "trail/in_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

namespace keyward::trail {
namespace {

constexpr std::size_t kSize = std::size_t{8} << 20;

TEST(InOrder, ReadsNoFurtherAheadThanThereIsRoom) {
  const Plan plan;
  std::vector<Chunk> chunks;
  for (std::uint64_t number = 0; number < 40; ++number) chunks.push_back({&plan, {}, number * 10});
  std::atomic<std::size_t> read{0};
  std::size_t taken = 0, most = 0;
  in_order(
      chunks, 3,
      [&](std::size_t chunk) {
        ++read;
        Hits hits;
        hits.text.assign(kSize, 'x');
        hits.hits.push_back({chunk * 10, 0, kSize});
        return hits;
      },
      [&](std::string_view text) {
        EXPECT_EQ(text.size(), kSize);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        most = std::max(most, read - taken);
        ++taken;
        return true;
      });
  EXPECT_EQ(taken, chunks.size());
  EXPECT_LE(most, 64U / 8 + 3 + 2);
}

TEST(InOrder, GivesOutByTimeWhateverEndsFirst) {
  const Plan plan;
  std::vector<Chunk> chunks;
  for (std::uint64_t number = 0; number < 50; ++number) chunks.push_back({&plan, {}, number});
  std::string out;
  in_order(
      chunks, 4,
      [&](std::size_t chunk) {
        std::this_thread::sleep_for(std::chrono::milliseconds(chunk % 3));
        Hits hits;
        hits.text = "ab";
        hits.hits = {{chunk, 0, 1}, {chunk + 100, 1, 1}};
        return hits;
      },
      [&](std::string_view text) {
        out += text;
        return true;
      });
  EXPECT_EQ(out, std::string(50, 'a') + std::string(50, 'b'));
}

}  // namespace
}  // namespace keyward::trail
