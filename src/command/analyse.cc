#include "command/key_walker.h"
#include "command/numbers.h"
#include "command/option_reader.h"
#include "command/refusals.h"
#include "command/syntax.h"

#include "keyward/base/ascii.h"
#include "keyward/command/command.h"

#include <algorithm>

namespace keyward::command {
namespace {

bool fits(const CommandInfo& info, std::size_t count) {
  const auto given = static_cast<std::int64_t>(count);
  return info.arity >= 0 ? given == info.arity : given >= -std::int64_t{info.arity};
}

// No policy hands these out, so their grammar is of no interest and the policy is the one to say
// so.
bool nobody_runs(const CommandInfo& info) { return info.exposure == Exposure::never; }

void start(std::span<const std::string_view> args, Command& out) {
  out.info = nullptr;
  out.args = args;
  out.keys.clear();
  out.channels.clear();
  out.names.clear();
  out.ruled.clear();
  out.blocks = out.mutates = out.scans_keyspace = false;
  out.scan_pattern = {};
  out.option_words = out.plain_numbers = 0;
}

// Keys by key-spec. Specs that a grammar replaces are left to it.
Analysis keys_by_spec(const CommandInfo& info, std::size_t total, Command& out) {
  const Syntax* syntax = info.syntax;
  const bool zero_keys = info.is(kNoMandatoryKeys) || (syntax != nullptr && syntax->free_rest);
  for (const KeySpec& spec : info.key_specs) {
    if (syntax != nullptr && syntax->finds_keys && spec.begin != KeySpec::Begin::index) continue;
    if (const auto at = spec.one_key(); at != 0 && at < total && at < out.args.size()) {
      out.keys.push_back({at, spec.access});
      continue;
    }
    if (!add_keys(spec, {out.args, total}, zero_keys, out.keys)) {
      return syntax_error(info, "its keys cannot be told from its arguments");
    }
  }
  return {};
}

Analysis read_options(const CommandInfo& info, Command& out) {
  const Syntax& syntax = *info.syntax;
  // SET: the key-spec says the most that any option could do; options then say what they do.
  for (KeyUse& key : out.keys) {
    if (info.key_specs[0].variable) key.access = kModify;
  }
  if (out.args.size() <= syntax.first) {
    if (syntax.by_option) out.mutates = false;
    return {};
  }
  OptionReader reader(info, out);
  Analysis analysis = reader.read_all(syntax.first);
  if (syntax.by_option) out.mutates = reader.modifies();
  return analysis;
}

Analysis read_numkeys(const CommandInfo& info, Command& out) {
  const Syntax& syntax = *info.syntax;
  out.plain_numbers |= std::uint64_t{1} << syntax.first;
  if (syntax.free_rest) return {};
  const std::size_t keys = count_of(out.args[syntax.first]).value_or(0);
  const std::size_t rest = syntax.first + 1 + keys + syntax.after_keys;
  if (rest > out.args.size()) return syntax_error(info, "an argument behind its keys is missing");
  return OptionReader(info, out).read_all(rest, keys);
}

Analysis read_streams(const CommandInfo& info, Command& out) {
  OptionReader reader(info, out);
  if (Analysis options = reader.read_leading(info.syntax->first); options.verdict != Verdict::ok)
    return options;
  const std::size_t at = reader.at();
  if (at == out.args.size() || !same_word(out.args[at], "streams")) {
    return argument_error(info, at, "is neither an option nor STREAMS");
  }
  if (info.syntax->group_needed && !reader.seen("group"))
    return option_error(info, "group", "is missing");
  const std::size_t rest = out.args.size() - at - 1;
  if (rest == 0 || rest % 2 != 0) return syntax_error(info, "STREAMS wants as many ids as keys");
  // A group read hands messages out and marks them pending: a change, though the server's key-spec
  // calls it a read.
  const auto access = static_cast<std::uint8_t>(info.is(kWrite) ? kRead | kModify : kRead);
  for (std::size_t i = at + 1; i <= at + rest / 2; ++i) {
    out.keys.push_back({static_cast<std::uint32_t>(i), access});
  }
  return {};
}

// bitops.c bitfieldGeneric; every operation must be whole.
Analysis read_bitfield(const CommandInfo& info, Command& out) {
  bool writes = false;
  for (std::size_t i = info.syntax->first; i < out.args.size();) {
    const std::string_view word = out.args[i];
    std::size_t values = 0;
    if (same_word(word, "get")) {
      values = 2;
    } else if (info.is(kWrite) && (same_word(word, "set") || same_word(word, "incrby"))) {
      values = 3;
      writes = true;
    } else if (info.is(kWrite) && same_word(word, "overflow")) {
      values = 1;
    } else {
      return argument_error(info, i, "is none of its operations");
    }
    if (out.args.size() - i - 1 < values) return argument_error(info, i, "lacks its values");
    i += values + 1;
  }
  for (KeyUse& key : out.keys)
    key.access = static_cast<std::uint8_t>(writes ? kRead | kModify : kRead);
  out.mutates = writes;
  return {};
}

// t_stream.c streamParseAddOrTrimArgsOrReply: options, among them MAXLEN or MINID [=|~] threshold
// and LIMIT count, then the id. The table's values count what follows an option's word, the
// optional sign left out.
Analysis find_xadd_id(const CommandInfo& info, const Command& command, std::size_t& id_at) {
  const auto& args = command.args;
  std::uint32_t seen = 0;
  std::uint32_t groups = 0;
  for (id_at = info.syntax->first; id_at < args.size();) {
    const auto options = info.syntax->options;
    const auto option = std::find_if(options.begin(), options.end(), [&](const Option& each) {
      return same_word(args[id_at], each.name);
    });
    if (option == options.end()) return {};
    const std::uint32_t bit = 1U << (option - options.begin());
    const std::uint32_t group = option->group == 0 ? 0 : 1U << option->group;
    if ((seen & bit) != 0 || (groups & group) != 0) {
      return option_error(info, option->name, "does not go with an option before it");
    }
    seen |= bit;
    groups |= group;
    id_at += 1;
    if (option->values == 0) continue;
    if (option->group != 0 && id_at < args.size() && (args[id_at] == "=" || args[id_at] == "~"))
      id_at += 1;
    id_at += option->values;
  }
  return {};
}

Analysis read_xadd(const CommandInfo& info, const Command& command) {
  std::size_t id_at = 0;
  if (Analysis found = find_xadd_id(info, command, id_at); found.verdict != Verdict::ok)
    return found;
  if (id_at + 3 > command.args.size() || (command.args.size() - id_at) % 2 == 0) {
    return syntax_error(info, "it wants an id and as many values as fields");
  }
  return {};
}

Analysis read_zadd(const CommandInfo& info, Command& out) {
  OptionReader reader(info, out);
  if (Analysis options = reader.read_leading(info.syntax->first); options.verdict != Verdict::ok)
    return options;
  const std::size_t rest = out.args.size() - reader.at();
  if (rest == 0 || rest % 2 != 0) return syntax_error(info, "it wants as many members as scores");
  return {};
}

Analysis read_grammar(const CommandInfo& info, Command& out) {
  switch (info.grammar) {
    case Grammar::none:
      return {};
    case Grammar::options:
      return read_options(info, out);
    case Grammar::numkeys:
      return read_numkeys(info, out);
    case Grammar::streams:
      return read_streams(info, out);
    case Grammar::bitfield:
      return read_bitfield(info, out);
    case Grammar::zadd:
      return read_zadd(info, out);
    case Grammar::xadd:
      return read_xadd(info, out);
  }
  return syntax_error(info, "its grammar is not known");
}

void add_channels(const CommandInfo& info, Command& out) {
  const bool publish = info.kind == Kind::publish;
  const bool pattern = info.kind == Kind::psubscribe;
  if (!publish && !pattern && info.kind != Kind::subscribe && info.kind != Kind::ssubscribe) return;
  const std::size_t end = publish ? std::min<std::size_t>(2, out.args.size()) : out.args.size();
  for (std::size_t i = 1; i < end; ++i) {
    out.channels.push_back({static_cast<std::uint32_t>(i), pattern, publish});
  }
}

void add_names(const CommandInfo& info, Command& out) {
  if (info.names.first == 0) return;
  for (std::size_t i = info.names.first; i < out.args.size(); ++i) {
    out.names.push_back({static_cast<std::uint32_t>(i), info.names.channels});
  }
}

void add_ruled(const CommandInfo& info, Command& out) {
  if (info.ruled_from == 0) return;
  for (std::size_t i = info.ruled_from; i < out.args.size(); ++i) {
    out.ruled.push_back({static_cast<std::uint32_t>(i), {}});
  }
}

// Finds the command and judges the number of arguments; what follows depends on whether all of them
// are known.
Analysis recognise(const Catalog& catalog, std::size_t total, Command& out) {
  const CommandInfo* info = catalog.find(out.args);
  if (info == nullptr) return unknown_command(catalog, out.args);
  if (!fits(*info, total)) return wrong_arity(*info);
  out.info = info;
  out.mutates = info->mutates;
  out.plain_numbers = info->plain_numbers;
  out.scans_keyspace = info->scans_keyspace;
  out.blocks = info->kind == Kind::wait ||
               (info->kind == Kind::blocking && info->grammar != Grammar::streams);
  return {};
}

// Whether the argument at `index` can only be a value, given what stands before it.
bool is_value(const CommandInfo& info, Command& out, std::size_t index) {
  const ValueArgs& values = info.values;
  if (values.first != 0 && index >= values.first && (index - values.first) % values.step == 0 &&
      (values.count == 0 || (index - values.first) / values.step < values.count)) {
    return true;
  }
  if (info.grammar == Grammar::numkeys && info.syntax->free_rest && index > info.syntax->first) {
    const auto keys = count_of(out.args[info.syntax->first]);
    return keys && index > info.syntax->first + *keys;
  }
  if (info.grammar == Grammar::xadd) {
    std::size_t id_at = 0;
    return find_xadd_id(info, out, id_at).verdict == Verdict::ok && index > id_at;
  }
  if (info.grammar == Grammar::zadd) {
    OptionReader reader(info, out);
    return reader.read_leading(info.syntax->first).verdict == Verdict::ok && index > reader.at() &&
           (index - reader.at()) % 2 == 1;
  }
  return false;
}

}  // namespace

Analysis analyse(const Catalog& catalog, std::span<const std::string_view> args, Command& out) {
  start(args, out);
  if (Analysis known = recognise(catalog, args.size(), out); known.verdict != Verdict::ok)
    return known;
  const CommandInfo& info = *out.info;
  if (nobody_runs(info)) return {};
  if (!info.key_specs.empty()) {
    if (Analysis keys = keys_by_spec(info, args.size(), out); keys.verdict != Verdict::ok)
      return keys;
  }
  if (info.grammar != Grammar::none) {
    if (Analysis grammar = read_grammar(info, out); grammar.verdict != Verdict::ok) return grammar;
  }
  add_channels(info, out);
  add_names(info, out);
  add_ruled(info, out);
  if (info.scans_keyspace && info.name == "keys") out.scan_pattern = args[1];
  return {};
}

Analysis analyse_head(const Catalog& catalog, std::span<const std::string_view> head,
                      const LargeShape& shape, Command& out) {
  start(head, out);
  if (head.empty() || shape.index != head.size() || shape.total_args <= shape.index) {
    return {Verdict::grammar, "ERR the name of a command is too long"};
  }
  const CommandInfo* top = catalog.top(head[0]);
  if (top != nullptr && top->container && head.size() == 1) {
    return syntax_error(*top, "the name of its subcommand is too long");
  }
  if (Analysis known = recognise(catalog, shape.total_args, out); known.verdict != Verdict::ok)
    return known;
  const CommandInfo& info = *out.info;
  if (nobody_runs(info)) return {};
  if (!is_value(info, out, shape.index)) {
    return argument_error(info, shape.index, "is too long: only values may be that large");
  }
  // A count behind a streamed script is not known yet; neither are the keys then.
  const bool counted_later = info.grammar == Grammar::numkeys && head.size() <= info.syntax->first;
  if (!info.key_specs.empty() && !counted_later) {
    if (Analysis keys = keys_by_spec(info, shape.total_args, out); keys.verdict != Verdict::ok)
      return keys;
  }
  for (KeyUse& key : out.keys) {
    if (info.key_specs[0].variable) key.access = kModify;
  }
  add_channels(info, out);
  return {};
}

}  // namespace keyward::command
