// What a policy may ask of a verified principal: matches of `who`, values of templates.
#pragma once

#include "keyward/identity/principal.h"
#include "keyward/policy/snapshot.h"

#include <optional>
#include <string>
#include <string_view>

namespace keyward::policy {

// Every part that is set holds.
[[nodiscard]] bool matches(const Who& who, const identity::Principal& principal);

// "subject", "claim.NAME", "k8s.namespace", "k8s.serviceaccount"; only text claims have a value.
[[nodiscard]] std::optional<std::string> template_value(const identity::Principal& principal,
                                                        std::string_view name);

}  // namespace keyward::policy
