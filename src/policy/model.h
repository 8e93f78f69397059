// What the files of a policy folder say, checked and compiled as far as it goes without knowing the
// principal.
#pragma once

#include "policy/pattern.h"

#include "keyward/command/command_set.h"
#include "keyward/identity/principal.h"
#include "keyward/policy/snapshot.h"
#include "keyward/policy/trigger_rule.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace keyward::policy {

struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

struct KeyModel {
  Pattern pattern;
  std::uint8_t access = 3;
  Place place;
};

struct EntryModel {
  command::CommandSet commands;
  std::vector<KeyModel> keys;
  std::vector<Pattern> channels;
  RuleRef rule;
  std::vector<ArgumentRule> arguments;
};

struct GrantModel {
  std::string name, team, file;
  Place place;
  std::vector<std::string> owners;  // of the team
  std::vector<Who> who;
  std::vector<std::uint32_t> databases;
  std::vector<EntryModel> entries;
  Limits limits;
  std::uint64_t max_value = 0;
  AuditSettings audit;
  Pattern name_space;  // no pieces = none; plain text and templates
  Place name_space_place;
  std::vector<std::string> safe_scripts;
  TtlGuard ttl;
  LeaseSettings lease;
  CredentialSettings credentials;
  bool observes = false;
  bool break_glass = false;
  bool shared = false;  // it may overlap what grants of other teams claim, if they say so too
};

struct Expectation {
  identity::Principal as;
  bool break_glass = false;  // while it is active
  struct Line {
    std::string command;
    bool allow = false;
    Place place;
  };
  std::vector<Line> lines;
};

struct TriggerModel {
  TriggerRule rule;
  Place place, source_place, dead_letter_place;
  std::vector<std::pair<std::string, Place>> from;  // as written
};

struct TeamModel {
  std::string team;
  Place place;
  std::vector<GrantModel> grants;
  std::vector<TriggerModel> triggers;
  std::vector<Expectation> expectations;
};

}  // namespace keyward::policy
