#include "keyward/policy/ttl_guard.h"

#include "keyward/base/ascii.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>

namespace keyward::policy {
namespace {

using command::Command;

// Every command of the built-in table that can write stands in exactly one of these lists (a test
// holds this); what stands in none counts as unjudged, so that a guard refuses it.
enum class Effect : std::uint8_t {
  nothing,   // writes only into keys that are there, or none at all
  creates,   // every key that it modifies may come into being
  second,    // its second argument may; the first is taken from
  store,     // as creates, when an option names the key (SORT STORE)
  existing,  // as creates, unless the option XX or NOMKSTREAM says that the key must be there
  mkstream,  // XGROUP CREATE: only with the option MKSTREAM
  set,       // SET
  own,       // it says the expiry itself
  restore,   // RESTORE: a ttl of 0 is none
  getex,     // GETEX
  removes,   // PERSIST
  script,    // whatever the script does
};

struct Row {
  Effect effect;
  bool strings;  // what it creates is a string, so that GETEX works on it
  std::string_view commands;
};

// Sources: the commands' implementations in redis 7.0; for the newer ones redis.io.
constexpr Row kRows[] = {
    {Effect::nothing, false,
     "blmpop blpop brpop bzmpop bzpopmax bzpopmin del delex expire expireat flushall flushdb "
     "function|delete function|flush function|load function|restore getdel hdel hexpire hexpireat "
     "hgetdel hgetex hpersist hpexpire hpexpireat linsert lmpop lpop lpushx lrem lset ltrim "
     "pexpire "
     "pexpireat pfdebug rpop rpushx spop srem swapdb unlink xack xackdel xautoclaim xclaim xdel "
     "xdelex xgroup|createconsumer xgroup|delconsumer xgroup|destroy xgroup|setid xreadgroup "
     "xsetid "
     "xtrim zmpop zpopmax zpopmin zrem zremrangebylex zremrangebyrank zremrangebyscore "
     "eval_ro evalsha_ro fcall_ro publish spublish script|load script|flush script|kill "
     "script|debug function|kill "},
    {Effect::creates, true,
     "append bitfield bitop decr decrby getset incr incrby incrbyfloat mset msetnx pfadd pfmerge "
     "setbit setnx setrange "},
    {Effect::creates, false,
     "copy geosearchstore hincrby hincrbyfloat hmset hset hsetex hsetnx lpush rpush sadd "
     "sdiffstore "
     "sinterstore sunionstore zdiffstore zincrby zinterstore zrangestore zunionstore move "
     "migrate "},
    {Effect::second, false, "blmove brpoplpush lmove rename renamenx rpoplpush smove "},
    {Effect::store, false, "georadius georadiusbymember sort "},
    {Effect::existing, false, "geoadd xadd zadd "},
    {Effect::mkstream, false, "xgroup|create "},
    {Effect::set, true, "set "},
    {Effect::own, true, "setex psetex "},
    {Effect::restore, false, "restore restore-asking "},
    {Effect::getex, true, "getex "},
    {Effect::removes, false, "persist "},
    {Effect::script, false, "eval evalsha fcall "},
};

struct Judged {
  Effect effect;
  bool strings;
};

const Judged* judged(std::string_view name) {
  static const auto table = [] {
    std::unordered_map<std::string_view, Judged> made;
    for (const Row& row : kRows) {
      for (std::string_view rest = row.commands; !rest.empty();) {
        const std::size_t end = rest.find(' ');
        made.emplace(rest.substr(0, end), Judged{row.effect, row.strings});
        rest.remove_prefix(end + 1);
      }
    }
    return made;
  }();
  const auto found = table.find(name);
  return found == table.end() ? nullptr : &found->second;
}

// Where that option stands; 0 = nowhere. `analyse` has seen to it that no value can be taken for
// one: options come first, or stand at fixed places.
std::size_t option_at(const Command& command, std::size_t from, std::string_view name) {
  for (std::size_t at = from; at < command.args.size(); ++at) {
    if (same_word(command.args[at], name)) return at;
  }
  return 0;
}

constexpr std::string_view kExpiryOptions[] = {"ex", "px", "exat", "pxat"};

// Where SET and GETEX name an expiry.
std::size_t expiry_option(const Command& command, std::size_t from) {
  for (const std::string_view name : kExpiryOptions) {
    if (const std::size_t at = option_at(command, from, name)) return at;
  }
  return 0;
}

Expiry expiry_of_set(const Command& command) {
  if (expiry_option(command, 3) != 0) return Expiry::set;
  return option_at(command, 3, "keepttl") != 0 ? Expiry::kept : Expiry::missing;
}

// XADD's fields and ZADD's members follow its options and may look like them: only what comes
// before the first argument that is none counts.
bool must_exist(const Command& command) {
  static constexpr std::string_view kFlags[] = {"nx",   "xx",      "gt",     "lt",   "ch",
                                                "incr", "keepref", "delref", "acked"};
  static constexpr std::string_view kWithValue[] = {"maxlen", "minid", "limit"};
  const auto is_one_of = [](std::string_view word, const auto& words) {
    return std::any_of(std::begin(words), std::end(words),
                       [&](std::string_view each) { return same_word(word, each); });
  };
  const bool xadd = command.info->name == "xadd";
  for (std::size_t at = 2; at < command.args.size(); ++at) {
    const std::string_view word = command.args[at];
    if (same_word(word, xadd ? "nomkstream" : "xx")) return true;
    if (xadd && is_one_of(word, kWithValue)) {
      const bool marked = at + 1 < command.args.size() &&
                          (command.args[at + 1] == "~" || command.args[at + 1] == "=");
      at += marked ? 2 : 1;
    } else if (!is_one_of(word, kFlags)) {
      return false;
    }
  }
  return false;
}

bool modifies_any(const Command& command) {
  return std::any_of(command.keys.begin(), command.keys.end(), [](const command::KeyUse& use) {
    return (use.access & command::kModify) != 0;
  });
}

// A number that Redis takes as the life, or the end, of a key. Beyond these bounds it answers an
// error and the key stays without.
bool is_time(std::string_view text, bool in_ms, bool positive) {
  constexpr std::int64_t kMost = 4'000'000'000'000;  // seconds
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size()) return false;
  const std::int64_t most = in_ms ? kMost * 1000 : kMost;
  return number <= most && number >= (positive ? 1 : -most);
}

bool expiry_is_valid(const Command& command, std::size_t option) {
  return option != 0 && option + 1 < command.args.size() &&
         is_time(command.args[option + 1],
                 command.args[option].front() == 'p' || command.args[option].front() == 'P', true);
}

}  // namespace

