// Keys that belong to Keyward itself, in every database.
#pragma once

#include <string_view>

namespace keyward {

// What the instances of a fleet share lies under names that begin so. No command of a client may
// name one, whatever its grants say: policy::Grants::decide() refuses it.
inline constexpr std::string_view kReservedKeys = "keyward:fleet:";

}  // namespace keyward
