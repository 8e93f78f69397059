// The text of a MANIFEST and what it says about the files of a folder. Pure.
#pragma once

#include "policy/folder.h"

#include <string>
#include <string_view>
#include <vector>

namespace keyward::policy {

// "<sha256>  <name>\n" for every file, in order of name.
[[nodiscard]] std::string manifest_of(const std::vector<PolicyFile>& files);
// Every policy file must stand in it with its hash, and every policy file that it names must be
// there. `place` is how the manifest is called in the complaints. Other files that it names are not
// Keyward's.
void check_manifest(std::string_view text, const std::vector<PolicyFile>& files,
                    const std::string& place, Diagnostics& diagnostics);

}  // namespace keyward::policy
