#include "proxy/script_facts.h"

#include "keyward/base/hash.h"
#include "keyward/command/script_calls.h"

#include <algorithm>

namespace keyward::proxy {
namespace {

// Redis: letters, digits and underscores. Anything else is no name and stays hidden.
std::string_view identifier(std::string_view text) {
  const bool plain = !text.empty() && text.size() <= 64 &&
                     std::all_of(text.begin(), text.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '_';
                     });
  return plain ? text : std::string_view();
}

// "#!lua name=mylib\n..."
std::string_view library_of(std::string_view code) {
  if (!code.starts_with("#!")) return {};
  const std::string_view line = code.substr(0, std::min<std::size_t>(code.find('\n'), 256));
  const std::size_t at = line.find("name=");
  if (at == std::string_view::npos) return {};
  const std::string_view rest = line.substr(at + 5);
  return identifier(rest.substr(0, rest.find_first_of(" \t\r\n")));
}

std::string digest_named(std::string_view text) {
  std::string out(text.substr(0, 40));
  for (char& c : out) c = c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
  const bool fits = text.size() == 40 && out.find_first_not_of("0123456789abcdef") == out.npos;
  return fits ? out : std::string();
}

ScriptFacts of_text(std::string_view text, const command::Catalog& catalog) {
  ScriptFacts out;
  out.sha1 = sha1_hex(text);
  out.calls = command::calls_in_script(text, catalog);
  out.text = text;
  return out;
}

}  // namespace

ScriptFacts script_facts(const command::Command& command, const command::Catalog& catalog) {
  const std::string_view name = command.info->name;
  const auto& args = command.args;
  ScriptFacts out;
  constexpr std::size_t kShortest = std::string_view("script|load").size();
  const bool scripted = command.info->kind == command::Kind::script;
  if (!scripted && name.size() < kShortest) return out;
  if (scripted) {
    if (args.size() < 2) return out;
    if (name.starts_with("fcall")) {
      out.function = identifier(args[1]);
    } else if (name.starts_with("evalsha")) {
      out.sha1 = digest_named(args[1]);
    } else {
      return of_text(args[1], catalog);
    }
  } else if (args.size() > 2 && name.starts_with("script|load")) {
    return of_text(args[2], catalog);
  } else if (args.size() > 2 && name.starts_with("function|")) {
    if (name == "function|load") {
      out = of_text(args.back(), catalog);
      out.library = library_of(args.back());
    } else if (name == "function|delete") {
      out.library = identifier(args[2]);
    } else if (name == "function|restore") {
      out.sha1 = sha1_hex(args[2]);
    }
  }
  return out;
}

}  // namespace keyward::proxy
