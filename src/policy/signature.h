// Whether somebody trusted vouches for what was read of a folder.
#pragma once

#include "policy/folder.h"

#include "keyward/policy/signature.h"

namespace keyward::policy {

// `files` as they were read: what is compiled is what was signed.
void check_signature(const std::string& folder, const std::vector<PolicyFile>& files,
                     const Signers& signers, Diagnostics& diagnostics);

}  // namespace keyward::policy
