// One judged request: what it is, which keys it uses and how, which channels. Made by analyse()
// only.
#pragma once

#include "keyward/command/catalog.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::command {

struct KeyUse {
  std::uint32_t arg = 0;        // index into args
  std::uint8_t access = kNone;  // bits of Access
};

struct ChannelUse {
  std::uint32_t arg = 0;
  bool pattern = false;  // PSUBSCRIBE: redis wants this very text among the user's patterns
  bool publish = false;
};

// A name that is neither: a pattern of SCAN or PUBSUB CHANNELS, a channel that is left.
struct NameUse {
  std::uint32_t arg = 0;
  bool channel = false;  // else a key or a pattern of keys
};

// An argument that only an argument rule of a policy can allow: it reaches further than the keys and
// channels that the command names.
struct RuledUse {
  std::uint32_t arg = 0;
  std::string_view option;  // "by", "get", "bcast"; empty: CONFIG GET's names
};

// Reused from command to command: its vectors keep their memory. Views in args live as long as the
// request.
struct Command {
  const CommandInfo* info = nullptr;
  std::span<const std::string_view> args;
  std::vector<KeyUse> keys;
  std::vector<ChannelUse> channels;  // published or subscribed to; leaving one needs no right
  std::vector<NameUse> names;        // further names, of which a policy says nothing
  std::vector<RuledUse> ruled;
  // Bit i: argument i is the word of an option; or holds neither name nor data, and may be shown in a
  // record if it is a number.
  std::uint64_t option_words = 0, plain_numbers = 0;
  bool blocks = false;               // may block upstream, judged by arguments
  bool mutates = false;              // to be recorded with its outcome
  // SCAN MATCH p and KEYS p: the pattern that bounds what the answer may name; empty = the whole
  // keyspace.
  std::string_view scan_pattern;
  bool scans_keyspace = false;  // KEYS, SCAN, RANDOMKEY, DBSIZE, FLUSHDB
};

enum class Verdict : std::uint8_t {
  ok,
  unknown,  // no such command: text() as Redis words it
  arity,    // wrong number of arguments
  grammar,  // duplicated, ambiguous or malformed options: refused although Redis might run it
};

struct Analysis {
  Verdict verdict = Verdict::ok;
  std::string
      text;  // client-visible error without "-", empty when ok: "ERR unknown command 'foo', ..."
};

// Pure; allocates only for an error's text. A streamed argument, whose bytes are not here, is
// passed as an empty view: analyse_head() has already said that its place can only hold a value,
// and values are never looked at. Source of the rules: key-specs
// (redis.io/docs/reference/key-specs), redis db.c getKeysFromCommand and friends.
Analysis analyse(const Catalog& catalog, std::span<const std::string_view> args, Command& out);

struct LargeShape {
  std::size_t total_args = 0;
  std::size_t index = 0;  // of the streamed argument
};
// The head of a large request: `head` are the arguments before the streamed one, at `shape.index`
// == head.size(). Refuses unless that place can only hold a value: a key, channel, subcommand,
// count, option or number is never streamed. `ok` means: nothing refuses it yet, keys known so far
// are in `out`. Ask again for each further streamed argument of the request, with empty views for
// those before it; analyse() the whole, with empty views, once all small ones are there.
Analysis analyse_head(const Catalog& catalog, std::span<const std::string_view> head,
                      const LargeShape& shape, Command& out);

}  // namespace keyward::command
