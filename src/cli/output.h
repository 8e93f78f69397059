// How answers look: text for people, one JSON value for programs.
#pragma once

#include "keyward/base/diagnostics_json.h"
#include "keyward/base/latin1.h"
#include "keyward/base/result.h"

#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace keyward::cli {

// One line on standard output. False when it could not be written (the reader is gone).
bool print_line(std::string_view text);
bool print_json(const boost::json::value& value);
// "keyward: <message>" on standard error; answers kDoesNotHold.
int fail(std::string_view message);
// The same, as {"ok": false, "error": message} on standard output when `json`.
int fail(std::string_view message, bool json);
// Wrong use of the verb, found after parsing; answers kUsage.
int usage(std::string_view message);

// A word of a command line as it can be typed in a POSIX shell.
[[nodiscard]] std::string shell_quoted(std::string_view word);

}  // namespace keyward::cli
