// What a serving process does to itself before it holds secrets.
#pragma once

namespace keyward::cli {

// No core files and no attaching of debuggers by the same user: the memory holds tokens and
// passwords.
void forbid_core_dumps();
// As above for this process alone: what it starts may dump core as it likes.
void forbid_own_core_dump();
// Raises the soft limit of open files to the hard one and logs it.
void raise_file_limit();

}  // namespace keyward::cli
