#include "keyward/command/script_calls.h"

#include <algorithm>
#include <array>

namespace keyward::command {
namespace {

constexpr std::size_t kMostText = std::size_t{256} << 10;
constexpr std::size_t kMostCalls = 64;

void skip_space(std::string_view& rest) {
  const std::size_t at = rest.find_first_not_of(" \t\r\n");
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at);
}

bool take(std::string_view& rest, std::string_view word) {
  if (!rest.starts_with(word)) return false;
  rest.remove_prefix(word.size());
  return true;
}

// 'name' or "name"; empty when there is none.
std::string_view take_literal(std::string_view& rest) {
  skip_space(rest);
  if (rest.empty() || (rest.front() != '\'' && rest.front() != '"')) return {};
  const std::size_t end = rest.find(rest.front(), 1);
  if (end == std::string_view::npos || end > 64) return {};
  const std::string_view out = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  return out;
}

}  // namespace

std::vector<std::string_view> calls_in_script(std::string_view text, const Catalog& catalog) {
  std::vector<std::string_view> out;
  std::string_view rest = text.substr(0, kMostText);
  for (std::size_t at = rest.find("call"); at != std::string_view::npos && out.size() < kMostCalls;
       at = rest.find("call")) {
    rest.remove_prefix(at + 4);
    skip_space(rest);
    if (take(rest, "(")) skip_space(rest);
    std::array<std::string_view, 2> args;
    args[0] = take_literal(rest);
    if (args[0].empty()) continue;
    skip_space(rest);
    std::string_view ahead = rest;
    if (take(ahead, ",")) args[1] = take_literal(ahead);
    const CommandInfo* info =
        catalog.find(std::span<const std::string_view>(args).first(args[1].empty() ? 1 : 2));
    if (info == nullptr) info = catalog.top(args[0]);
    if (info == nullptr) continue;
    const std::string_view name = info->name;
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

}  // namespace keyward::command