Expiry expiry_of(const Command& command) {
  const Judged* row = judged(command.info->name);
  if (row == nullptr) {
    const bool may_write = command.mutates || command.info->is(command::kWrite);
    return may_write ? Expiry::unjudged : Expiry::untouched;
  }
  switch (row->effect) {
    case Effect::nothing:
      return Expiry::untouched;
    case Effect::creates:
    case Effect::second:
    case Effect::store:
      return modifies_any(command) ? Expiry::missing : Expiry::untouched;
    case Effect::existing:
      return must_exist(command) ? Expiry::untouched : Expiry::missing;
    case Effect::mkstream:
      return option_at(command, 5, "mkstream") != 0 ? Expiry::missing : Expiry::untouched;
    case Effect::set:
      return expiry_of_set(command);
    case Effect::own:
      return Expiry::set;
    case Effect::restore:
      return command.args.size() > 2 && command.args[2] != "0" ? Expiry::set : Expiry::missing;
    case Effect::getex:
      return option_at(command, 2, "persist") != 0 ? Expiry::removed : Expiry::untouched;
    case Effect::removes:
      return Expiry::removed;
    case Effect::script:
      return Expiry::opaque;
  }
  return Expiry::unjudged;
}

std::vector<std::uint32_t> created_keys(const Command& command) {
  const Judged* row = judged(command.info->name);
  if (row != nullptr && row->effect == Effect::second) return {2};
  std::vector<std::uint32_t> out;
  for (const command::KeyUse& use : command.keys) {
    if ((use.access & command::kModify) != 0) out.push_back(use.arg);
  }
  return out;
}

