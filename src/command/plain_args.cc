#include "command/plain_args.h"

namespace keyward::command {
namespace {

struct PlainRow {
  std::string_view command;
  std::uint8_t first, count;
};
constexpr PlainRow kPlainRows[] = {
    // lives: seconds, milliseconds, moments
    {"expire", 2, 1},
    {"pexpire", 2, 1},
    {"expireat", 2, 1},
    {"pexpireat", 2, 1},
    {"setex", 2, 1},
    {"psetex", 2, 1},
    {"restore", 2, 1},
    // ranges, places and counts
    {"getrange", 2, 2},
    {"substr", 2, 2},
    {"setrange", 2, 1},
    {"getbit", 2, 1},
    {"setbit", 2, 1},
    {"lrange", 2, 2},
    {"ltrim", 2, 2},
    {"lindex", 2, 1},
    {"lset", 2, 1},
    {"lrem", 2, 1},
    {"lpop", 2, 1},
    {"rpop", 2, 1},
    {"spop", 2, 1},
    {"srandmember", 2, 1},
    {"hrandfield", 2, 1},
    {"zrandmember", 2, 1},
    {"zpopmin", 2, 1},
    {"zpopmax", 2, 1},
    {"zremrangebyrank", 2, 2},
    {"zrevrange", 2, 2},
    // databases, cursors, timeouts
    {"select", 1, 1},
    {"scan", 1, 1},
    {"hscan", 2, 1},
    {"sscan", 2, 1},
    {"zscan", 2, 1},
    {"wait", 1, 2},
    {"waitaof", 1, 3},
};

}  // namespace

std::uint64_t plain_numbers_of(std::string_view command) {
  for (const PlainRow& row : kPlainRows) {
    if (row.command == command) return ((std::uint64_t{1} << row.count) - 1) << row.first;
  }
  return 0;
}

}  // namespace keyward::command
