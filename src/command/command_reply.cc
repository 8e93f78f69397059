// RESP2 bytes of COMMAND -> RawCommand. The sender is the upstream server; sizes are still bounded
// by the bytes present.
#include "command/raw_command.h"

#include "keyward/base/ascii.h"

#include <charconv>
#include <limits>
#include <span>

namespace keyward::command {
namespace {

constexpr int kMaxDepth = 12;

struct Value {
  char type = 0;  // '+' '-' ':' '$' '*'
  std::string_view text;
  std::int64_t number = 0;
  std::vector<Value> items;
  [[nodiscard]] bool is_text() const { return type == '+' || type == '$'; }
  [[nodiscard]] bool is_array() const { return type == '*'; }
};

// Reads one value from the front of `bytes`; false when it is not whole or not RESP2.
bool read_value(std::string_view& bytes, Value& out, int depth) {
  const std::size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos || end == 0 || depth > kMaxDepth) return false;
  out.type = bytes[0];
  out.text = bytes.substr(1, end - 1);
  bytes.remove_prefix(end + 2);
  if (out.type == '+' || out.type == '-') return true;
  const char* last = out.text.data() + out.text.size();
  if (std::from_chars(out.text.data(), last, out.number).ptr != last || out.text.empty())
    return false;
  if (out.type == ':') return true;
  if (out.type != '$' && out.type != '*') return false;
  if (out.number < 0) {
    out.text = {};
    return out.number == -1;
  }
  const auto count = static_cast<std::uint64_t>(out.number);
  if (out.type == '$') {
    if (count > bytes.size() || bytes.size() - count < 2) return false;
    out.text = bytes.substr(0, count);
    bytes.remove_prefix(count + 2);
    return true;
  }
  if (count > bytes.size() / 3) return false;  // no element is shorter than ":0\r" and its "\n"
  out.items.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!read_value(bytes, out.items.emplace_back(), depth + 1)) return false;
  }
  return true;
}

// The value behind `name` in a flat list of names and values.
const Value* field(std::span<const Value> flat, std::string_view name) {
  for (std::size_t i = 0; i + 1 < flat.size(); i += 2) {
    if (flat[i].is_text() && flat[i].text == name) return &flat[i + 1];
  }
  return nullptr;
}

int number_field(std::span<const Value> flat, std::string_view name) {
  const Value* value = field(flat, name);
  if (value == nullptr || value->type != ':' || value->number > std::numeric_limits<int>::max() ||
      value->number < std::numeric_limits<int>::min()) {
    return 0;
  }
  return static_cast<int>(value->number);
}

void read_spec_flags(const Value& flags, KeySpec& spec) {
  for (const Value& flag : flags.items) {
    if (same_word(flag.text, "access")) spec.access |= kRead;
    if (same_word(flag.text, "insert") || same_word(flag.text, "update") ||
        same_word(flag.text, "delete")) {
      spec.access |= kModify;
    }
    if (same_word(flag.text, "not_key")) spec.not_key = true;
    if (same_word(flag.text, "incomplete")) spec.incomplete = true;
    if (same_word(flag.text, "variable_flags")) spec.variable = true;
  }
}

