// What a hostile length costs: nothing.
#include "support/allocations.h"

#include "keyward/resp/reply_scanner.h"
#include "keyward/resp/request_parser.h"
#include "keyward/resp/writer.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace keyward::resp {
namespace {

template <class F>
std::size_t bytes_allocated(F&& work) {
  return test::allocations_of(std::forward<F>(work)).bytes;
}

TEST(ParserMemory, CountsWhatIsAllocated) {
  EXPECT_GE(bytes_allocated([] { std::string(1000, 'x').push_back('y'); }), 1000U);
}

TEST(ParserMemory, AnnouncedSizesAllocateNothing) {
  const std::string many = "*1048576\r\n$3\r\nDEL\r\n";
  const std::string long_one = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$262144\r\n";
  const std::string streamed = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n";
  for (const std::string& bytes : {many, long_one, streamed}) {
    RequestParser parser{Limits{}};
    EXPECT_LT(bytes_allocated([&] { (void)parser.next(bytes); }), 256U) << bytes;
  }
  for (const char* bytes :
       {"*4294967295\r\n", "%2147483647\r\n", "$1099511627776\r\n", "|4294967295\r\n"}) {
    ReplyScanner scanner;
    scanner.keep_children(true);
    EXPECT_LT(bytes_allocated([&] { (void)scanner.feed(bytes); }), 256U) << bytes;
  }
}

TEST(ParserMemory, SteadyStateAllocatesNothing) {
  std::string bytes;
  write_request(bytes, std::vector<std::string_view>{"SET", "key", "value", "EX", "10"});
  RequestParser parser{Limits{}};
  ReplyScanner scanner;
  (void)parser.next(bytes);
  EXPECT_EQ(bytes_allocated([&] {
              for (int i = 0; i < 100; ++i) {
                (void)parser.next(std::string_view(bytes).substr(0, 20));
                (void)parser.next(bytes);
                (void)scanner.feed("+OK\r\n");
                (void)scanner.feed("$3\r\nabc\r\n-ERR no\r\n");
                (void)scanner.feed("-ERR no\r\n");
              }
            }),
            0U);
}

TEST(ParserMemory, AWideRequestDoesNotKeepItsMemory) {
  std::string wide;
  const std::vector<std::string_view> args(500'000, "k");
  write_request(wide, args);
  RequestParser parser{Limits{}};
  ASSERT_EQ(parser.next(wide).status, ParseStatus::request);
  ASSERT_EQ(parser.args().size(), args.size());
  (void)parser.next("*1\r\n$4\r\nPING\r\n");
  EXPECT_GT(bytes_allocated([&] { (void)parser.next(wide); }), 500'000U);
}

// Redis 5 to 7 all had requests whose parsing grew with the square of their size; a million
// arguments in small pieces must cost a few times what they cost at once.
TEST(ParserMemory, ManyPiecesCostNoMoreWork) {
  std::string wide;
  const std::vector<std::string_view> args(1'000'000, "k");
  write_request(wide, args);
  RequestParser parser{Limits{}};
  std::size_t calls = 0;
  ParseStatus status = ParseStatus::need_more;
  for (std::size_t size = 64; status == ParseStatus::need_more; size += 64, ++calls) {
    status = parser.next(std::string_view(wide).substr(0, size)).status;
  }
  EXPECT_EQ(status, ParseStatus::request);
  EXPECT_GT(calls, 100'000U);
}

}  // namespace
}  // namespace keyward::resp
