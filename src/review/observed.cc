#include "review/observed.h"

#include <algorithm>

namespace keyward::review {
namespace {

constexpr std::size_t kMostShapes = Observed::kMostShapes;
constexpr std::size_t kMostUses = 300'000;
constexpr std::size_t kFoldWhenFull = 24;
constexpr std::size_t kLongestExample = 400;

bool plain(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
}

void append(std::string& out, std::string_view field) {
  out += std::to_string(field.size());
  out += ':';
  out += field;
}

void tidy(std::vector<Name>& names) {
  std::sort(names.begin(), names.end());
  std::vector<Name> out;
  for (const Name& name : names) {
    if (!out.empty() && out.back().shape == name.shape && out.back().pattern == name.pattern) {
      out.back().access |= name.access;
    } else {
      out.push_back(name);
    }
  }
  names = std::move(out);
}

void merge(UseFacts& into, UseFacts&& from) {
  into.count += from.count;
  into.last_us = std::max(into.last_us, from.last_us);
  if (into.example.empty()) {
    into.example = std::move(from.example);
    into.example_subject = std::move(from.example_subject);
  }
}

}  // namespace

Role& Observed::role_of(const Actor& actor) {
  const auto known = by_actor_.find(&actor);
  if (known != by_actor_.end()) return *known->second;
  std::vector<std::string> groups = actor.groups;
  std::vector<std::string> grants = actor.grants;
  std::sort(groups.begin(), groups.end());
  std::sort(grants.begin(), grants.end());
  std::string key;
  append(key, actor.issuer);
  if (groups.empty() || actor.some_groups) append(key, "of:" + actor.subject);
  for (const std::string& group : groups) append(key, group);
  append(key, "|");
  for (const std::string& grant : grants) append(key, grant);
  Role*& role = by_key_[key];
  if (role == nullptr) {
    role = roles_.emplace_back(std::make_unique<Role>()).get();
    role->issuer = actor.issuer;
    role->groups = std::move(groups);
    role->grants = std::move(grants);
    role->some_groups = actor.some_groups;
  }
  if (role->subjects.size() < kMostSubjects) {
    role->subject_count += role->subjects.insert(actor.subject).second ? 1 : 0;
  } else {
    role->subject_count += role->subjects.contains(actor.subject) ? 0 : 1;
  }
  by_actor_.emplace(&actor, role);
  return *role;
}

std::uint32_t Observed::intern(Shape shape, std::string_view name) {
  const auto found = shape_ids_.find(shape);
  if (found != shape_ids_.end()) {
    shapes_[found->second].names.add(name);
    return found->second;
  }
  const auto id = static_cast<std::uint32_t>(shapes_.size());
  shapes_.push_back({shape, {}, std::string(name.size() <= 64 ? name : std::string_view())});
  shapes_.back().names.add(name);
  shape_ids_.emplace(std::move(shape), id);
  return id;
}

Use Observed::use_of(const Record& record, const command::Command& command,
                     std::string_view subject) {
  Use use;
  use.command = command.info->id;
  use.db = record.db;
  use.scans = command.scans_keyspace;
  for (std::size_t i = 0; i < command.keys.size(); ++i) {
    const std::string_view name = command.args[command.keys[i].arg];
    Shape shape = shape_of(name, subject);
    // Only its beginning is known.
    if (i < 32 && (record.keys_cut >> i & 1U) != 0)
      shape += {kMark, static_cast<char>(Varying::any)};
    use.keys.push_back({intern(std::move(shape), name), command.keys[i].access, false});
  }
  for (const command::ChannelUse& channel : command.channels) {
    const std::string_view name = command.args[channel.arg];
    use.channels.push_back({intern(shape_of(name, subject), name), 0, channel.pattern});
  }
  tidy(use.keys);
  tidy(use.channels);
  return use;
}

void Observed::add(const Record& record, const command::Command& command) {
  if (shapes_.size() >= fold_at_) {
    fold_shapes(kFoldWhenFull);
    fold_at_ = std::max(kMostShapes, 2 * shapes_.size());
  }
  if (shapes_.size() >= kMostShapes * 4) {
    ++dropped_;
    return;
  }
  Role& role = role_of(*record.actor);
  for (const std::string_view call : record.calls) {
    if (role.calls.size() < 512) role.calls.emplace(call);
  }
  const std::string_view subject =
      plain(record.actor->subject) ? std::string_view(record.actor->subject) : std::string_view{};
  Use use = use_of(record, command, subject);
  auto& uses = record.accepted() ? role.uses : role.refused;
  role.commands += record.accepted() ? 1 : 0;
  auto found = uses.find(use);
  if (found == uses.end()) {
    if (uses_ >= kMostUses) {
      ++dropped_;
      return;
    }
    ++uses_;
    found = uses.emplace(std::move(use), UseFacts{}).first;
    std::size_t length = 0;
    for (const std::string_view arg : command.args) length += arg.size() + 1;
    if (length <= kLongestExample && !record.partial()) {
      found->second.example.assign(command.args.begin(), command.args.end());
      const auto own = [&](const Name& name) { return has_subject(shapes_[name.shape].shape); };
      const Use& seen = found->first;
      if (std::any_of(seen.keys.begin(), seen.keys.end(), own) ||
          std::any_of(seen.channels.begin(), seen.channels.end(), own))
        found->second.example_subject = record.actor->subject;
    }
  }
  ++found->second.count;
  found->second.last_us = std::max(found->second.last_us, record.time_us);
}

void Observed::add_calls(const std::vector<std::string>& calls) {
  for (const auto& role : roles_) role->calls.insert(calls.begin(), calls.end());
}

void Observed::settle_digits() {
  for (ShapeFacts& one : shapes_) {
    if (one.first.empty() || one.names.count() != 1 || !only_digits_vary(one.shape)) continue;
    one.shape = literal_shape(one.first);
  }
}

void Observed::fold_shapes(std::size_t limit) {
  std::vector<Shape> before;
  before.reserve(shapes_.size());
  for (const ShapeFacts& one : shapes_) before.push_back(one.shape);
  const std::vector<Shape> after = fold(before, limit);
  std::vector<ShapeFacts> old = std::move(shapes_);
  std::vector<std::uint32_t> now(old.size());
  shapes_.clear();
  shape_ids_.clear();
  for (std::size_t i = 0; i < old.size(); ++i) {
    const auto [at, fresh] =
        shape_ids_.emplace(after[i], static_cast<std::uint32_t>(shapes_.size()));
    if (fresh) shapes_.push_back({after[i], {}, old[i].first});
    shapes_[at->second].names.add(old[i].names);
    now[i] = at->second;
  }
  uses_ = 0;
  for (const auto& role : roles_) {
    for (auto* uses : {&role->uses, &role->refused}) {
      std::map<Use, UseFacts> fresh;
      for (auto& [use, facts] : *uses) {
        Use changed = use;
        for (Name& name : changed.keys) name.shape = now[name.shape];
        for (Name& name : changed.channels) name.shape = now[name.shape];
        tidy(changed.keys);
        tidy(changed.channels);
        merge(fresh[std::move(changed)], std::move(facts));
      }
      *uses = std::move(fresh);
      uses_ += uses->size();
    }
  }
}

}  // namespace keyward::review
