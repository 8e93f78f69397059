// The facts of one command or subcommand, as the server tells them by COMMAND plus what we know
// better.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keyward::command {

using CommandId = std::uint16_t;  // dense index into one Catalog

// Redis command flags that matter here (COMMAND, field 3).
enum Flag : std::uint32_t {
  kWrite = 1U << 0,
  kReadonly = 1U << 1,
  kDenyOom = 1U << 2,
  kAdmin = 1U << 3,
  kPubsub = 1U << 4,
  kNoScript = 1U << 5,
  kBlocking = 1U << 6,
  kFast = 1U << 7,
  kNoAuth = 1U << 8,
  kMayReplicate = 1U << 9,
  kMovableKeys = 1U << 10,
  kNoMulti = 1U << 11,
  kAllowBusy = 1U << 12,
  kLoading = 1U << 13,
  kStale = 1U << 14,
  kNoMandatoryKeys = 1U << 15,
};

// What a command does with a key: redis's ACCESS / UPDATE / INSERT / DELETE of key-specs (server.h
// CMD_KEY_*). How a policy must judge it (acl.c ACLSelectorCheckKey, observed on 7.0.15): ONE
// pattern that matches the key must hold all the bits; `%R~a*` and `%W~*` together do not make a
// read-and-write of "ab". kNone is satisfied by any pattern that matches, `%W~` as well as `%R~`
// (EXISTS, TYPE, STRLEN, OBJECT, TOUCH, WATCH), and never by no pattern.
enum Access : std::uint8_t {
  kNone = 0,          // only existence, type or length is told
  kRead = 1U << 0,    // content is returned or copied (ACCESS)
  kModify = 1U << 1,  // INSERT, UPDATE or DELETE
};

struct KeySpec {
  enum class Begin : std::uint8_t { index, keyword, unknown };
  enum class Find : std::uint8_t { range, keynum, unknown };
  Begin begin = Begin::unknown;
  Find find = Find::unknown;
  int begin_index = 0;                                   // index: position; keyword: start_from
  std::string keyword;                                   // upper case
  int last_key = 0, step = 1, limit = 0;                 // range
  int keynum_index = 0, first_key = 0, keynum_step = 1;  // keynum
  std::uint8_t access = kNone;
  bool not_key = false;  // names a channel or such (spublish ...)
  bool incomplete = false;
  bool variable = false;  // access depends on other arguments

  // The place of its only key where that is always the same, as for most commands; 0 = it is not.
  [[nodiscard]] std::uint32_t one_key() const {
    const bool one = begin == Begin::index && find == Find::range && last_key == 0 && step > 0 &&
                     begin_index > 0 && !not_key && !incomplete;
    return one ? static_cast<std::uint32_t>(begin_index) : 0;
  }
};

// How freely a policy may hand a command out.
enum class Exposure : std::uint8_t {
  session,  // handled by the proxy or plumbing every session needs; no grant necessary (auth, ping,
            // select, client|id ...)
  normal,   // by name or by category
  by_name,  // only when a policy names it; a category never brings it in (keys, script|flush ...);
            // all containers
  never,    // never for clients of the proxy (config|set, monitor, replicaof, acl|setuser, shutdown
            // ...)
};

// What the proxy must do to run it. `Command::blocks` refines `blocking` by argument (XREAD without
// BLOCK does not block).
enum class Kind : std::uint8_t {
  plain,
  blocking,
  watch,
  unwatch,
  multi,
  exec,
  discard,
  subscribe,
  unsubscribe,
  psubscribe,
  punsubscribe,
  ssubscribe,
  sunsubscribe,
  publish,
  auth,
  hello,
  select,
  client,
  tracking,  // CLIENT TRACKING and what belongs to it: goes to Redis, on the link that tracks
  reset,
  quit,
  info,
  wait,
  script,  // script: eval*, fcall*
};

// What analyse() must know of the arguments beyond the key-specs.
enum class Grammar : std::uint8_t {
  none,      // the key-specs say it all
  options,   // fixed arguments, then options: SET, GETEX, SORT, GEORADIUS, SCAN, COPY ...
  numkeys,   // a count, that many keys, then fixed arguments and options: EVAL, ZUNION, LMPOP ...
  streams,   // options, then STREAMS, as many keys, as many ids: XREAD, XREADGROUP
  bitfield,  // GET, SET, INCRBY and OVERFLOW in any number
  xadd,      // options, an id, then fields and values
  zadd,      // options, then scores and members
};

// What a namespace must know of a request beyond Command::keys, channels and names.
enum class Naming : std::uint8_t {
  unknown,  // nobody has looked: cannot run where names are rewritten
  plain,    // those are all the names in it
  script,   // runs a script, or loads one for others to run: names may be made inside it
  common,   // tells of, or changes, what everybody on the server shares
};

// Where an answer names keys or channels. Sources: reply_schema of redis 7.2's src/commands/*.json;
// src/view/README.md says what was checked.
enum class Answer : std::uint8_t {
  nameless,
  quotes,          // only an error quotes one ("-NOGROUP No such key 'x' ...")
  keys,            // KEYS
  scan,            // SCAN
  one_key,         // RANDOMKEY
  first_key,       // BLPOP, BZPOPMIN, LMPOP, ZMPOP ...
  streams,         // XREAD, XREADGROUP
  channels,        // PUBSUB CHANNELS, SHARDCHANNELS
  channel_counts,  // PUBSUB NUMSUB, SHARDNUMSUB
};

// Arguments that name keys or channels without touching them: UNSUBSCRIBE, PUBSUB NUMSUB, KEYS.
struct NameArgs {
  std::uint8_t first = 0;  // from there to the end; 0 = none
  bool channels = false;
};

struct Syntax;  // private to the module: the options of one command

// Which arguments are values: bytes that nobody looks at, so that they may be streamed past the
// proxy.
struct ValueArgs {
  std::uint8_t first =
      0;  // 0 = none (or by Grammar: EVAL's arguments, XADD's fields, ZADD's members)
  std::uint8_t step = 1;
  std::uint8_t count = 0;  // 0 = to the end
};

// A container ("config") names its subcommands and is no right by itself: `+config` in an ACL rule
// would be CONFIG SET too.
struct CommandInfo {
  CommandId id = 0;
  std::string name;  // lower case; "config|get" for a subcommand
  int arity = 0;     // as COMMAND: negative = at least
  std::uint32_t flags = 0;
  std::uint64_t categories = 0;  // bits of Catalog::categories()
  std::vector<KeySpec> key_specs;
  bool container =
      false;  // has subcommands; runs without one only when its arity allows ("command")
  Exposure exposure = Exposure::by_name;
  Kind kind = Kind::plain;
  Grammar grammar = Grammar::none;
  const Syntax* syntax = nullptr;  // null exactly when grammar is none
  ValueArgs values;
  NameArgs names;
  Naming naming = Naming::unknown;
  Answer answer = Answer::nameless;
  std::uint64_t plain_numbers = 0;  // arguments that are no data where they are numbers: bit by place
  std::uint8_t ruled_from = 0;  // from there on arguments need an argument rule; 0 = none does
  bool scans_keyspace = false;  // tells of, or removes, keys that it does not name
  bool on_server = true;  // false: the proxy answers it though the server does not know it; no ACL
                          // rule may name it
  bool mutates = false;   // state-changing in the sense of the audit (not the same as kWrite):
                          // recorded with its outcome
  [[nodiscard]] bool is(Flag flag) const { return (flags & flag) != 0; }
};

}  // namespace keyward::command
