#include "keyward/trigger/leavings.h"

#include "keyward/base/ascii.h"
#include "keyward/policy/glob.h"
#include "keyward/trigger/event.h"
#include "keyward/trigger/rule.h"

#include <algorithm>

namespace keyward::trigger {
namespace {

using command::Command;
using policy::Cause;

constexpr std::string_view kOwnField =
    "ERR the field 'keyward-attestation' is written by Keyward itself, since a trigger reads this "
    "stream; leave it out";

// Where the fields of an XADD begin: behind the options and the id. analyse() has read them by the
// same grammar (t_stream.c streamParseAddOrTrimArgsOrReply).
std::size_t first_field(const Command& command) {
  std::size_t at = 2;
  while (at < command.args.size()) {
    const std::string_view word = command.args[at];
    if (same_word(word, "maxlen") || same_word(word, "minid")) {
      const bool marked = at + 1 < command.args.size() &&
                          (command.args[at + 1] == "~" || command.args[at + 1] == "=");
      at += marked ? 3 : 2;
    } else if (same_word(word, "limit")) {
      at += 2;
    } else if (same_word(word, "nomkstream") || same_word(word, "keepref") ||
               same_word(word, "delref") || same_word(word, "acked")) {
      at += 1;
    } else {
      return at + 1;
    }
  }
  return at;
}

// Empty: Redis will refuse it.
std::vector<FieldView> fields_of(const Command& command) {
  std::vector<FieldView> out;
  const std::size_t first = first_field(command);
  if (first >= command.args.size() || (command.args.size() - first) % 2 != 0) return out;
  for (std::size_t at = first; at < command.args.size(); at += 2)
    out.emplace_back(command.args[at], command.args[at + 1]);
  return out;
}

void join_grants(std::string& grants, std::string_view more) {
  while (!more.empty()) {
    const std::size_t comma = std::min(more.find(','), more.size());
    const std::string one[] = {std::string(more.substr(0, comma))};
    if (!caused_under({.principal = {}, .grant = grants, .nonce = {}}, one))
      grants.append(grants.empty() ? "" : ",").append(one[0]);
    more.remove_prefix(std::min(comma + 1, more.size()));
  }
}

// Nothing that waits or runs a script can stand in a block of ours as it stands alone.
bool may_touch_timers(const Command& command) {
  return command.mutates && !command.blocks && command.info->kind != command::Kind::script;
}

bool is_timer(const Cause& cause, const Command& command, const command::KeyUse& use) {
  return (use.access & command::kModify) != 0 &&
         policy::glob_match(cause.name, command.args[use.arg]);
}

// The command names the source as an event of it would. Looks at no value.
bool reaches(const Cause& cause, const Command& command, std::uint32_t db) {
  switch (cause.kind) {
    case SourceKind::stream:
      return db == 0 && command.info->name == "xadd" && command.args[1] == cause.name;
    case SourceKind::channel:
      return command.info->name == "publish" && command.args[1] == cause.name;
    case SourceKind::expired:
      return db == 0 && may_touch_timers(command) &&
             std::any_of(command.keys.begin(), command.keys.end(),
                         [&](const command::KeyUse& use) { return is_timer(cause, command, use); });
  }
  return false;
}

// One of the grants that permit it is in `from`.
void leave(const Cause& cause, const std::string& by, const Command& command,
           const std::optional<policy::ExpiryAsked>& added, Leavings& out) {
  if (cause.kind == SourceKind::stream) {
    if (fields_of(command).empty()) return;
    join_grants(out.field, by);
  } else if (cause.kind == SourceKind::channel) {
    out.beside.push_back({Leaving::Kind::event,
                          cause.rule,
                          by,
                          std::string(command.args[1]),
                          std::string(command.args[2]),
                          {}});
  } else {
    const auto asked = policy::expiry_asked(command);
    for (const command::KeyUse& use : command.keys) {
      if (!is_timer(cause, command, use)) continue;
      out.beside.push_back({Leaving::Kind::timer,
                            cause.rule,
                            by,
                            std::string(command.args[use.arg]),
                            {},
                            asked ? asked : added});
    }
    if (!asked && !added) return;  // a timer that it moves or cancels was attested before
  }
  out.attested.push_back(cause.rule);
}

// None of them is. What nobody vouches for in a stream is told by the engine, which finds it there;
// whoever writes a key without giving it an expiry causes nothing anyway.
void refuse(const Cause& cause, const Command& command,
            const std::optional<policy::ExpiryAsked>& added, Leavings& out) {
  if (cause.kind == SourceKind::stream) return;
  if (cause.kind == SourceKind::expired && !added && !policy::expiry_asked(command)) return;
  out.refused.push_back(&cause);
}

policy::Facts facts_in(std::uint32_t db) { return {.db = db, .expiry_later = true}; }

}  // namespace

bool may_leave(const policy::Grants& grants, const Command& command, std::uint32_t db) {
  return std::any_of(grants.causes().begin(), grants.causes().end(), [&](const Cause& cause) {
    return reaches(cause, command, db) && !grants.causing(cause, command, facts_in(db)).empty();
  });
}

void find_leavings(const policy::Grants& grants, const Command& command, std::uint32_t db,
                   const std::optional<policy::ExpiryAsked>& added, Leavings& out) {
  out.field.clear();
  out.beside.clear();
  out.attested.clear();
  out.refused.clear();
  for (const Cause& cause : grants.causes()) {
    if (!reaches(cause, command, db)) continue;
    const std::string by = grants.causing(cause, command, facts_in(db));
    if (by.empty()) {
      refuse(cause, command, added, out);
    } else {
      leave(cause, by, command, added, out);
    }
  }
  for (const Cause& cause : grants.closed_sources()) {
    if (reaches(cause, command, db)) refuse(cause, command, added, out);
  }
}

std::string_view obstacle(const Command& command) {
  const auto fields = fields_of(command);
  const bool own = std::any_of(fields.begin(), fields.end(), [](const FieldView& field) {
    return field.first == kAttestationField;
  });
  return own ? kOwnField : std::string_view();
}

std::string field_of(const Signer& signer, const Command& command, const std::string& grants) {
  return attest(signer.keys, command.args[1], fields_of(command),
                {.principal = std::string(signer.principal),
                 .grant = grants,
                 .at = signer.now,
                 .due = signer.now,
                 .nonce = make_nonce()});
}

std::vector<RequestWords> requests_of(const Signer& signer, const Leaving& leaving) {
  Attested by{.principal = std::string(signer.principal),
              .grant = leaving.grants,
              .at = signer.now,
              .due = signer.now,
              .nonce = {}};
  const std::string events = own_events(leaving.rule);
  if (leaving.kind == Leaving::Kind::event) {
    const FieldView fields[] = {{kChannelField, leaving.name}, {kMessageField, leaving.message}};
    by.nonce = make_nonce();
    return {{"XADD", events, "*", std::string(kChannelField), leaving.name,
             std::string(kMessageField), leaving.message, std::string(kAttestationField),
             attest(signer.keys, events, fields, by)}};
  }
  if (!leaving.asked) return {timer_request(leaving.rule, leaving.name, std::nullopt)};
  const auto when = leaving.asked->when;
  by.due = leaving.asked->absolute ? WallTime(when) : signer.now + when;
  by.nonce = make_nonce();
  const FieldView fields[] = {{kKeyField, leaving.name}};
  TimerSet set{*leaving.asked, by.due, attest(signer.keys, events, fields, by)};
  return {timer_room(leaving.rule), timer_request(leaving.rule, leaving.name, set)};
}

}  // namespace keyward::trigger
