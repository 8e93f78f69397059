// The facts of one command or subcommand, as the server tells them by COMMAND plus what we know better.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keyward::command {

using CommandId = std::uint16_t;  // dense index into one Catalog

// Redis command flags that matter here (COMMAND, field 3).
enum Flag : std::uint32_t {
  kWrite = 1U << 0, kReadonly = 1U << 1, kDenyOom = 1U << 2, kAdmin = 1U << 3, kPubsub = 1U << 4, kNoScript = 1U << 5,
  kBlocking = 1U << 6, kFast = 1U << 7, kNoAuth = 1U << 8, kMayReplicate = 1U << 9, kMovableKeys = 1U << 10,
  kNoMulti = 1U << 11, kAllowBusy = 1U << 12, kLoading = 1U << 13, kStale = 1U << 14,
};

// What a command does with a key: redis's ACCESS / UPDATE / INSERT / DELETE of key-specs (server.h CMD_KEY_*).
enum Access : std::uint8_t {
  kNone = 0,         // only existence or metadata is touched
  kRead = 1U << 0,   // content is returned or copied (ACCESS)
  kModify = 1U << 1, // INSERT, UPDATE or DELETE
};

struct KeySpec {
  enum class Begin : std::uint8_t { index, keyword, unknown };
  enum class Find : std::uint8_t { range, keynum, unknown };
  Begin begin = Begin::unknown;
  Find find = Find::unknown;
  int begin_index = 0;         // index: position; keyword: start_from
  std::string keyword;         // upper case
  int last_key = 0, step = 1, limit = 0;              // range
  int keynum_index = 0, first_key = 0, keynum_step = 1;  // keynum
  std::uint8_t access = kNone;
  bool not_key = false;        // names a channel or such (spublish ...)
  bool incomplete = false;
  bool variable = false;       // access depends on other arguments
};

// How freely a policy may hand a command out.
enum class Exposure : std::uint8_t {
  session,   // handled by the proxy or plumbing every session needs; no grant necessary (auth, ping, select, client|id ...)
  normal,    // by name or by category
  by_name,   // only when a policy names it; a category never brings it in (script|flush, function|load, keys ...)
  never,     // never for clients of the proxy (config|set, monitor, replicaof, acl|setuser, shutdown ...)
};

// What the proxy must do to run it. `Command::blocks` refines `blocking` by argument (XREAD without BLOCK does not block).
enum class Kind : std::uint8_t {
  plain, blocking, watch, unwatch, multi, exec, discard,
  subscribe, unsubscribe, psubscribe, punsubscribe, ssubscribe, sunsubscribe, publish,
  auth, hello, select, client, reset, quit, info, wait, script,  // script: eval*, fcall*
};

// Extra rules on the shape of the arguments; one strict grammar each, see analyse.
enum class Grammar : std::uint8_t {
  none, set, getex, sort, georadius, xread, xreadgroup, migrate, eval, bitfield, zrangestore, zstore, zinter, scan, keys,
  client_tracking, copy, restore, lmpop, object, memory, xadd, other,
};

struct CommandInfo {
  CommandId id = 0;
  std::string name;            // lower case; "config|get" for a subcommand
  int arity = 0;               // as COMMAND: negative = at least
  std::uint32_t flags = 0;
  std::uint64_t categories = 0;  // bits of Catalog::categories()
  std::vector<KeySpec> key_specs;
  bool container = false;      // needs a subcommand ("config"); never runs itself unless it also has a plain form
  Exposure exposure = Exposure::by_name;
  Kind kind = Kind::plain;
  Grammar grammar = Grammar::none;
  bool mutates = false;        // state-changing in the sense of the audit (not the same as kWrite): recorded with its outcome
  [[nodiscard]] bool is(Flag flag) const { return (flags & flag) != 0; }
};

}  // namespace keyward::command
