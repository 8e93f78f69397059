#include "audit/redact.h"

#include "audit/json_text.h"

#include <algorithm>
#include <array>

namespace keyward::audit {
namespace {

void open_member(std::string& out, std::string_view one, std::string_view ending) {
  out.append(",\"", 2);
  out.append(one);
  out.append(ending);
}

void append_list(std::string& out, std::string_view one, std::span<const std::string_view> names,
                 std::uint32_t latin1) {
  open_member(out, one, "s_latin1\":[");
  bool first = true;
  for (std::size_t index = 0; index < names.size(); ++index) {
    if ((latin1 >> index & 1U) == 0) continue;
    if (!first) out.push_back(',');
    first = false;
    append_number(out, index);
  }
  out.push_back(']');
}

void append_cut(std::string& out, std::string_view one, std::span<const std::string_view> names) {
  open_member(out, one, "s_cut\":[");
  bool first = true;
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (names[index].size() <= kNameLimit) continue;
    out.append(first ? "{\"index\":" : ",{\"index\":");
    first = false;
    append_number(out, index);
    out.append(",\"bytes\":");
    append_number(out, names[index].size());
    out.push_back('}');
  }
  out.push_back(']');
}

bool plain(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char byte) {
    return byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\' && byte != '<';
  });
}

// The backslashes are doubled and the quotes escaped once more, for JSON.
void append_quoted(std::string& out, std::string_view name) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  out.append("\\\"", 2);
  for (const char byte : name) {
    const auto code = static_cast<std::uint8_t>(byte);
    if (byte == '"') {
      out.append("\\\\\\\"", 4);
    } else if (byte == '\\') {
      out.append("\\\\\\\\", 4);
    } else if (byte >= ' ' && byte < 0x7f) {
      out.push_back(byte);
    } else {
      const std::array<char, 5> text{'\\', '\\', 'x', kDigits[code >> 4], kDigits[code & 15]};
      out.append(text.data(), text.size());
    }
  }
  out.append("\\\"", 2);
}

void append_length(std::string& out, std::size_t size) {
  out.push_back('<');
  append_number(out, size);
  out.append(size == 1 ? " byte>" : " bytes>");
}

void append_name(std::string& out, std::string_view name) {
  const std::string_view shown = cut(name, kNameLimit);
  if (plain(shown)) {
    out.append(shown);
  } else {
    append_quoted(out, shown);
  }
  if (shown.size() == name.size()) return;
  out.append("...", 3);
  append_length(out, name.size());
}

// The catalogue's name in upper case, "config|set" as CONFIG SET. A name no catalogue knows is the
// client's own text.
void append_command(std::string& out, std::string_view command) {
  for (const char byte : command.substr(0, kCommandLimit)) {
    const bool letter = byte >= 'a' && byte <= 'z';
    const bool printable = byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\';
    out.push_back(letter        ? static_cast<char>(byte - 32)
                  : byte == '|' ? ' '
                  : printable   ? byte
                                : '?');
  }
  if (command.size() > kCommandLimit) out.append("...", 3);
}

// A name is recognised by its place, not by its content: in SET k k the value stays hidden.
bool same_place(std::string_view argument, std::span<const std::string_view> names) {
  const auto listed = names.first(std::min(names.size(), kNamesListed));
  return std::any_of(listed.begin(), listed.end(), [&](std::string_view name) {
    return name.data() == argument.data() && name.size() == argument.size();
  });
}

}  // namespace

bool append_names(std::string& out, std::string_view one, std::span<const std::string_view> names) {
  if (names.empty()) return false;
  const auto listed = names.first(std::min(names.size(), kNamesListed));
  std::uint32_t latin1 = 0;
  bool any_cut = false;
  open_member(out, one, "s\":[\"");
  for (std::size_t index = 0; index < listed.size(); ++index) {
    if (index > 0) out.append("\",\"", 3);
    any_cut = any_cut || listed[index].size() > kNameLimit;
    if (append_escaped(out, cut(listed[index], kNameLimit)) == Encoding::latin1)
      latin1 |= 1U << index;
  }
  out.append("\"]", 2);
  open_member(out, one, "_count\":");
  append_number(out, names.size());
  if (latin1 != 0) append_list(out, one, listed, latin1);
  if (any_cut) append_cut(out, one, listed);
  return any_cut || listed.size() < names.size();
}

void append_query(std::string& out, const Event& event) {
  append_command(out, event.command);
  const bool container = event.command.find('|') != std::string_view::npos;
  const std::size_t named = std::min<std::size_t>(container ? 2 : 1, event.args.size());
  const auto arguments = event.args.subspan(named);
  for (const std::string_view argument :
       arguments.first(std::min(arguments.size(), kArgumentsShown))) {
    out.push_back(' ');
    if (same_place(argument, event.keys) || same_place(argument, event.channels)) {
      append_name(out, argument);
    } else {
      append_length(out, argument.size());
    }
  }
  if (arguments.size() <= kArgumentsShown) return;
  out.append(" ... ");
  append_number(out, arguments.size() - kArgumentsShown);
  out.append(" more");
}

}  // namespace keyward::audit
