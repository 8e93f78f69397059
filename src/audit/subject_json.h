// The JSON parts of a record that say who: the same for all records of a session.
#pragma once

#include "keyward/audit/event.h"

#include <cstdint>
#include <string>

namespace keyward::audit {

inline constexpr std::size_t kGroupsListed = 32;

// Members of unmapped.keyward, with leading commas.
void append_subject_fields(std::string& out, const Subject& subject);
// "user":{...},"session":{...},"idp":{...} of an OCSF actor.
void append_actor(std::string& out, const Subject& subject);
// ,"src_endpoint":{...}
void append_source(std::string& out, const Subject& subject);

// "user":{...} and ,"session":{...} alone, for the classes that have them at the top. No session
// for what belongs to none.
void append_user(std::string& out, const Subject& subject);
void append_session(std::string& out, const Subject& subject);

// Never 0. Covers the fields that may change while a session lives.
[[nodiscard]] std::uint64_t fingerprint(const Subject& subject);

// OCSF counts milliseconds.
[[nodiscard]] std::uint64_t milliseconds(WallTime time);
[[nodiscard]] std::uint64_t microseconds(WallTime time);

}  // namespace keyward::audit
