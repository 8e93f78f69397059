// A revocation as JSON: in the sealed record and in the file. Pure.
#pragma once

#include "keyward/fleet/revocations.h"

#include <boost/json/value.hpp>

namespace keyward::fleet {

[[nodiscard]] boost::json::object to_json(const RevocationEntry& entry);
// Nothing when anything is missing, too long or of another kind.
[[nodiscard]] std::optional<RevocationEntry> from_json(const boost::json::value& value);

[[nodiscard]] std::string to_record(const RevocationEntry& entry);
// Also nothing when the record speaks of another id.
[[nodiscard]] std::optional<RevocationEntry> from_record(std::string_view id,
                                                         std::string_view record);

}  // namespace keyward::fleet
