#include "command/raw_command.h"

#include <charconv>

namespace keyward::command {
namespace {

struct TableRow {
  std::string_view name;
  int arity;
  std::string_view flags, categories, key_specs;
};

constexpr TableRow kTable[] = {
#include "command/command_table.inc"
};

std::string_view take(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

int take_number(std::string_view& text) {
  const std::string_view word = take(text, ',');
  int value = 0;
  std::from_chars(word.data(), word.data() + word.size(), value);
  return value;
}

void read_word(std::string_view word, KeySpec& spec) {
  std::string_view rest = word;
  const std::string_view what = take(rest, ':');
  if (what == "read") {
    spec.access |= kRead;
  } else if (what == "modify") {
    spec.access |= kModify;
  } else if (what == "not_key") {
    spec.not_key = true;
  } else if (what == "incomplete") {
    spec.incomplete = true;
  } else if (what == "variable_flags") {
    spec.variable = true;
  } else if (what == "index") {
    spec.begin = KeySpec::Begin::index;
    spec.begin_index = take_number(rest);
  } else if (what == "keyword") {
    spec.begin = KeySpec::Begin::keyword;
    spec.keyword = take(rest, ',');
    spec.begin_index = take_number(rest);
  } else if (what == "range") {
    spec.find = KeySpec::Find::range;
    spec.last_key = take_number(rest);
    spec.step = take_number(rest);
    spec.limit = take_number(rest);
  } else if (what == "keynum") {
    spec.find = KeySpec::Find::keynum;
    spec.keynum_index = take_number(rest);
    spec.first_key = take_number(rest);
    spec.keynum_step = take_number(rest);
  }
}

RawCommand read_row(const TableRow& row) {
  RawCommand command;
  command.name = row.name;
  command.arity = row.arity;
  command.has_key_specs = command.has_categories = true;
  for (std::string_view flags = row.flags; !flags.empty();)
    command.flags |= flag_bit(take(flags, ' '));
  for (std::string_view words = row.categories; !words.empty();) {
    command.categories.emplace_back(take(words, ' '));
  }
  for (std::string_view specs = row.key_specs; !specs.empty();) {
    KeySpec& spec = command.key_specs.emplace_back();
    for (std::string_view words = take(specs, ';'); !words.empty();)
      read_word(take(words, ' '), spec);
  }
  return command;
}

}  // namespace

std::vector<RawCommand> built_in_commands() {
  std::vector<RawCommand> commands;
  commands.reserve(std::size(kTable));
  for (const TableRow& row : kTable) {
    const std::size_t bar = row.name.find('|');
    if (bar != std::string_view::npos) {
      // Rows are in the order of the server's reply: a subcommand follows its container.
      for (auto it = commands.rbegin(); it != commands.rend(); ++it) {
        if (it->name == row.name.substr(0, bar)) {
          it->has_subcommands = true;
          break;
        }
      }
    }
    commands.push_back(read_row(row));
  }
  return commands;
}

ServerVersion built_in_version() { return {7, 0, 15, "redis"}; }

}  // namespace keyward::command
