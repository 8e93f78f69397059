#include "audit/redact.h"

#include "audit/eight_bytes.h"

#include "keyward/audit/name_hash.h"

#include <algorithm>
#include <array>

namespace keyward::audit {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

char* open_member(char* at, std::string_view one, std::string_view ending) {
  at = put(at, ",\"");
  at = put(at, one);
  return put(at, ending);
}

// The names that are shown.
class Shown {
 public:
  Shown(std::span<const std::string_view> args, std::span<const std::uint32_t> which)
      : args_(args), which_(which.first(std::min(which.size(), kNamesListed))) {}
  [[nodiscard]] std::size_t size() const { return which_.size(); }
  std::string_view operator[](std::size_t index) const { return args_[which_[index]]; }

 private:
  std::span<const std::string_view> args_;
  std::span<const std::uint32_t> which_;
};

// The hashes of listed names: "hmac:" and hex digits, so that nothing in them needs escaping.
char* put_hashes(char* at, std::string_view one, std::span<const std::string_view> args,
                 std::span<const std::uint32_t> which, const NameHash& hash) {
  const Shown names(args, which);
  at = open_member(at, one, "s\":[");
  for (std::size_t index = 0; index < names.size(); ++index) {
    const HashedName shown = hash(names[index]);
    at = put(at, index == 0 ? std::string_view("\"") : ",\"");
    at = put(put(at, {shown.data(), shown.size()}), '"');
  }
  at = put(at, ']');
  if (names.size() == which.size()) return at;
  at = open_member(at, one, "_count\":");
  return put(at, std::uint64_t{which.size()});
}

char* put_latin1_list(char* at, std::string_view one, std::uint32_t latin1) {
  at = open_member(at, one, "s_latin1\":[");
  for (std::uint64_t index = 0; index < kNamesListed; ++index) {
    if ((latin1 >> index & 1U) == 0) continue;
    at = put(at, index);
    at = put(at, ',');
  }
  at[-1] = ']';
  return at;
}

char* put_cut_list(char* at, std::string_view one, const Shown& names) {
  at = open_member(at, one, "s_cut\":[");
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (names[index].size() <= kNameLimit) continue;
    at = put(at, "{\"index\":");
    at = put(at, std::uint64_t{index});
    at = put(at, ",\"bytes\":");
    at = put(at, std::uint64_t{names[index].size()});
    at = put(at, "},");
  }
  at[-1] = ']';
  return at;
}

constexpr std::array<bool, 256> make_bare() {
  std::array<bool, 256> bare{};
  for (std::size_t byte = 0x21; byte < 0x7f; ++byte)
    bare[byte] = byte != '"' && byte != '\\' && byte != '<';
  return bare;
}
constexpr std::array<bool, 256> kBare = make_bare();

// A name that no other argument can be taken for: it stands without quotes.
bool bare(std::string_view name) {
  std::size_t index = 0;
  for (; name.size() - index >= 8; index += 8) {
    const EightBytes some(name.data() + index);
    if (EightBytes::any(some.below('!') | some.equal('"') | some.equal('\\') | some.equal('<') |
                        some.beyond_ascii()))
      break;
  }
  for (; index < name.size(); ++index) {
    if (!kBare[static_cast<std::uint8_t>(name[index])]) return false;
  }
  return !name.empty();
}

// The backslashes are doubled and the quotes escaped once more, for JSON.
char* put_quoted(char* at, std::string_view name) {
  at = put(at, "\\\"");
  for (const char byte : name) {
    const auto code = static_cast<std::uint8_t>(byte);
    if (byte == '"') {
      at = put(at, "\\\\\\\"");
    } else if (byte == '\\') {
      at = put(at, "\\\\\\\\");
    } else if (byte >= ' ' && byte < 0x7f) {
      *at++ = byte;
    } else {
      const std::array<char, 5> text{'\\', '\\', 'x', kHex[code >> 4], kHex[code & 15]};
      at = put(at, {text.data(), text.size()});
    }
  }
  return put(at, "\\\"");
}

char* put_length(char* at, std::size_t size) {
  at = put(at, '<');
  at = put(at, std::uint64_t{size});
  return put(at, size == 1 ? std::string_view(" byte>") : std::string_view(" bytes>"));
}

char* put_name(char* at, std::string_view name, const NameHash* hash) {
  if (hash != nullptr) {
    const HashedName hashed = (*hash)(name);
    return put(at, {hashed.data(), hashed.size()});
  }
  const std::string_view shown = cut(name, kNameLimit);
  at = bare(shown) ? put(at, shown) : put_quoted(at, shown);
  if (shown.size() == name.size()) return at;
  return put_length(put(at, "..."), name.size());
}

