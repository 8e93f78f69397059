// What a trail shows of each kind of people, in bounded memory: which commands, on keys and
// channels of which shapes, how often.
#pragma once

#include "review/distinct.h"
#include "review/key_shape.h"

#include "keyward/command/command.h"
#include "keyward/review/trail.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace keyward::review {

struct Name {
  std::uint32_t shape = 0;  // index into Observed::shapes
  std::uint8_t access = 0;  // of a key
  bool pattern = false;     // of a channel: PSUBSCRIBE
  friend auto operator<=>(const Name&, const Name&) = default;
};

// One way to use a command.
struct Use {
  command::CommandId command = 0;
  std::uint32_t db = 0;
  bool scans = false;
  std::vector<Name> keys, channels;  // sorted, each shape once
  friend auto operator<=>(const Use&, const Use&) = default;
};

struct UseFacts {
  std::uint64_t count = 0, last_us = 0;
  std::vector<std::string> example;  // a command that anybody could type; empty = too long
  std::string example_subject;       // whose it is, when {subject} stands in its names; else empty
};

// People whom a policy would see alike: of one issuer and with the same groups, or one without any.
struct Role {
  std::string issuer;
  std::vector<std::string> groups, grants;
  std::set<std::string> subjects;  // at most kMostSubjects
  std::uint64_t subject_count = 0;
  std::uint64_t commands = 0;
  std::map<Use, UseFacts> uses;
  std::map<Use, UseFacts> refused;
  std::set<std::string> calls;  // command names in the texts of scripts
  bool some_groups = false;
};

struct ShapeFacts {
  Shape shape;
  Distinct names;
  std::string first;  // of the names; empty when it was too long to keep
};

class Observed {
 public:
  static constexpr std::size_t kMostSubjects = 1000;
  static constexpr std::size_t kMostShapes = 50'000;  // then they are folded

  // `command` as Rebuilder made it of the record.
  void add(const Record& record, const command::Command& command);
  // What the scripts of everybody call, known from elsewhere.
  void add_calls(const std::vector<std::string>& calls);
  // A digit that was always the same is part of the name: "db:0:x". To be called once, before
  // fold_shapes().
  void settle_digits();
  // Folds the shapes for good; see fold().
  void fold_shapes(std::size_t limit);

  [[nodiscard]] const std::vector<std::unique_ptr<Role>>& roles() const { return roles_; }
  [[nodiscard]] const ShapeFacts& shape(std::uint32_t index) const { return shapes_[index]; }
  // Ways to use a command that found no more room.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  Role& role_of(const Actor& actor);
  std::uint32_t intern(Shape shape, std::string_view name);
  Use use_of(const Record& record, const command::Command& command, std::string_view subject);

  std::vector<std::unique_ptr<Role>> roles_;
  std::map<std::string, Role*> by_key_;
  std::unordered_map<const Actor*, Role*> by_actor_;
  std::vector<ShapeFacts> shapes_;
  std::unordered_map<Shape, std::uint32_t> shape_ids_;
  std::size_t uses_ = 0;
  std::size_t fold_at_ = kMostShapes;
  std::uint64_t dropped_ = 0;
};

}  // namespace keyward::review
