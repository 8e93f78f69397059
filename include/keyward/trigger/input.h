// What a target gets: the input of a rule with its places filled in. Pure.
#pragma once

#include "keyward/base/result.h"
#include "keyward/trigger/event.h"

#include <string>

namespace keyward::trigger {

// At most so many bytes: StartExecution takes 262 144 of UTF-8.
inline constexpr std::size_t kMostInput = 262'144;

// JSON, the same bytes for the same rule and event. Without `input` in the rule: {"id", "rule",
// "source", "time", "principal", "grant", "fields"}. Errors (Errc::invalid), which no retry mends:
// a field that the event lacks, a value that is no UTF-8, no JSON or no number, too long. They name
// the place, never a value.
[[nodiscard]] Result<std::string> render_input(const Rule& rule, const Event& event);

// For CloudEvents and records: the stream, the channel or the key.
[[nodiscard]] std::string subject_of(const Rule& rule, const Event& event);

}  // namespace keyward::trigger
