#include "command/syntax.h"

#include <array>
#include <initializer_list>

namespace keyward::command {
namespace {

// Sources: redis 7.0 t_string.c parseExtendedStringArgumentsOrReply, sort.c, geo.c, t_zset.c,
// t_stream.c, db.c. `group` keeps apart what Redis itself refuses together, or would run with the
// last one winning.
constexpr auto kInt = Values::integers;

constexpr Option kSet[] = {
    {.name = "nx", .group = 1},
    {.name = "xx", .group = 1},
    {.name = "get", .effect = Effect::reads},
    {.name = "keepttl", .group = 2},
    {.name = "ex", .values = 1, .kind = kInt, .group = 2},
    {.name = "px", .values = 1, .kind = kInt, .group = 2},
    {.name = "exat", .values = 1, .kind = kInt, .group = 2},
    {.name = "pxat", .values = 1, .kind = kInt, .group = 2},
};
constexpr Option kGetex[] = {
    {.name = "persist", .effect = Effect::modifies, .group = 1},
    {.name = "ex", .values = 1, .effect = Effect::modifies, .kind = kInt, .group = 1},
    {.name = "px", .values = 1, .effect = Effect::modifies, .kind = kInt, .group = 1},
    {.name = "exat", .values = 1, .effect = Effect::modifies, .kind = kInt, .group = 1},
    {.name = "pxat", .values = 1, .effect = Effect::modifies, .kind = kInt, .group = 1},
};
constexpr Option kExpire[] = {{.name = "nx"}, {.name = "xx"}, {.name = "gt"}, {.name = "lt"}};
constexpr Option kCopy[] = {
    {.name = "replace"},
    {.name = "db",
     .values = 1,
     .effect = Effect::refused,
     .why = "it would reach into another database than the selected one"},
};
constexpr Option kRestore[] = {
    {.name = "replace"},
    {.name = "absttl"},
    {.name = "idletime", .values = 1, .kind = kInt},
    {.name = "freq", .values = 1, .kind = kInt},
};
constexpr Option kScan[] = {
    {.name = "match", .values = 1, .effect = Effect::bounds_scan},
    {.name = "count", .values = 1, .kind = kInt},
    {.name = "type", .values = 1},
};
constexpr Option kElementScan[] = {
    {.name = "match", .values = 1},
    {.name = "count", .values = 1, .kind = kInt},
    {.name = "novalues"},
    {.name = "noscores"},
};
constexpr Option kLpos[] = {
    {.name = "rank", .values = 1, .kind = kInt},
    {.name = "count", .values = 1, .kind = kInt},
    {.name = "maxlen", .values = 1, .kind = kInt},
};
constexpr Option kLcs[] = {
    {.name = "len"},
    {.name = "idx"},
    {.name = "withmatchlen"},
    {.name = "minmatchlen", .values = 1, .kind = kInt},
};
// STORE and STOREDIST exclude each other: given both, or one twice, Redis writes to the last and
// may check another.
constexpr Option kGeoradius[] = {
    {.name = "withcoord"},
    {.name = "withdist"},
    {.name = "withhash"},
    {.name = "any"},
    {.name = "asc", .group = 1},
    {.name = "desc", .group = 1},
    {.name = "count", .values = 1, .kind = kInt},
    {.name = "store", .values = 1, .effect = Effect::destination, .group = 2},
    {.name = "storedist", .values = 1, .effect = Effect::destination, .group = 2},
};
constexpr Option kGeosearch[] = {
    {.name = "frommember", .values = 1, .group = 1},
    {.name = "fromlonlat", .values = 2, .group = 1},
    {.name = "byradius", .values = 2, .group = 2},
    {.name = "bybox", .values = 3, .group = 2},
    {.name = "asc", .group = 3},
    {.name = "desc", .group = 3},
    {.name = "count", .values = 1, .kind = kInt},
    {.name = "any"},
    {.name = "withcoord"},
    {.name = "withdist"},
    {.name = "withhash"},
    {.name = "storedist"},
};
constexpr Option kZrange[] = {
    {.name = "withscores"},
    {.name = "rev"},
    {.name = "byscore", .group = 1},
    {.name = "bylex", .group = 1},
    {.name = "limit", .values = 2, .kind = kInt},
};
constexpr Option kZrangeBy[] = {
    {.name = "withscores"},
    {.name = "limit", .values = 2, .kind = kInt},
};
constexpr Option kMemoryUsage[] = {{.name = "samples", .values = 1, .kind = kInt}};
// BY and GET with a pattern read keys that the arguments do not name: a policy must name the
// patterns.
constexpr Option kSort[] = {
    {.name = "by",
     .values = 1,
     .effect = Effect::names_keys,
     .kind = Values::plain_pattern,
     .rule = "by"},
    {.name = "get",
     .values = 1,
     .effect = Effect::names_keys,
     .kind = Values::hash_sign,
     .repeats = true,
     .rule = "get"},
    {.name = "limit", .values = 2, .kind = kInt},
    {.name = "asc", .group = 1},
    {.name = "desc", .group = 1},
    {.name = "alpha"},
    {.name = "store", .values = 1, .effect = Effect::destination},
};
constexpr Option kXread[] = {
    {.name = "count", .values = 1, .kind = kInt},
    {.name = "block", .values = 1, .effect = Effect::blocks, .kind = kInt},
};
constexpr Option kXreadgroup[] = {
    {.name = "group", .values = 2},
    {.name = "count", .values = 1, .kind = kInt},
    {.name = "block", .values = 1, .effect = Effect::blocks, .kind = kInt},
    {.name = "noack"},
};
constexpr Option kXautoclaim[] = {{.name = "count", .values = 1, .kind = kInt}, {.name = "justid"}};
constexpr Option kXgroupCreate[] = {{.name = "mkstream"},
                                    {.name = "entriesread", .values = 1, .kind = kInt}};
constexpr Option kXgroupSetid[] = {{.name = "entriesread", .values = 1, .kind = kInt}};
constexpr Option kXsetid[] = {{.name = "entriesadded", .values = 1, .kind = kInt},
                              {.name = "maxdeletedid", .values = 1}};
constexpr Option kXinfoStream[] = {{.name = "full"}, {.name = "count", .values = 1, .kind = kInt}};
constexpr Option kWeighted[] = {
    {.name = "weights", .values = kOnePerKey},
    {.name = "aggregate", .values = 1},
    {.name = "withscores"},
};
constexpr Option kWithscores[] = {{.name = "withscores"}};
constexpr Option kLimit[] = {{.name = "limit", .values = 1, .kind = kInt}};
constexpr Option kCount[] = {{.name = "count", .values = 1, .kind = kInt}};
// Broadcasting names keys of whoever writes them, so a policy must name the prefixes; redirection
// reaches into another connection.
constexpr Option kTracking[] = {
    {.name = "optin", .group = 1},
    {.name = "optout", .group = 1},
    {.name = "noloop"},
    {.name = "bcast",
     .group = 1,
     .why = "wants PREFIX: without it the keys of others would be named",
     .needs = "prefix"},
    {.name = "prefix",
     .values = 1,
     .effect = Effect::names_keys,
     .repeats = true,
     .why = "belongs to BCAST",
     .rule = "bcast",
     .needs = "bcast"},
    {.name = "redirect",
     .values = 1,
     .effect = Effect::refused,
     .why = "it would reach into another connection"},
};
constexpr Option kXadd[] = {
    {.name = "nomkstream"},
    {.name = "keepref", .group = 2},
    {.name = "delref", .group = 2},
    {.name = "acked", .group = 2},
    {.name = "maxlen", .values = 1, .group = 1},
    {.name = "minid", .values = 1, .group = 1},
    {.name = "limit", .values = 1},
};
constexpr Option kZadd[] = {
    {.name = "nx"}, {.name = "xx"}, {.name = "gt"},
    {.name = "lt"}, {.name = "ch"}, {.name = "incr"},
};
constexpr std::span<const Option> kNoOptions;
// The read-only forms end before STORE and STOREDIST.
constexpr auto kGeoradiusRo = std::span(kGeoradius).first<7>();
constexpr auto kSortRo = std::span(kSort).first<6>();
constexpr auto kGeosearchRead = std::span(kGeosearch).first<11>();
constexpr auto kZrangeStore = std::span(kZrange).subspan<1>();
constexpr auto kWeightedStore = std::span(kWeighted).first<2>();

constexpr Syntax options(std::uint8_t first, std::span<const Option> table,
                         bool by_option = false) {
  return {.first = first, .by_option = by_option, .options = table};
}
constexpr Syntax numkeys(std::uint8_t at, std::uint8_t after_keys, std::span<const Option> table) {
  return {.grammar = Grammar::numkeys, .first = at, .after_keys = after_keys, .options = table};
}
constexpr Syntax options_with_keys(std::uint8_t first, std::span<const Option> table,
                                   bool by_option) {
  return {.first = first, .by_option = by_option, .finds_keys = true, .options = table};
}
constexpr Syntax streams(bool group_needed, std::span<const Option> table) {
  return {.grammar = Grammar::streams,
          .first = 1,
          .group_needed = group_needed,
          .finds_keys = true,
          .options = table};
}
constexpr Syntax script() { return {.grammar = Grammar::numkeys, .first = 2, .free_rest = true}; }

struct SyntaxRow {
  std::string_view command;
  Syntax syntax;
};

constexpr SyntaxRow kSyntaxRows[] = {
    {"set", options(3, kSet)},
    {"getex", options(2, kGetex, true)},
    {"expire", options(3, kExpire)},
    {"expireat", options(3, kExpire)},
    {"pexpire", options(3, kExpire)},
    {"pexpireat", options(3, kExpire)},
    {"copy", options(3, kCopy)},
    {"restore", options(4, kRestore)},
    {"scan", options(2, kScan)},
    {"hscan", options(3, kElementScan)},
    {"sscan", options(3, kElementScan)},
    {"zscan", options(3, kElementScan)},
    {"lpos", options(3, kLpos)},
    {"lcs", options(3, kLcs)},
    {"georadius", options_with_keys(6, kGeoradius, true)},
    {"georadius_ro", options(6, kGeoradiusRo)},
    {"georadiusbymember", options_with_keys(5, kGeoradius, true)},
    {"georadiusbymember_ro", options(5, kGeoradiusRo)},
    {"geosearch", options(2, kGeosearchRead)},
    {"geosearchstore", options(3, kGeosearch)},
    {"zrange", options(4, kZrange)},
    {"zrangestore", options(5, kZrangeStore)},
    {"zrevrange", options(4, kWithscores)},
    {"zrangebyscore", options(4, kZrangeBy)},
    {"zrevrangebyscore", options(4, kZrangeBy)},
    {"zrangebylex", options(4, std::span(kZrangeBy).subspan<1>())},
    {"zrevrangebylex", options(4, std::span(kZrangeBy).subspan<1>())},
    {"memory|usage", options(3, kMemoryUsage)},
    {"sort", options_with_keys(2, kSort, true)},
    {"sort_ro", options_with_keys(2, kSortRo, false)},
    {"xautoclaim", options(6, kXautoclaim)},
    {"xgroup|create", options(5, kXgroupCreate)},
    {"xgroup|setid", options(5, kXgroupSetid)},
    {"xsetid", options(3, kXsetid)},
    {"xinfo|stream", options(3, kXinfoStream)},
    {"client|tracking", options(3, kTracking)},
    {"xread", streams(false, kXread)},
    {"xreadgroup", streams(true, kXreadgroup)},
    {"eval", script()},
    {"eval_ro", script()},
    {"evalsha", script()},
    {"evalsha_ro", script()},
    {"fcall", script()},
    {"fcall_ro", script()},
    {"zunion", numkeys(1, 0, kWeighted)},
    {"zinter", numkeys(1, 0, kWeighted)},
    {"zdiff", numkeys(1, 0, kWithscores)},
    {"zunionstore", numkeys(2, 0, kWeightedStore)},
    {"zinterstore", numkeys(2, 0, kWeightedStore)},
    {"zdiffstore", numkeys(2, 0, kNoOptions)},
    {"zintercard", numkeys(1, 0, kLimit)},
    {"sintercard", numkeys(1, 0, kLimit)},
    {"lmpop", numkeys(1, 1, kCount)},
    {"blmpop", numkeys(2, 1, kCount)},
    {"zmpop", numkeys(1, 1, kCount)},
    {"bzmpop", numkeys(2, 1, kCount)},
    {"bitfield", {.grammar = Grammar::bitfield, .first = 2, .by_option = true}},
    {"bitfield_ro", {.grammar = Grammar::bitfield, .first = 2}},
    {"xadd", {.grammar = Grammar::xadd, .first = 2, .options = kXadd}},
    {"zadd", {.grammar = Grammar::zadd, .first = 2, .options = kZadd}},
};

struct ValueRow {
  std::string_view command;
  ValueArgs values;
};

// Values in the sense of ValueArgs. RESTORE's payload and SETBIT-like numbers are none: the first
// is refused to clients, the others are small.
constexpr ValueRow kValues[] = {
    {"set", {2, 1, 1}},      {"setnx", {2, 1, 1}},       {"getset", {2, 1, 1}},
    {"append", {2, 1, 1}},   {"setex", {3, 1, 1}},       {"psetex", {3, 1, 1}},
    {"setrange", {3, 1, 1}}, {"mset", {2, 2, 0}},        {"msetnx", {2, 2, 0}},
    {"lpush", {2, 1, 0}},    {"rpush", {2, 1, 0}},       {"lpushx", {2, 1, 0}},
    {"rpushx", {2, 1, 0}},   {"linsert", {3, 1, 2}},     {"lset", {3, 1, 1}},
    {"lrem", {3, 1, 1}},     {"lpos", {2, 1, 1}},        {"sadd", {2, 1, 0}},
    {"srem", {2, 1, 0}},     {"sismember", {2, 1, 1}},   {"smismember", {2, 1, 0}},
    {"zrem", {2, 1, 0}},     {"zincrby", {3, 1, 1}},     {"pfadd", {2, 1, 0}},
    {"hset", {2, 1, 0}},     {"hmset", {2, 1, 0}},       {"hsetnx", {2, 1, 2}},
    {"publish", {2, 1, 1}},  {"spublish", {2, 1, 1}},    {"eval", {1, 1, 1}},
    {"eval_ro", {1, 1, 1}},  {"script|load", {2, 1, 1}},
};

}  // namespace

const Syntax* syntax_of(std::string_view command) {
  for (const SyntaxRow& row : kSyntaxRows) {
    if (row.command == command) return &row.syntax;
  }
  return nullptr;
}

ValueArgs values_of(std::string_view command) {
  for (const ValueRow& row : kValues) {
    if (row.command == command) return row.values;
  }
  return {};
}

}  // namespace keyward::command
