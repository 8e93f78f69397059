#include "keyward/resp/writer.h"

#include "keyward/resp/reply_scanner.h"

#include <gtest/gtest.h>

#include <limits>

namespace keyward::resp {
namespace {

template <class... Args>
std::string written(void (*write)(std::string&, Args...), std::type_identity_t<Args>... args) {
  std::string out = "before";
  write(out, args...);
  return out.substr(6);
}

TEST(Writer, WritesEachKindInBothProtocols) {
  EXPECT_EQ(written(write_simple, "OK"), "+OK\r\n");
  EXPECT_EQ(written(write_integer, -7), ":-7\r\n");
  EXPECT_EQ(written(write_bulk, ""), "$0\r\n\r\n");
  EXPECT_EQ(written(write_bulk, "a\r\nb"), "$4\r\na\r\nb\r\n");
  EXPECT_EQ(written(write_null, Protocol::resp2), "$-1\r\n");
  EXPECT_EQ(written(write_null, Protocol::resp3), "_\r\n");
  EXPECT_EQ(written(write_array, 3), "*3\r\n");
  EXPECT_EQ(written(write_map, 3, Protocol::resp2), "*6\r\n");
  EXPECT_EQ(written(write_map, 3, Protocol::resp3), "%3\r\n");
  EXPECT_EQ(written(write_push, 3, Protocol::resp2), "*3\r\n");
  EXPECT_EQ(written(write_push, 3, Protocol::resp3), ">3\r\n");
  EXPECT_EQ(written(write_verbatim, "abc", Protocol::resp2), "$3\r\nabc\r\n");
  EXPECT_EQ(written(write_verbatim, "abc", Protocol::resp3), "=7\r\ntxt:abc\r\n");
  EXPECT_EQ(written(write_request_head, 2), "*2\r\n");
  EXPECT_EQ(written(write_bulk_head, 536870912), "$536870912\r\n");
}

TEST(Writer, ExtremeIntegersAreWhole) {
  EXPECT_EQ(written(write_integer, std::numeric_limits<std::int64_t>::min()),
            ":-9223372036854775808\r\n");
  EXPECT_EQ(written(write_integer, std::numeric_limits<std::int64_t>::max()),
            ":9223372036854775807\r\n");
}

TEST(Writer, ALineCannotEndItself) {
  for (auto* write : {write_error, write_simple}) {
    const std::string line = written(write, "ERR a\r\n+OK\r\n\n\r");
    ReplyScanner scanner;
    const auto progress = scanner.feed(line);
    EXPECT_TRUE(progress.done);
    EXPECT_EQ(progress.used, line.size());
    EXPECT_EQ(line.substr(1), "ERR a  +OK    \r\n");
  }
}

}  // namespace
}  // namespace keyward::resp
