#include "command/option_reader.h"

#include "command/numbers.h"
#include "command/refusals.h"

#include "keyward/base/ascii.h"

namespace keyward::command {
namespace {

std::uint32_t bit(std::size_t index) { return 1U << index; }

}  // namespace

const Option* OptionReader::option_at(std::size_t at) const {
  for (const Option& option : info_.syntax->options) {
    if (same_word(command_.args[at], option.name)) return &option;
  }
  return nullptr;
}

bool OptionReader::seen(std::string_view option) const {
  const auto& options = info_.syntax->options;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (options[i].name == option) return (seen_ & bit(i)) != 0;
  }
  return false;
}

Analysis OptionReader::read_all(std::size_t at, std::size_t keys) {
  at_ = at;
  while (at_ < command_.args.size()) {
    const Option* option = option_at(at_);
    if (option == nullptr) return argument_error(info_, at_, "is none of its options");
    if (Analysis one = read_one(*option, keys); one.verdict != Verdict::ok) return one;
  }
  return check_needs();
}

Analysis OptionReader::check_needs() const {
  const auto& options = info_.syntax->options;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (options[i].needs.empty() || (seen_ & bit(i)) == 0 || seen(options[i].needs)) continue;
    return option_error(info_, options[i].name, options[i].why);
  }
  return {};
}

Analysis OptionReader::read_leading(std::size_t at) {
  at_ = at;
  while (at_ < command_.args.size()) {
    const Option* option = option_at(at_);
    if (option == nullptr) return {};
    if (Analysis one = read_one(*option, 0); one.verdict != Verdict::ok) return one;
  }
  return {};
}

Analysis OptionReader::read_one(const Option& option, std::size_t keys) {
  const auto index = static_cast<std::size_t>(&option - info_.syntax->options.data());
  if (option.effect == Effect::refused) {
    return option_error(info_, option.name, "is refused here: " + std::string(option.why));
  }
  if (!option.repeats && (seen_ & bit(index)) != 0)
    return option_error(info_, option.name, "is given twice");
  if (option.group != 0 && (groups_ & bit(option.group)) != 0) {
    return option_error(info_, option.name, "does not go with an option before it");
  }
  seen_ |= bit(index);
  groups_ |= bit(option.group);
  const std::size_t values = option.values == kOnePerKey ? keys : option.values;
  if (command_.args.size() - at_ - 1 < values)
    return option_error(info_, option.name, "lacks its value");
  for (std::size_t i = at_ + 1; i <= at_ + values; ++i) {
    if (Analysis one = check_value(option, command_.args[i]); one.verdict != Verdict::ok)
      return one;
  }
  note_ruled(option, values);
  note_plain(option, values);
  apply(option);
  at_ += values + 1;
  return {};
}

Analysis OptionReader::check_value(const Option& option, std::string_view value) const {
  // redis takes keys behind these words wherever it finds them: sort.c, geo.c, db.c sortGetKeys and
  // xreadGetKeys.
  for (const Option& other : info_.syntax->options) {
    if (other.effect == Effect::destination && same_word(value, other.name)) {
      return option_error(info_, option.name, "has a value that reads as an option");
    }
  }
  if (info_.grammar == Grammar::streams && same_word(value, "streams")) {
    return option_error(info_, option.name, "has a value that reads as STREAMS");
  }
  switch (option.kind) {
    case Values::any:
    case Values::plain_pattern:
    case Values::hash_sign:
      return {};
    case Values::integers:
      return is_integer(value) ? Analysis{} : option_error(info_, option.name, "wants an integer");
  }
  return option_error(info_, option.name, "is not understood");
}

void OptionReader::note_ruled(const Option& option, std::size_t values) {
  if (option.rule.empty()) return;
  for (std::size_t i = at_ + 1; i <= at_ + values; ++i) {
    const std::string_view value = command_.args[i];
    const bool free =
        (option.kind == Values::plain_pattern && value.find('*') == std::string_view::npos) ||
        (option.kind == Values::hash_sign && value == "#");
    if (!free) command_.ruled.push_back({static_cast<std::uint32_t>(i), option.rule});
  }
}

void OptionReader::note_plain(const Option& option, std::size_t values) {
  if (at_ + values >= 64) return;
  command_.option_words |= std::uint64_t{1} << at_;
  if (option.kind == Values::integers)
    command_.plain_numbers |= ((std::uint64_t{1} << values) - 1) << (at_ + 1);
}

void OptionReader::apply(const Option& option) {
  switch (option.effect) {
    case Effect::none:
    case Effect::refused:
      break;
    case Effect::reads:
      if (!command_.keys.empty()) command_.keys[0].access |= kRead;
      break;
    case Effect::modifies:
      modifies_ = true;
      break;
    case Effect::destination:
      modifies_ = true;
      command_.keys.push_back({static_cast<std::uint32_t>(at_ + 1), kModify});
      break;
    case Effect::blocks:
      command_.blocks = true;
      break;
    case Effect::bounds_scan:
      command_.scan_pattern = command_.args[at_ + 1];
      command_.names.push_back({static_cast<std::uint32_t>(at_ + 1), false});
      break;
    case Effect::names_keys:
      // sort.c lookupKeyByPattern: without a '*' a pattern of SORT names nothing.
      if (option.kind == Values::any ||
          command_.args[at_ + 1].find('*') != std::string_view::npos) {
        command_.names.push_back({static_cast<std::uint32_t>(at_ + 1), false});
      }
      break;
  }
}

}  // namespace keyward::command
