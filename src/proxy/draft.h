// What the record of a command will need when its outcome is known: kept while the command is on
// its way.
#pragma once

#include "proxy/script_facts.h"

#include "keyward/audit/request.h"
#include "keyward/base/clock.h"
#include "keyward/command/command.h"
#include "keyward/policy/grants.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace keyward::proxy {

struct Draft {
  audit::RequestText request;
  const policy::RuleRef* rule =
      nullptr;  // owned by the session's Grants, which change only when nothing is on its way
  // Only `mode: observe` let it pass: the reason that would have refused it, and the nearest rule.
  std::string_view would_deny;
  const policy::RuleRef* nearest = nullptr;
  // Triggers that it is attested for, and those that it does not cause: as `rule`, owned by the
  // Grants.
  std::vector<std::string_view> attested;
  std::vector<const policy::Cause*> refused;
  std::uint32_t db = 0;
  std::uint64_t number = 0, multi_id = 0;
  MonoTime sent{};
  std::uint32_t member = 0;  // position among the commands of its transaction
  Draft* next = nullptr;     // the next recorded member of a transaction; also the free list
  bool transaction = false;  // head of the members of an EXEC
  bool script = false;       // Redis judges what it touches
  std::uint64_t ticket = 0;  // of the record once it is made
};

// A shard's drafts, reused: no allocation in steady state.
class Drafts {
 public:
  // Keeps what the record needs; `command` may die afterwards. `lengths` of all arguments, where
  // the command lacks bytes; `script`: of one. The draft goes back with release().
  Draft* make(const command::Command& command, const policy::RuleRef& rule,
              std::span<const std::size_t> lengths = {}, const ScriptFacts& script = {});
  void release(Draft* draft);  // the whole chain
  // Of the requests that are shown from now on; null: names stand as they are.
  void hash_names(const audit::NameHash* hash) { name_hash_ = hash; }

  // The part of a record that shows a request; valid until the next call.
  const audit::RequestText& show(const command::Command& command, const ScriptFacts& script = {});
  // Of a command that brings a script, without its keys: those stand in the record of its
  // execution.
  const audit::RequestText& introduction(const command::Command& command,
                                         const ScriptFacts& script);
  // Of a command that was not analysed, by its name alone.
  const audit::RequestText& show(std::string_view name);

 private:
  void print(const command::Command& command, std::span<const std::size_t> lengths,
             const ScriptFacts& script, audit::RequestText& out);

  std::vector<std::unique_ptr<Draft>> all_;
  Draft* free_ = nullptr;
  const audit::NameHash* name_hash_ = nullptr;
  audit::RequestPrinter printer_;
  audit::RequestText shown_;
  std::vector<std::uint32_t> keys_, channels_;  // indexes into the arguments
};

}  // namespace keyward::proxy
