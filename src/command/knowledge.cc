#include "command/knowledge.h"

#include <cassert>
#include <string>
#include <unordered_map>

namespace keyward::command {
namespace {

// Every command of the built-in table stands in exactly one of the four lists (a test holds this),
// so that a command that nobody judged is never open by accident. Newer commands are judged here as
// well, where their key-specs suffice.

// Answered by the proxy, or plumbing that every session needs. CLIENT LIST shows one's own sessions;
// without CLIENT TRACKING, which a policy has to name, its companions do nothing.
constexpr std::string_view kSession =
    "auth hello quit reset ping echo select multi exec discard unwatch info readonly readwrite "
    "asking "
    "command command|count command|docs command|getkeys command|getkeysandflags command|help "
    "command|info command|list "
    "client|id client|getname client|setname client|setinfo client|info client|no-touch "
    "client|maint_notifications client|list client|caching client|getredir client|trackinginfo ";

constexpr std::string_view kNormal =
    // strings and bits
    "append bitcount bitfield bitfield_ro bitop bitpos decr decrby get getbit getdel getex "
    "getrange getset incr incrby "
    "incrbyfloat lcs mget mset msetnx psetex set setbit setex setnx setrange strlen substr delex "
    "digest "
    // any type
    "copy del dump exists expire expireat expiretime object|encoding object|freq object|help "
    "object|idletime "
    "object|refcount persist pexpire pexpireat pexpiretime pttl rename renamenx scan sort sort_ro "
    "touch ttl type unlink "
    "memory|help memory|usage "
    // hashes
    "hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset "
    "hsetnx hstrlen hvals "
    "hexpire hexpireat hexpiretime hpersist hpexpire hpexpireat hpexpiretime hpttl httl hgetdel "
    "hgetex hsetex "
    // lists
    "blmove blmpop blpop brpop brpoplpush lindex linsert llen lmove lmpop lpop lpos lpush lpushx "
    "lrange lrem lset ltrim "
    "rpop rpoplpush rpush rpushx "
    // sets
    "sadd scard sdiff sdiffstore sinter sintercard sinterstore sismember smembers smismember smove "
    "spop srandmember srem "
    "sscan sunion sunionstore "
    // sorted sets and geo
    "bzmpop bzpopmax bzpopmin zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard "
    "zinterstore zlexcount zmpop "
    "zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem "
    "zremrangebylex "
    "zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan "
    "zscore zunion zunionstore "
    "geoadd geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro "
    "geosearch geosearchstore "
    // streams and HyperLogLog
    "xack xadd xautoclaim xclaim xdel xgroup|create xgroup|createconsumer xgroup|delconsumer "
    "xgroup|destroy "
    "xgroup|help xgroup|setid xinfo|consumers xinfo|groups xinfo|help xinfo|stream xlen xpending "
    "xrange xread "
    "xreadgroup xrevrange xsetid xtrim xackdel xdelex pfadd pfcount pfmerge "
    // channels, transactions, scripts
    "publish spublish subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe watch "
    "eval eval_ro evalsha evalsha_ro fcall fcall_ro script|exists script|help script|load "
    // harmless and keyless
    "time lolwut cluster|help cluster|keyslot client|help config|help function|help pubsub|help ";

// Only when a policy says the name. They tell of others (keys, dbsize, pubsub|channels ...), or are
// shared by all tenants of the server (script|flush, function|load ...). FLUSHDB names no key, so
// key patterns cannot hold it: it counts as a scan of the whole keyspace, which only an entry for
// every key may do; FLUSHALL also crosses databases. Containers stand here too, so that no category
// brings them in: `+script` in an ACL rule is SCRIPT FLUSH as well.
constexpr std::string_view kByName =
    "keys randomkey dbsize flushdb wait waitaof role lastsave config config|get client "
    "client|tracking cluster cluster|info memory object pubsub pubsub|channels "
    "pubsub|numpat pubsub|numsub "
    "pubsub|shardchannels pubsub|shardnumsub script script|flush script|kill function "
    "function|delete function|dump "
    "function|flush function|kill function|list function|load function|restore function|stats "
    "xgroup xinfo ";

// Control of the server, sight of other clients, other databases, or a broken pairing of requests
// and replies (CLIENT REPLY). RESTORE takes a serialized value that the server must trust.
constexpr std::string_view kNever =
    "acl acl|cat acl|deluser acl|dryrun acl|genpass acl|getuser acl|help acl|list acl|load acl|log "
    "acl|save acl|setuser "
    "acl|users acl|whoami config|resetstat config|rewrite config|set monitor debug shutdown "
    "replicaof slaveof sync psync "
    "replconf save bgsave bgrewriteaof failover module module|help module|list module|load "
    "module|loadex module|unload "
    "migrate restore restore-asking pfdebug pfselftest swapdb flushall move script|debug "
    "client|kill client|no-evict client|pause client|reply client|unblock "
    "client|unpause "
    "cluster|addslots cluster|addslotsrange cluster|bumpepoch cluster|count-failure-reports "
    "cluster|countkeysinslot "
    "cluster|delslots cluster|delslotsrange cluster|failover cluster|flushslots cluster|forget "
    "cluster|getkeysinslot "
    "cluster|links cluster|meet cluster|myid cluster|nodes cluster|replicas cluster|replicate "
    "cluster|reset "
    "cluster|saveconfig cluster|set-config-epoch cluster|setslot cluster|shards cluster|slaves "
    "cluster|slots "
    "latency latency|doctor latency|graph latency|help latency|histogram latency|history "
    "latency|latest latency|reset "
    "slowlog slowlog|get slowlog|help slowlog|len slowlog|reset memory|doctor memory|malloc-stats "
    "memory|purge "
    "memory|stats ";

// State-changing without the write flag. Scripts count always: what they do shows only when they
// run.
constexpr std::string_view kMutates =
    "publish spublish eval eval_ro evalsha evalsha_ro fcall fcall_ro script|load script|flush "
    "script|kill script|debug "
    "function|kill config|set config|rewrite config|resetstat acl|setuser acl|deluser acl|load "
    "acl|save acl|log "
    "client|kill client|pause client|unpause client|unblock client|no-evict client|reply debug "
    "failover module|load "
    "module|loadex module|unload replicaof slaveof replconf psync sync shutdown save bgsave "
    "bgrewriteaof latency|reset "
    "slowlog|reset memory|purge cluster|addslots cluster|addslotsrange cluster|bumpepoch "
    "cluster|delslots "
    "cluster|delslotsrange cluster|failover cluster|flushslots cluster|forget cluster|meet "
    "cluster|replicate cluster|reset "
    "cluster|saveconfig cluster|set-config-epoch cluster|setslot pfdebug pfselftest ";

constexpr std::string_view kScansKeyspace = "keys scan randomkey dbsize flushdb ";

struct KindRow {
  Kind kind;
  std::string_view commands;
};
constexpr KindRow kKinds[] = {
    {Kind::blocking,
     "blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin xread xreadgroup "},
    {Kind::watch, "watch "},
    {Kind::unwatch, "unwatch "},
    {Kind::multi, "multi "},
    {Kind::exec, "exec "},
    {Kind::discard, "discard "},
    {Kind::subscribe, "subscribe "},
    {Kind::unsubscribe, "unsubscribe "},
    {Kind::psubscribe, "psubscribe "},
    {Kind::punsubscribe, "punsubscribe "},
    {Kind::ssubscribe, "ssubscribe "},
    {Kind::sunsubscribe, "sunsubscribe "},
    {Kind::publish, "publish spublish "},
    {Kind::auth, "auth "},
    {Kind::hello, "hello "},
    {Kind::select, "select "},
    {Kind::client,
     "client client|id client|getname client|setname client|setinfo client|info client|no-touch "
     "client|maint_notifications client|help "
     "client|kill client|list client|no-evict client|pause client|reply client|unblock "
     "client|unpause "},
    {Kind::tracking, "client|tracking client|caching client|getredir client|trackinginfo "},
    {Kind::reset, "reset "},
    {Kind::quit, "quit "},
    {Kind::info, "info "},
    {Kind::wait, "wait waitaof "},
    {Kind::script, "eval eval_ro evalsha evalsha_ro fcall fcall_ro "},
};

constexpr std::string_view kClosedContainers[] = {"acl",     "client",   "cluster", "commandlog",
                                                  "config",  "debug",    "memory",  "module",
                                                  "latency", "sentinel", "slowlog"};

constexpr SyntheticCommand kSynthetic[] = {
    {"client|info", 2},     {"client|maint_notifications", -3},
    {"client|no-touch", 3}, {"client|setinfo", 4},
    {"quit", -1},           {"reset", 1},
};

template <class Function>
void each_word(std::string_view words, Function&& function) {
  while (!words.empty()) {
    const std::size_t end = words.find(' ');
    function(words.substr(0, end));
    words.remove_prefix(end + 1);
  }
}

using Table = std::unordered_map<std::string_view, Knowledge>;

Table make_table() {
  Table table;
  const auto list = [&table](std::string_view words, Exposure exposure) {
    each_word(words, [&](std::string_view word) {
      [[maybe_unused]] const bool fresh = table.try_emplace(word, Knowledge{exposure}).second;
      assert(fresh && "a command stands in two exposure lists");
    });
  };
  list(kSession, Exposure::session);
  list(kNormal, Exposure::normal);
  list(kByName, Exposure::by_name);
  list(kNever, Exposure::never);
  each_word(kMutates, [&](std::string_view word) { table[word].mutates = true; });
  each_word(kScansKeyspace, [&](std::string_view word) { table[word].scans_keyspace = true; });
  table["config|get"].ruled_from = 2;
  for (const KindRow& row : kKinds) {
    each_word(row.commands, [&](std::string_view word) { table[word].kind = row.kind; });
  }
  return table;
}

}  // namespace

std::optional<Knowledge> knowledge_of(std::string_view command) {
  static const Table table = make_table();
  const auto found = table.find(command);
  if (found == table.end()) return std::nullopt;
  return found->second;
}

bool closed_container(std::string_view container) {
  for (const std::string_view name : kClosedContainers) {
    if (name == container) return true;
  }
  return false;
}

std::span<const SyntheticCommand> synthetic_commands() { return kSynthetic; }

}  // namespace keyward::command
