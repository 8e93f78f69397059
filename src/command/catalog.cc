#include "keyward/command/catalog.h"

#include "command/catalog_builder.h"
#include "command/name_hash.h"
#include "command/raw_command.h"

#include "keyward/base/ascii.h"

#include <algorithm>

namespace keyward::command {

std::shared_ptr<const Catalog> Catalog::built_in() {
  static const std::shared_ptr<const Catalog> catalog =
      CatalogBuilder::build(built_in_commands(), built_in_version()).value();
  return catalog;
}

Result<std::shared_ptr<const Catalog>> Catalog::from_reply(std::string_view command_reply,
                                                           const ServerVersion& version) {
  auto commands = commands_of_reply(command_reply);
  if (!commands) return commands.error();
  return CatalogBuilder::build(std::move(*commands), version);
}

const CommandInfo* Catalog::look_up(CommandId container, std::string_view name) const {
  if (name.size() > kMaxName) return nullptr;
  const std::uint32_t hash = name_hash(container, name);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at].id != kNobody; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.hash != hash || slot.container != container) continue;
    const CommandInfo& info = all_[slot.id];
    std::string_view own = info.name;
    if (container != kNobody) own.remove_prefix(all_[container].name.size() + 1);
    if (same_word(name, own)) return &info;
  }
  return nullptr;
}

const CommandInfo* Catalog::top(std::string_view name) const { return look_up(kNobody, name); }

const CommandInfo* Catalog::find(std::span<const std::string_view> args) const {
  if (args.empty()) return nullptr;
  const CommandInfo* info = top(args[0]);
  if (info == nullptr || !info->container || args.size() == 1) return info;
  return look_up(info->id, args[1]);
}

const CommandInfo* Catalog::by_name(std::string_view name) const {
  const std::size_t bar = name.find('|');
  if (bar == std::string_view::npos) return top(name);
  const CommandInfo* container = top(name.substr(0, bar));
  return container == nullptr ? nullptr : look_up(container->id, name.substr(bar + 1));
}

std::optional<std::uint64_t> Catalog::category_bit(std::string_view name) const {
  const auto found = std::find(categories_.begin(), categories_.end(), name);
  if (found == categories_.end()) return std::nullopt;
  return std::uint64_t{1} << (found - categories_.begin());
}

}  // namespace keyward::command
