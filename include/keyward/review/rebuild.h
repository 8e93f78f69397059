// The command of a record made again. A record holds the names of keys and channels and the lengths
// of everything else; what is hidden is replaced by the plainest words that make a command with
// those names. What options would change (which keys, how they are used) shows in the names' number
// and in the lengths; what does not show is taken for not being there.
#pragma once

#include "keyward/command/command.h"
#include "keyward/review/trail.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keyward::review {

// The arguments of a record that are no names, in their order.
struct Lengths {
  std::vector<std::uint64_t> hidden;
  std::uint64_t longest = 0;  // of all arguments, names included
  std::size_t count = 0;      // arguments behind the command's name, as far as they are shown
  std::size_t more = 0;       // that are not shown
  bool says_get = false;      // an option of SET, where options are shown
};
void read_lengths(const Record& record, bool container, Lengths& out);

class Rebuilder {
 public:
  explicit Rebuilder(const command::Catalog& catalog) : catalog_(catalog) {}

  // The command, valid until the next call and as long as the record's views; null with `problem()`
  // when it cannot be told.
  [[nodiscard]] const command::Command* rebuild(const Record& record);
  [[nodiscard]] std::string_view problem() const { return problem_; }
  [[nodiscard]] std::uint64_t longest_argument() const { return lengths_.longest; }

 private:
  // Words of a command: text, or the place of a name.
  struct Word {
    std::string text;
    int name = -1;
  };
  using Form = std::vector<Word>;

  [[nodiscard]] const Form* form_for(const command::CommandInfo& info, const Record& record);
  [[nodiscard]] std::string variant_of(const command::CommandInfo& info,
                                       const Record& record) const;
  [[nodiscard]] Form find_form(const command::CommandInfo& info, const Record& record,
                               std::string_view variant);
  [[nodiscard]] bool fits(const Form& form, std::size_t keys, std::size_t channels, Form& placed);

  const command::Catalog& catalog_;
  std::unordered_map<std::uint64_t, Form> forms_;
  command::Command command_;
  std::vector<std::string_view> args_;
  Lengths lengths_;
  std::string_view problem_;
};

}  // namespace keyward::review
