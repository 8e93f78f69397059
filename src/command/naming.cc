#include "command/naming.h"

#include <cassert>
#include <unordered_map>

namespace keyward::command {
namespace {

// Every command that a policy can hand out stands in exactly one list (a test holds this). A list
// says what was looked at: the command's key-specs or channels are all the names in its request,
// and its answer names what the list's row says. src/view/README.md tells where it was looked up.

// Answers that are values, counts, members, ids, or the client's own arguments (COMMAND GETKEYS).
constexpr std::string_view kNameless =
    "auth hello quit reset ping echo select multi exec discard unwatch watch info readonly "
    "readwrite asking "
    "command command|count command|docs command|getkeys command|getkeysandflags command|help "
    "command|info command|list "
    "client|id client|getname client|setname client|setinfo client|info client|no-touch "
    "client|maint_notifications client|help client|caching client|getredir client|tracking "
    "client|trackinginfo client|list "
    // strings and bits
    "append bitcount bitfield bitfield_ro bitop bitpos decr decrby get getbit getdel getex "
    "getrange getset incr incrby incrbyfloat lcs mget mset msetnx psetex set setbit setex setnx "
    "setrange strlen substr delex digest "
    // any type
    "copy del dump exists expire expireat expiretime object|encoding object|freq object|help "
    "object|idletime object|refcount persist pexpire pexpireat pexpiretime pttl rename renamenx "
    "sort sort_ro touch ttl type unlink memory|help memory|usage "
    // hashes
    "hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset "
    "hsetnx hstrlen hvals hexpire hexpireat hexpiretime hpersist hpexpire hpexpireat hpexpiretime "
    "hpttl httl hgetdel hgetex hsetex "
    // lists
    "blmove brpoplpush lindex linsert llen lmove lpop lpos lpush lpushx lrange lrem lset ltrim "
    "rpop rpoplpush rpush rpushx "
    // sets
    "sadd scard sdiff sdiffstore sinter sintercard sinterstore sismember smembers smismember "
    "smove spop srandmember srem sscan sunion sunionstore "
    // sorted sets and geo
    "zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmscore "
    "zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem "
    "zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore "
    "zrevrank zscan zscore zunion zunionstore "
    "geoadd geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro "
    "geosearch geosearchstore "
    // streams and HyperLogLog
    "xack xadd xdel xgroup|help xinfo|help xlen xrange xrevrange xsetid xtrim xdelex pfadd pfcount "
    "pfmerge "
    // confirmations of subscriptions are frames of their own
    "publish spublish subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe "
    "script|exists script|help function|help pubsub|help config|help config|get "
    "time lolwut wait waitaof role lastsave cluster|help cluster|info cluster|keyslot ";

// t_stream.c: -NOGROUP.
constexpr std::string_view kQuotes =
    "xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy xgroup|setid "
    "xinfo|consumers xinfo|groups xinfo|stream xpending xclaim xautoclaim xackdel ";

// An error inside a script comes through with what it quotes.
constexpr std::string_view kScripts = "eval eval_ro evalsha evalsha_ro fcall fcall_ro script|load ";

// Counts and lists that nobody can be left out of, and what one may not do for others.
constexpr std::string_view kCommon =
    "dbsize flushdb pubsub|numpat script|flush script|kill function|delete function|dump "
    "function|flush function|kill function|list function|load function|restore function|stats ";

struct NamedRow {
  Names names;
  std::string_view commands;
};
constexpr NamedRow kNamedRows[] = {
    {{Naming::plain, Answer::nameless}, kNameless},
    {{Naming::plain, Answer::quotes}, kQuotes},
    {{Naming::script, Answer::quotes}, kScripts},
    {{Naming::common, Answer::nameless}, kCommon},
    {{Naming::plain, Answer::keys}, "keys "},
    {{Naming::plain, Answer::scan}, "scan "},
    {{Naming::plain, Answer::one_key}, "randomkey "},
    {{Naming::plain, Answer::first_key},
     "blpop brpop blmpop lmpop bzpopmin bzpopmax bzmpop zmpop "},
    {{Naming::plain, Answer::streams}, "xread xreadgroup "},
    {{Naming::plain, Answer::channels}, "pubsub|channels pubsub|shardchannels "},
    {{Naming::plain, Answer::channel_counts}, "pubsub|numsub pubsub|shardnumsub "},
};

struct ArgsRow {
  std::string_view command;
  NameArgs args;
};
constexpr ArgsRow kArgs[] = {
    {"keys", {1, false}},
    {"cluster|keyslot", {2, false}},
    {"unsubscribe", {1, true}},
    {"punsubscribe", {1, true}},
    {"sunsubscribe", {1, true}},
    {"pubsub|channels", {2, true}},
    {"pubsub|shardchannels", {2, true}},
    {"pubsub|numsub", {2, true}},
    {"pubsub|shardnumsub", {2, true}},
};

using NamesTable = std::unordered_map<std::string_view, Names>;

NamesTable make_names() {
  NamesTable table;
  for (const NamedRow& row : kNamedRows) {
    for (std::string_view words = row.commands; !words.empty();) {
      const std::size_t end = words.find(' ');
      [[maybe_unused]] const bool fresh = table.try_emplace(words.substr(0, end), row.names).second;
      assert(fresh && "a command stands in two lists of names");
      words.remove_prefix(end + 1);
    }
  }
  return table;
}

}  // namespace

std::optional<Names> names_of(std::string_view command) {
  static const NamesTable table = make_names();
  const auto found = table.find(command);
  if (found == table.end()) return std::nullopt;
  return found->second;
}

NameArgs name_args_of(std::string_view command) {
  for (const ArgsRow& row : kArgs) {
    if (row.command == command) return row.args;
  }
  return {};
}

}  // namespace keyward::command