std::string_view ttl_refusal(const TtlGuard& guard, const Command& command, bool in_transaction) {
  if (guard.mode == TtlGuard::Mode::none) return {};
  const bool require = guard.mode == TtlGuard::Mode::require;
  switch (expiry_of(command)) {
    case Expiry::untouched:
    case Expiry::set:
      return {};
    case Expiry::missing:
      if (in_transaction) return {};
      if (require) {
        return "would leave a key without an expiry, which your grant requires; set one in the "
               "same "
               "command (SET ... EX, SETEX), or send it between MULTI and EXEC with an EXPIRE "
               "behind "
               "it";
      }
      if (!command.blocks) return {};
      return "may wait, so that its key cannot get an expiry in the same step, which your grant "
             "asks for; use its form without waiting (LMOVE, RPOPLPUSH)";
    case Expiry::kept:
      if (!require || in_transaction) return {};
      return "keeps the expiry of the old key, which may have none, and your grant requires one; "
             "say EX or PX";
    case Expiry::removed:
      return "would take the expiry of a key away, which your grant requires";
    case Expiry::opaque:
      return "runs a script whose keys may be left without an expiry, which your grant requires; "
             "scripts need a grant of their own without 'ttl'";
    case Expiry::unjudged:
      break;
  }
  return "is a write of which Keyward does not know whether its keys have an expiry, which your "
         "grant requires";
}

TtlWay ttl_way(const TtlGuard& guard, const Command& command) {
  if (guard.mode != TtlGuard::Mode::apply) return TtlWay::as_is;
  const Expiry expiry = expiry_of(command);
  if (expiry == Expiry::kept) return TtlWay::block;
  if (expiry != Expiry::missing) return TtlWay::as_is;
  return command.info->name == "set" ? TtlWay::in_place : TtlWay::block;
}

void TtlLedger::note(const TtlGuard& guard, const Command& command, std::uint32_t member) {
  cover(command);
  if (guard.mode == TtlGuard::Mode::none) return;
  const Expiry expiry = expiry_of(command);
  if (expiry != Expiry::missing && expiry != Expiry::kept) return;
  const Judged* row = judged(command.info->name);
  for (const std::uint32_t arg : created_keys(command)) {
    const std::string_view key = command.args[arg];
    if (guard.mode == TtlGuard::Mode::apply) {
      due_.try_emplace(std::string(key), guard.life);
      continue;
    }
    const auto [at, fresh] =
        open_.try_emplace(std::string(key), Missing{member, arg, command.info->name, row->strings});
    if (!fresh) at->second.is_string = at->second.is_string && row->strings;
  }
}

// EXPIRE and its kin: with XX and GT a key without an expiry stays without. SET ... EX: with NX it
// does nothing to a key that is there, with GET it fails on what is no string.
void TtlLedger::cover(const Command& command) {
  if (open_.empty()) return;
  const std::string& name = command.info->name;
  if (name == "del" || name == "unlink") {
    for (const command::KeyUse& use : command.keys) {
      if (const auto at = open_.find(command.args[use.arg]); at != open_.end()) open_.erase(at);
    }
    return;
  }
  bool covers = false;
  bool strings_only = false;
  if (name == "expire" || name == "pexpire" || name == "expireat" || name == "pexpireat") {
    covers = is_time(command.args[2], name.front() == 'p', false) &&
             option_at(command, 3, "xx") == 0 && option_at(command, 3, "gt") == 0;
  } else if (name == "setex" || name == "psetex") {
    covers = is_time(command.args[2], name.front() == 'p', true);
  } else if (name == "set") {
    covers = expiry_is_valid(command, expiry_option(command, 3)) &&
             option_at(command, 3, "nx") == 0 && option_at(command, 3, "get") == 0;
  } else if (name == "getex") {
    covers = strings_only = expiry_is_valid(command, expiry_option(command, 2));
  }
  if (!covers) return;
  const auto at = open_.find(command.args[1]);
  if (at != open_.end() && (!strings_only || at->second.is_string)) open_.erase(at);
}

std::vector<TtlLedger::Open> TtlLedger::open() const {
  std::vector<Open> out;
  for (const auto& [key, missing] : open_)
    out.push_back({missing.member, missing.command, missing.arg});
  std::sort(out.begin(), out.end(), [](const Open& a, const Open& b) {
    return a.member != b.member ? a.member < b.member : a.arg < b.arg;
  });
  return out;
}

}  // namespace keyward::policy
