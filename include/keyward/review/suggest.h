// A least-privilege policy file from what a trail shows.
#pragma once

#include "keyward/command/catalog.h"
#include "keyward/review/trail.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace keyward::review {

struct SuggestOptions {
  std::string team = "suggested";
  std::vector<std::string> owners;
  std::string principal;           // only this one: id or subject; empty = everybody
  std::string grant;               // only whoever had it
  std::string issuer;              // only people of this alias
  bool refused_too = false;        // also what was refused then
  std::vector<std::string> calls;  // commands that scripts call, known from elsewhere
  std::size_t most_rules = 24;     // of the whole file; patterns are joined until it holds
};

struct Suggestion {
  std::string yaml;
  std::size_t grants = 0, rules = 0, patterns = 0;
  std::size_t wide = 0;                    // patterns without a fixed beginning
  std::uint64_t commands = 0, people = 0;  // that it was made from
  std::uint64_t skipped = 0;  // commands that could not be understood from their records
  std::vector<std::string> warnings;
};

// Feed it a trail record by record, then ask once.
class Suggester {
 public:
  Suggester(std::shared_ptr<const command::Catalog> catalog, SuggestOptions options);
  Suggester(Suggester&&) noexcept;
  ~Suggester();

  void add(const Record& record);
  [[nodiscard]] Suggestion finish(const TrailCounts& counts);
  // Whether the options are about whoever this is.
  [[nodiscard]] bool about(const Actor& actor) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keyward::review
