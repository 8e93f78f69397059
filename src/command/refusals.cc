#include "command/refusals.h"

#include "keyward/base/ascii.h"
#include "keyward/base/credential_text.h"

namespace keyward::command {
namespace {

// As printf's "%.*s" of a C string: at most `limit` bytes, up to the first NUL.
std::string_view c_text(std::string_view text, std::size_t limit) {
  return text.substr(0, std::min(limit, text.find('\0')));
}

// server.c commandCheckExistence.
constexpr std::size_t kShown = 128;

std::string unknown_text(const Catalog& catalog, std::span<const std::string_view> args) {
  const CommandInfo* container = args.size() > 1 ? catalog.top(args[0]) : nullptr;
  if (container != nullptr && !looks_like_credential(args[1])) {
    return "unknown subcommand '" + std::string(c_text(args[1], kShown)) + "'. Try " +
           uppered(args[0]) + " HELP.";
  }
  std::string shown;
  for (std::size_t i = 1; i < args.size() && shown.size() < kShown; ++i) {
    if (looks_like_credential(args[i])) break;  // a mistyped AUTH
    const std::string_view text = c_text(args[i], kShown - shown.size());
    shown.append("'").append(text).append("' ");
  }
  const std::string_view name = args.empty() ? std::string_view() : c_text(args[0], kShown);
  return "unknown command '" + std::string(name) + "', with args beginning with: " + shown;
}

Analysis grammar(std::string text) { return {Verdict::grammar, std::move(text)}; }

}  // namespace

Analysis unknown_command(const Catalog& catalog, std::span<const std::string_view> args) {
  std::string text = "ERR " + unknown_text(catalog, args);
  for (char& c : text) {
    if (c == '\r' || c == '\n') c = ' ';
  }
  return {Verdict::unknown, std::move(text)};
}

Analysis wrong_arity(const CommandInfo& info) {
  const std::string text = "wrong number of arguments for '" + info.name + "' command";
  // server.c rejectCommand: a refused EXEC ends its transaction.
  if (info.kind == Kind::exec)
    return {Verdict::arity, "EXECABORT Transaction discarded because of: " + text};
  return {Verdict::arity, "ERR " + text};
}

Analysis syntax_error(const CommandInfo& info, std::string_view what) {
  return grammar("ERR syntax error in '" + info.name + "': " + std::string(what));
}

Analysis argument_error(const CommandInfo& info, std::size_t index, std::string_view what) {
  return syntax_error(info, "argument " + std::to_string(index) + " " + std::string(what));
}

Analysis option_error(const CommandInfo& info, std::string_view option, std::string_view what) {
  return syntax_error(info, "option " + uppered(option) + " " + std::string(what));
}

}  // namespace keyward::command
