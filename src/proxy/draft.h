// What the record of a command will need when its outcome is known: kept while the command is on
// its way.
#pragma once

#include "keyward/audit/event.h"
#include "keyward/base/clock.h"
#include "keyward/command/command.h"
#include "keyward/policy/decision.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::proxy {

// Holds names of keys and channels and the lengths of everything else, never a value.
struct Draft {
  struct Argument {
    std::uint32_t begin = kNoName;  // into `names`, or kNoName
    std::uint64_t length = 0;
  };
  static constexpr std::uint32_t kNoName = UINT32_MAX;

  const command::CommandInfo* info = nullptr;
  const policy::RuleRef* rule =
      nullptr;  // owned by the session's Grants, which change only when nothing is on its way
  std::string names;
  std::vector<Argument> arguments;
  std::vector<std::uint32_t> keys, channels;  // indexes into arguments
  bool reads = false, writes = false;
  std::uint32_t db = 0;
  std::uint64_t number = 0, multi_id = 0;
  MonoTime sent{};
  std::uint32_t member = 0;  // position among the commands of its transaction
  Draft* next = nullptr;     // the next recorded member of a transaction; also the free list
  bool transaction = false;  // head of the members of an EXEC
  std::uint64_t ticket = 0;  // of the record once it is made
};

// A shard's drafts, reused: no allocation in steady state.
class Drafts {
 public:
  // Copies what the record needs; `command` may die afterwards. The draft goes back with release().
  Draft* make(const command::Command& command, const policy::RuleRef& rule);
  void release(Draft* draft);  // the whole chain

 private:
  std::vector<std::unique_ptr<Draft>> all_;
  Draft* free_ = nullptr;
};

// Views for an Event: valid until the next call on this thread.
struct DraftViews {
  std::vector<std::string_view> args, keys, channels;
};
[[nodiscard]] const DraftViews& views_of(const Draft& draft);

}  // namespace keyward::proxy
