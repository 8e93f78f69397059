// What `ttl:` of a grant asks of a write: does it leave keys without an expiry, and what would have
// to be added. Pure; no I/O, no clock.
#pragma once

#include "keyward/command/command.h"
#include "keyward/policy/grants.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::policy {

// What a command does to the expiry of keys, judged by its words alone: what stands in Redis is not
// known here.
enum class Expiry : std::uint8_t {
  untouched,  // creates no key and takes no expiry away
  set,        // every key that it creates gets one by the same command
  missing,    // keys that it creates, or writes anew, have none: created_keys()
  kept,       // SET KEEPTTL: the one of the old key, if that had any; counts as missing
  removed,    // PERSIST, GETEX PERSIST
  opaque,     // a script or function that may write
  unjudged,   // a write that nobody has judged yet
};
[[nodiscard]] Expiry expiry_of(const command::Command& command);
// Indexes of the arguments that name keys which the command may bring into being, for `missing` and
// `kept`.
[[nodiscard]] std::vector<std::uint32_t> created_keys(const command::Command& command);

// Why the guard refuses this command, as the end of "'lpush' ..."; empty = it does not. Inside a
// transaction what is missing may come later: TtlLedger tells at its EXEC.
[[nodiscard]] std::string_view ttl_refusal(const TtlGuard& guard, const command::Command& command,
                                           bool in_transaction);

// How `apply` sends a command.
enum class TtlWay : std::uint8_t {
  as_is,
  in_place,  // SET: PX behind its arguments
  block,     // MULTI, the command, PEXPIRE key life NX for each key, EXEC
};
[[nodiscard]] TtlWay ttl_way(const TtlGuard& guard, const command::Command& command);

// The expiries of one transaction, command by command in their order.
class TtlLedger {
 public:
  // `member`: the command's place in the transaction.
  void note(const TtlGuard& guard, const command::Command& command, std::uint32_t member);

  struct Open {
    std::uint32_t member = 0;
    std::string_view command;
    std::uint32_t arg = 0;
  };
  // Commands of `require` whose keys nothing after them gives an expiry; the first of them first.
  [[nodiscard]] std::vector<Open> open() const;
  // Keys of `apply` and what they get unless they have an expiry by then.
  using Due = std::map<std::string, std::chrono::milliseconds, std::less<>>;
  [[nodiscard]] const Due& due() const { return due_; }

 private:
  struct Missing {
    std::uint32_t member = 0;
    std::uint32_t arg = 0;
    std::string_view command;  // of the catalogue
    bool is_string = true;     // only then GETEX can give it an expiry
  };
  void cover(const command::Command& command);
  std::map<std::string, Missing, std::less<>> open_;
  Due due_;
};

}  // namespace keyward::policy
