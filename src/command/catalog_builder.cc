#include "command/catalog_builder.h"

#include "command/knowledge.h"
#include "command/name_hash.h"
#include "command/naming.h"
#include "command/plain_args.h"
#include "command/syntax.h"

#include "keyward/command/command_set.h"

#include <algorithm>
#include <bit>

namespace keyward::command {
namespace {

constexpr std::size_t kMaxCategories = 64;

std::string_view container_of(std::string_view name) {
  const std::size_t bar = name.find('|');
  return bar == std::string_view::npos ? std::string_view() : name.substr(0, bar);
}

// first, last, step of COMMAND before 7.0; -1 counts from the end, as a range's last key does.
void legacy_spec(RawCommand& command) {
  if (command.first_key <= 0 || command.step <= 0 || (command.flags & kMovableKeys) != 0) return;
  KeySpec& spec = command.key_specs.emplace_back();
  spec.begin = KeySpec::Begin::index;
  spec.begin_index = command.first_key;
  spec.find = KeySpec::Find::range;
  spec.last_key = command.last_key < 0 ? command.last_key : command.last_key - command.first_key;
  spec.step = command.step;
  spec.access =
      (command.flags & kReadonly) != 0 ? std::uint8_t{kRead} : std::uint8_t{kRead | kModify};
}

bool complete_specs(const RawCommand& raw) {
  if (raw.key_specs.empty()) return (raw.flags & kMovableKeys) == 0;
  return std::none_of(raw.key_specs.begin(), raw.key_specs.end(), [](const KeySpec& spec) {
    return spec.incomplete || spec.begin == KeySpec::Begin::unknown ||
           spec.find == KeySpec::Find::unknown;
  });
}

// A command that nobody has judged: by name when its keys are certain and it looks like a tenant's
// command.
Exposure careful(const RawCommand& raw) {
  const std::string_view container = container_of(raw.name);
  if (closed_container(container.empty() ? std::string_view(raw.name) : container))
    return Exposure::never;
  if ((raw.flags & (kAdmin | kPubsub | kNoAuth)) != 0 || !complete_specs(raw))
    return Exposure::never;
  return Exposure::by_name;
}

}  // namespace

Result<std::shared_ptr<const Catalog>> CatalogBuilder::build(std::vector<RawCommand> commands,
                                                             ServerVersion version) {
  CatalogBuilder builder;
  builder.commands_ = std::move(commands);
  for (RawCommand& command : built_in_commands()) {
    std::string name = command.name;
    builder.built_in_.emplace(std::move(name), std::move(command));
  }
  builder.catalog_ = std::shared_ptr<Catalog>(new Catalog());
  builder.catalog_->version_ = std::move(version);
  builder.complete();
  builder.add_synthetic();
  if (!builder.drop_what_does_not_fit()) {
    return Error(Errc::invalid, "the server's answer to COMMAND names a command twice");
  }
  builder.number();
  builder.make_slots();
  return std::shared_ptr<const Catalog>(std::move(builder.catalog_));
}

// Gives the entries of a server before 7.0 their key-specs and subcommands.
void CatalogBuilder::complete() {
  std::vector<RawCommand> subcommands;
  for (RawCommand& command : commands_) {
    const auto known = built_in_.find(command.name);
    if (!command.has_categories && known != built_in_.end())
      command.categories = known->second.categories;
    if (command.has_key_specs) continue;
    if (known == built_in_.end()) {
      legacy_spec(command);
      continue;
    }
    command.key_specs = known->second.key_specs;
    command.has_subcommands = known->second.has_subcommands;
    if (!command.has_subcommands) continue;
    const std::string prefix = command.name + "|";
    for (auto it = built_in_.lower_bound(prefix);
         it != built_in_.end() && it->first.starts_with(prefix); ++it) {
      subcommands.push_back(it->second);
    }
  }
  std::move(subcommands.begin(), subcommands.end(), std::back_inserter(commands_));
}

void CatalogBuilder::add_synthetic() {
  for (const SyntheticCommand& wanted : synthetic_commands()) {
    const auto named = [](std::string_view name) {
      return [name](const RawCommand& command) { return command.name == name; };
    };
    if (std::any_of(commands_.begin(), commands_.end(), named(wanted.name))) continue;
    const std::string_view container = container_of(wanted.name);
    if (!container.empty()) {
      const auto parent = std::find_if(commands_.begin(), commands_.end(), named(container));
      if (parent == commands_.end()) continue;
      parent->has_subcommands = true;
    }
    RawCommand& command = commands_.emplace_back();
    command.name = wanted.name;
    command.arity = wanted.arity;
    command.flags = kNoScript | kLoading | kStale;
    command.categories = {"slow", "connection"};
    command.synthetic = true;
  }
}

bool CatalogBuilder::drop_what_does_not_fit() {
  std::sort(commands_.begin(), commands_.end(),
            [](const RawCommand& a, const RawCommand& b) { return a.name < b.name; });
  const auto twice =
      std::adjacent_find(commands_.begin(), commands_.end(),
                         [](const RawCommand& a, const RawCommand& b) { return a.name == b.name; });
  if (twice != commands_.end()) return false;
  std::erase_if(commands_,
                [](const RawCommand& command) { return command.name.size() > kMaxName; });
  std::size_t excess = commands_.size() > kMaxCommands ? commands_.size() - kMaxCommands : 0;
  std::erase_if(commands_, [&excess](const RawCommand& command) {
    if (excess == 0 || knowledge_of(command.name)) return false;
    --excess;
    return true;
  });
  if (commands_.size() > kMaxCommands) commands_.resize(kMaxCommands);
  return true;
}

void CatalogBuilder::number() {
  for (const RawCommand& raw : commands_) {
    CommandInfo info;
    info.id = static_cast<CommandId>(catalog_->all_.size());
    info.name = raw.name;
    info.arity = raw.arity;
    info.flags = raw.flags;
    info.categories = category_bits(raw);
    info.key_specs = raw.key_specs;
    info.container = raw.has_subcommands;
    info.on_server = !raw.synthetic;
    judge(raw, info);
    catalog_->all_.push_back(std::move(info));
  }
}

void CatalogBuilder::judge(const RawCommand& raw, CommandInfo& info) const {
  if (const auto known = knowledge_of(raw.name)) {
    info.exposure = known->exposure;
    info.kind = known->kind;
    info.mutates = known->mutates || info.is(kWrite);
    info.scans_keyspace = known->scans_keyspace;
    info.ruled_from = known->ruled_from;
  } else {
    info.exposure = careful(raw);
    info.kind = info.is(kBlocking) ? Kind::blocking : Kind::plain;
    info.mutates = !info.is(kReadonly);
  }
  info.syntax = syntax_of(raw.name);
  if (info.syntax != nullptr) info.grammar = info.syntax->grammar;
  info.values = values_of(raw.name);
  info.plain_numbers = plain_numbers_of(raw.name);
  info.names = name_args_of(raw.name);
  if (const auto named = names_of(raw.name)) {
    info.naming = named->naming;
    info.answer = named->answer;
  }
}

std::uint64_t CatalogBuilder::category_bits(const RawCommand& raw) {
  std::uint64_t bits = 0;
  std::vector<std::string>& names = catalog_->categories_;
  for (const std::string& name : raw.categories) {
    const auto found = std::find(names.begin(), names.end(), name);
    const auto index = static_cast<std::size_t>(found - names.begin());
    if (found == names.end()) {
      if (names.size() == kMaxCategories) continue;
      names.push_back(name);
    }
    bits |= std::uint64_t{1} << index;
  }
  return bits;
}

void CatalogBuilder::make_slots() {
  Catalog& catalog = *catalog_;
  catalog.slots_.resize(std::bit_ceil(2 * catalog.all_.size() + 1));
  const std::size_t mask = catalog.slots_.size() - 1;
  for (const CommandInfo& info : catalog.all_) {
    const std::string_view container = container_of(info.name);
    CommandId parent = Catalog::kNobody;
    std::string_view name = info.name;
    if (!container.empty()) {
      // In order of name, so a container has its slot before its subcommands look for it.
      const CommandInfo* found = catalog.top(container);
      if (found == nullptr) continue;
      parent = found->id;
      name.remove_prefix(container.size() + 1);
    }
    const std::uint32_t hash = name_hash(parent, name);
    std::size_t at = hash & mask;
    while (catalog.slots_[at].id != Catalog::kNobody) at = (at + 1) & mask;
    catalog.slots_[at] = {hash, info.id, parent};
  }
}

}  // namespace keyward::command