// The catalogue's name in upper case, "config|set" as CONFIG SET. A name no catalogue knows is the
// client's own text.
char* put_command(char* at, std::string_view command) {
  for (const char byte : command.substr(0, kCommandLimit)) {
    const bool letter = byte >= 'a' && byte <= 'z';
    const bool printable = byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\';
    *at++ = letter ? static_cast<char>(byte - 32) : byte == '|' ? ' ' : printable ? byte : '?';
  }
  return command.size() > kCommandLimit ? put(at, "...") : at;
}

// As options are written; upper case is made of it.
bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 20 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

// Long enough for a moment in milliseconds, and no longer: a client that mixes up its arguments must
// not show the number of an account.
bool is_short_number(std::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  return !text.empty() && text.size() <= 13 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Bit i: argument i is a name that is listed. A name is recognised by its place, not by its
// content: in SET k k the value stays hidden.
std::uint64_t named_places(const RequestView& request) {
  std::uint64_t places = 0;
  for (const auto& which : {request.keys, request.channels}) {
    for (const std::uint32_t place : which.first(std::min(which.size(), kNamesListed))) {
      if (place < 64) places |= std::uint64_t{1} << place;
    }
  }
  return places;
}

}  // namespace

Names put_names(char* at, std::string_view one, std::span<const std::string_view> args,
                std::span<const std::uint32_t> which, const NameHash* hash) {
  if (which.empty()) return {at, false};
  if (hash != nullptr)
    return {put_hashes(at, one, args, which, *hash), which.size() > kNamesListed};
  const Shown names(args, which);
  std::uint32_t latin1 = 0;
  bool any_cut = false;
  at = open_member(at, one, "s\":[\"");
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (index > 0) at = put(at, "\",\"");
    any_cut = any_cut || names[index].size() > kNameLimit;
    const Escaped name = escape(at, cut(names[index], kNameLimit));
    at = name.end;
    if (name.encoding == Encoding::latin1) latin1 |= 1U << index;
  }
  at = put(at, "\"]");
  if (names.size() < which.size()) {
    at = open_member(at, one, "_count\":");
    at = put(at, std::uint64_t{which.size()});
  }
  if (latin1 != 0) at = put_latin1_list(at, one, latin1);
  if (any_cut) at = put_cut_list(at, one, names);
  return {at, any_cut || names.size() < which.size()};
}

char* put_calls(char* at, std::span<const std::string_view> calls) {
  if (calls.empty()) return at;
  at = put(at, R"(,"calls":[)");
  for (const std::string_view call : calls.first(std::min(calls.size(), kCallsListed))) {
    at = escape(put(at, '"'), call.substr(0, kCommandLimit)).end;
    at = put(at, "\",");
  }
  at[-1] = ']';
  return at;
}

char* put_script(char* at, const RequestView& request) {
  const auto put_one = [&at](std::string_view name, std::string_view text) {
    if (text.empty()) return;
    at = put(put(put(at, ",\""), name), "\":\"");
    at = put(escape(at, text.substr(0, kCommandLimit)).end, '"');
  };
  put_one("script_sha1", request.script_sha1);
  put_one("function", request.function);
  put_one("library", request.library);
  return at;
}

char* put_query(char* at, const RequestView& request) {
  at = put(at, R"(,"query_info":{"name":")");
  at = escape(at, request.command.substr(0, kCommandLimit)).end;
  at = put(at, R"(","query_string":")");
  at = put_command(at, request.command);
  const bool container = request.command.find('|') != std::string_view::npos;
  const std::size_t count = request.args.size();
  const std::size_t first = std::min<std::size_t>(container ? 2 : 1, count);
  const std::size_t end = std::min(count, first + kArgumentsShown);
  static_assert(2 + kArgumentsShown <= 64);
  const std::uint64_t named = named_places(request);
  for (std::size_t index = first; index < end; ++index) {
    at = put(at, ' ');
    const std::string_view argument = request.args[index];
    const bool name = (named >> index & 1U) != 0;
    const std::uint64_t place = std::uint64_t{1} << index;
    if (name) {
      at = put_name(at, argument, request.name_hash);
    } else if ((request.option_words & place) != 0 && is_word(argument)) {
      at = put_command(at, argument);
    } else if ((request.plain_numbers & place) != 0 && is_short_number(argument)) {
      at = put(at, argument);
    } else {
      at = put_length(at, request.lengths.empty() ? argument.size() : request.lengths[index]);
    }
  }
  if (end < count) {
    at = put(at, " ... ");
    at = put(at, std::uint64_t{count - end});
    at = put(at, " more");
  }
  return put(at, "\"}");
}

}  // namespace keyward::audit
