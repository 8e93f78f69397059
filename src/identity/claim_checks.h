// Steps 7 to 9 of validation: what the verified claims of this token must
// say, and the principal they make.
#pragma once

#include "identity/jwt.h"

#include <variant>

namespace keyward::identity {

[[nodiscard]] std::variant<Accepted, Rejected> judge_claims(boost::json::object claims,
                                                            std::string_view token,
                                                            const IssuerConfig& rules,
                                                            WallTime now);

}  // namespace keyward::identity
