// What a session owes the audit trail: turns logins, decisions and outcomes into events of the
// shard's journal.
#pragma once

#include "proxy/draft.h"
#include "proxy/login.h"
#include "proxy/login_flow.h"

#include "keyward/audit/event.h"
#include "keyward/audit/repeats.h"
#include "keyward/policy/decision.h"
#include "keyward/upstream/reply_sink.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace keyward::proxy {

class Shard;

// Which of the commands that change nothing are recorded.
enum class Recording : std::uint8_t {
  changes,     // none
  keyed,       // those that name keys: `audit: {reads: true}`
  everything,  // all that are forwarded: under break-glass
};

// Owned by one session. Every function that records answers the ticket that the client's answer
// must wait for.
class Account {
 public:
  Account(Shard& shard, std::uint64_t connection_id);

  [[nodiscard]] audit::Subject& subject() { return subject_; }
  [[nodiscard]] const audit::Subject& subject() const { return subject_; }
  // What answers of this session wait for.
  [[nodiscard]] audit::Durability durability() const { return subject_.durability; }
  // Starts the next command; its number is part of its request id.
  void next_command() { ++number_; }
  [[nodiscard]] std::string request_id() const;
  [[nodiscard]] std::uint64_t commands() const { return number_; }

  std::uint64_t logged_in(const Login& login);
  // Whoever was logged in is no more.
  void logged_out();
  // The policy changed under the session: its records name the new version and user.
  void renewed(const Login& login);
  std::uint64_t login_refused(const LoginRefused& refused);
  void session_ended(std::string_view reason, std::string_view detail = {});
  // Break-glass: why, which grants it adds, for how long; and its end.
  std::uint64_t glass_broken(const Login& login, std::string_view reason, std::string_view grants,
                             std::string_view life);
  void glass_whole(std::string_view reason);
  // A command that was refused before it was analysed, or by policy.
  std::uint64_t refused(std::string_view name, const command::Command* command,
                        const policy::Denial* denial, std::string_view reason, std::uint32_t db,
                        std::string_view detail = {});
  // Writes the counts of refusals that were not recorded one by one, as far as they are due.
  void tell_repeats(MonoTime now);
  // Redis answered in a form that the client could not be shown.
  void withheld(std::uint32_t db);

  // A draft for a permitted command that must be recorded; null when it need not be. What only
  // `mode: observe` lets pass always must.
  [[nodiscard]] Draft* begin(const command::Command& command, const policy::Permit& permit,
                             Recording recording, std::uint32_t db,
                             std::span<const std::size_t> lengths = {});
  // What `mode: observe` lets pass although a guard would have refused it only now. `draft` may be
  // null.
  void object(Draft* draft, policy::DenialReason reason);
  // A command that is about to be sent: its outcome follows in a record of its own.
  std::uint64_t intends(const command::Command& command, const policy::Permit& permit,
                        std::uint32_t db);
  // A change of subscriptions, whose confirmations are no outcome: recorded when it is sent, if it
  // must be at all.
  void subscribed(const command::Command& command, const policy::Permit& permit,
                  Recording recording, std::uint32_t db);
  // The answer's first line is known: records a single command. The draft stays the caller's.
  std::uint64_t answered(const Draft& draft, const resp::FrameHead& head, std::string_view node);
  // The same for a command without a draft: only drift is told.
  std::uint64_t answered(const resp::FrameHead& head, std::string_view node);
  // Redis refused what it did not run; the user is mended and the command sent once more. `draft`
  // may be null.
  void mending(const Draft* draft, const resp::FrameHead& head, std::string_view node);
  // The answer to EXEC is complete (or too large to wait for: `part.last` false): records every
  // member.
  std::uint64_t executed(const Draft& first, const upstream::ReplyPart& part,
                         std::string_view node);
  // What was queued and never will be sent: records every member.
  std::uint64_t not_executed(const Draft& first, std::string_view why);
  // An intent was recorded, and nothing behind it says what became of the command.
  void settle_intent(std::string_view why);
  // The link ended first.
  std::uint64_t lost(const Draft& first, bool maybe_executed, std::string_view node);

 private:
  std::uint64_t record(const Draft& draft, audit::Outcome outcome, const resp::FrameHead* head,
                       std::string_view node, std::string_view detail = {});
  void introduce(const command::Command& command, const policy::Permit& permit,
                 const ScriptFacts& script, std::uint32_t db);
  std::uint64_t drift(audit::Event& event);
  std::uint64_t caused_nothing(const Draft& draft);
  Drafts& drafts();  // as this session's names are shown
  void tell(const audit::Repeats::Row& row, audit::Kind kind);
  Shard& shard_;
  audit::Subject subject_;  // views into the two below
  std::shared_ptr<const identity::Principal> principal_;
  std::shared_ptr<const policy::Grants> grants_;
  std::uint64_t number_ = 0;
  // Of commands that were refused, and of events that caused nothing; made at the first.
  std::unique_ptr<audit::Repeats> repeats_, uncaused_;
  // The intent of this command, while nothing else was recorded of it.
  audit::RequestText intended_;
  bool intends_ = false;
  std::uint32_t intended_db_ = 0;
};

}  // namespace keyward::proxy