// Whatever is not understood stays "unknown", which later means: refused.
KeySpec read_spec(const Value& value) {
  KeySpec spec;
  if (const Value* flags = field(value.items, "flags")) read_spec_flags(*flags, spec);
  const Value* begin = field(value.items, "begin_search");
  const Value* find = field(value.items, "find_keys");
  if (begin == nullptr || find == nullptr) return spec;
  const Value* begin_type = field(begin->items, "type");
  const Value* begin_spec = field(begin->items, "spec");
  const Value* find_type = field(find->items, "type");
  const Value* find_spec = field(find->items, "spec");
  if (begin_type == nullptr || begin_spec == nullptr || find_type == nullptr ||
      find_spec == nullptr) {
    return spec;
  }
  if (begin_type->text == "index") {
    spec.begin = KeySpec::Begin::index;
    spec.begin_index = number_field(begin_spec->items, "index");
  } else if (begin_type->text == "keyword") {
    const Value* keyword = field(begin_spec->items, "keyword");
    if (keyword == nullptr || !keyword->is_text()) return spec;
    spec.begin = KeySpec::Begin::keyword;
    spec.keyword = uppered(keyword->text);
    spec.begin_index = number_field(begin_spec->items, "startfrom");
  }
  if (find_type->text == "range") {
    spec.find = KeySpec::Find::range;
    spec.last_key = number_field(find_spec->items, "lastkey");
    spec.step = number_field(find_spec->items, "keystep");
    spec.limit = number_field(find_spec->items, "limit");
  } else if (find_type->text == "keynum") {
    spec.find = KeySpec::Find::keynum;
    spec.keynum_index = number_field(find_spec->items, "keynumidx");
    spec.first_key = number_field(find_spec->items, "firstkey");
    spec.keynum_step = number_field(find_spec->items, "keystep");
  }
  return spec;
}

bool read_command(const Value& value, std::vector<RawCommand>& out, int depth) {
  const std::vector<Value>& items = value.items;
  if (!value.is_array() || items.size() < 6 || !items[0].is_text() || items[0].text.empty() ||
      items[0].text.size() > 128 || items[1].type != ':' || !items[2].is_array()) {
    return false;
  }
  RawCommand command;
  command.name = lowered(items[0].text);
  command.arity = static_cast<int>(items[1].number);
  for (const Value& flag : items[2].items) command.flags |= flag_bit(flag.text);
  command.first_key = static_cast<int>(items[3].number);
  command.last_key = static_cast<int>(items[4].number);
  command.step = static_cast<int>(items[5].number);
  if (items.size() > 6) {
    command.has_categories = true;
    for (const Value& category : items[6].items) {
      std::string_view name = category.text;
      if (name.starts_with('@')) name.remove_prefix(1);
      command.categories.push_back(lowered(name));
    }
  }
  if (items.size() < 10) {
    out.push_back(std::move(command));
    return true;
  }
  command.has_key_specs = true;
  for (const Value& spec : items[8].items) command.key_specs.push_back(read_spec(spec));
  command.has_subcommands = !items[9].items.empty();
  if (command.has_subcommands && depth > 0) return false;
  out.push_back(std::move(command));
  for (const Value& child : items[9].items) {
    if (!read_command(child, out, depth + 1)) return false;
  }
  return true;
}

}  // namespace

std::uint32_t flag_bit(std::string_view name) {
  struct Row {
    std::string_view name;
    Flag flag;
  };
  static constexpr Row kFlags[] = {
      {"write", kWrite},
      {"readonly", kReadonly},
      {"denyoom", kDenyOom},
      {"admin", kAdmin},
      {"pubsub", kPubsub},
      {"noscript", kNoScript},
      {"blocking", kBlocking},
      {"fast", kFast},
      {"no_auth", kNoAuth},
      {"may_replicate", kMayReplicate},
      {"movablekeys", kMovableKeys},
      {"no_multi", kNoMulti},
      {"allow_busy", kAllowBusy},
      {"loading", kLoading},
      {"stale", kStale},
      {"no_mandatory_keys", kNoMandatoryKeys},
  };
  for (const Row& row : kFlags) {
    if (row.name == name) return row.flag;
  }
  return 0;
}

Result<std::vector<RawCommand>> commands_of_reply(std::string_view reply) {
  Value root;
  if (!read_value(reply, root, 0) || !reply.empty() || !root.is_array() || root.items.empty()) {
    return Error(Errc::invalid, "the server's answer to COMMAND is not a list of commands");
  }
  std::vector<RawCommand> commands;
  for (const Value& item : root.items) {
    if (item.is_array() && item.number < 0) continue;
    if (!read_command(item, commands, 0)) {
      return Error(Errc::invalid,
                   "the server's answer to COMMAND has an entry that is not a command");
    }
  }
  return commands;
}

}  // namespace keyward::command
