// `template:` of a grant: takes what the template grants over into it.
#pragma once

#include "policy/grant_reader.h"

namespace keyward::policy {

// Adds databases, entries, limits and audit settings of the template that `use` names; what the
// grant says itself is read afterwards and replaces or extends them. `grant` has its namespace.
// Complaints go to `use`.
void use_template(const yaml::Node& use, const GrantContext& context, GrantModel& grant);

}  // namespace keyward::policy
