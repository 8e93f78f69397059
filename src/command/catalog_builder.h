// Raw commands -> Catalog: completes, judges, numbers, and makes the lookup table.
#pragma once

#include "command/raw_command.h"

#include "keyward/command/catalog.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::command {

class CatalogBuilder {
 public:
  [[nodiscard]] static Result<std::shared_ptr<const Catalog>> build(
      std::vector<RawCommand> commands, ServerVersion version);

 private:
  void complete();
  void add_synthetic();
  [[nodiscard]] bool drop_what_does_not_fit();  // false: a name stands there twice
  void number();
  void judge(const RawCommand& raw, CommandInfo& info) const;
  std::uint64_t category_bits(const RawCommand& raw);
  void make_slots();

  std::vector<RawCommand> commands_;
  std::map<std::string, RawCommand, std::less<>> built_in_;
  std::shared_ptr<Catalog> catalog_;
};

}  // namespace keyward::command
