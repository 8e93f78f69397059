#include "keyward/policy/expiry_asked.h"

#include "keyward/base/ascii.h"

#include <algorithm>
#include <charconv>

namespace keyward::policy {
namespace {

using command::Command;

struct ExpiryUnit {
  std::string_view option, command;  // of SET and GETEX; the command that is named after it
  bool in_ms = false, absolute = false;
};
constexpr ExpiryUnit kExpiryUnits[] = {{"ex", "expire", false, false},
                                       {"px", "pexpire", true, false},
                                       {"exat", "expireat", false, true},
                                       {"pxat", "pexpireat", true, true}};

// A number as Redis takes it, within what stays a time when it is added to now.
std::optional<std::chrono::milliseconds> expiry_time(std::string_view text, bool in_ms) {
  constexpr std::int64_t kMost = 4'000'000'000'000;  // seconds
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  const std::int64_t most = in_ms ? kMost * 1000 : kMost;
  if (number > most || number < -most) return std::nullopt;
  return std::chrono::milliseconds(in_ms ? number : number * 1000);
}

std::optional<ExpiryAsked> asked_at(const Command& command, std::size_t arg, bool in_ms,
                                    bool absolute) {
  if (arg >= command.args.size()) return std::nullopt;
  const auto when = expiry_time(command.args[arg], in_ms);
  if (!when) return std::nullopt;
  return ExpiryAsked{*when, absolute, false};
}

// `from`: where options begin; analyse() has seen to it that no value can be taken for one.
std::optional<ExpiryAsked> among_options(const Command& command, std::size_t from) {
  std::optional<ExpiryAsked> out;
  bool conditional = false;
  for (std::size_t at = from; at < command.args.size(); ++at) {
    const std::string_view word = command.args[at];
    const auto* unit =
        std::find_if(std::begin(kExpiryUnits), std::end(kExpiryUnits),
                     [&](const ExpiryUnit& each) { return same_word(word, each.option); });
    if (unit != std::end(kExpiryUnits)) {
      out = asked_at(command, ++at, unit->in_ms, unit->absolute);
      if (!out || out->when.count() <= 0) return std::nullopt;  // Redis: invalid expire time
      continue;
    }
    // NX, XX, and whatever newer servers compare with (IFEQ, IFDEQ ...).
    conditional = conditional || !same_word(word, "get");
  }
  if (out) out->conditional = conditional;
  return out;
}

}  // namespace

std::optional<ExpiryAsked> expiry_asked(const Command& command) {
  const std::string_view name = command.info->name;
  if (name == "set") return among_options(command, 3);
  if (name == "getex") {
    auto out = among_options(command, 2);
    if (out) out->conditional = true;  // of another type the key keeps what it had
    return out;
  }
  if (name == "setex" || name == "psetex") {
    auto out = asked_at(command, 2, name == "psetex", false);
    return out && out->when.count() > 0 ? out : std::nullopt;
  }
  for (const ExpiryUnit& unit : kExpiryUnits) {
    if (name != unit.command) continue;
    auto out = asked_at(command, 2, unit.in_ms, unit.absolute);
    if (out) out->conditional = command.args.size() > 3;
    return out;
  }
  return std::nullopt;
}

}  // namespace keyward::policy
