// The JSON parts of a record that say who. All write at `at`, where the caller has
// room for a record.
#pragma once

#include "keyward/audit/subject.h"

#include <cstddef>
#include <cstdint>

namespace keyward::audit {

inline constexpr std::size_t kGroupsListed = 32;
inline constexpr std::size_t kGrantsListed = 32;

// Members of unmapped.keyward, with leading commas.
[[nodiscard]] char* put_subject_fields(char* at, const Subject& subject);
// "user":{...},"session":{...},"idp":{...} of an OCSF actor.
[[nodiscard]] char* put_actor(char* at, const Subject& subject);
// ,"idp":{...} of one, when it is known.
[[nodiscard]] char* put_issuer(char* at, const Subject& subject);
// ,"src_endpoint":{...}
[[nodiscard]] char* put_source(char* at, const Subject& subject);
// ,"privileges":[...]: the names of the grants.
[[nodiscard]] char* put_privileges(char* at, const Subject& subject);

// "user":{...} and ,"session":{...} alone, for the classes that have them at the top. No session
// for what belongs to none.
[[nodiscard]] char* put_user(char* at, const Subject& subject);
[[nodiscard]] char* put_session(char* at, const Subject& subject);

// The name that people know the user by; "(not logged in)" for nobody.
[[nodiscard]] std::string_view name_of(const Subject& subject);

// OCSF counts milliseconds.
[[nodiscard]] std::uint64_t milliseconds(WallTime time);
[[nodiscard]] std::uint64_t microseconds(WallTime time);

}  // namespace keyward::audit
