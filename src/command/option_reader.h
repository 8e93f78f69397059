// Reads options from left to right, each at most once unless it may repeat, and notes what they do
// to the command.
#pragma once

#include "command/syntax.h"

#include "keyward/command/command.h"

#include <cstdint>
#include <optional>

namespace keyward::command {

class OptionReader {
 public:
  OptionReader(const CommandInfo& info, Command& command) : info_(info), command_(command) {}

  // Reads from `at` to the end. `keys`: how many keys a kOnePerKey option belongs to.
  [[nodiscard]] Analysis read_all(std::size_t at, std::size_t keys = 0);
  // Reads as long as arguments are options; at() is then the first that is none.
  [[nodiscard]] Analysis read_leading(std::size_t at);
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] bool seen(std::string_view option) const;
  [[nodiscard]] bool modifies() const { return modifies_; }

 private:
  [[nodiscard]] const Option* option_at(std::size_t at) const;
  [[nodiscard]] Analysis read_one(const Option& option, std::size_t keys);
  [[nodiscard]] Analysis check_value(const Option& option, std::string_view value) const;
  void note_ruled(const Option& option, std::size_t values);
  void note_plain(const Option& option, std::size_t values);
  [[nodiscard]] Analysis check_needs() const;
  void apply(const Option& option);

  const CommandInfo& info_;
  Command& command_;
  std::size_t at_ = 0;
  std::uint32_t seen_ = 0;  // a bit for each option of the table
  std::uint32_t groups_ = 0;
  bool modifies_ = false;
};

}  // namespace keyward::command
