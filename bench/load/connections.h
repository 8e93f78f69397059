// Loads made of connections rather than requests.
#pragma once

#include "options.h"

namespace keyward::load {

// A new connection a request. Prints `go`, `end` and JSON as traffic does.
int run_churn(const Options& options);

// As many logins as there are connections, as fast as the server takes them. Prints `go`, `end` and
// JSON as traffic does.
int run_logins(const Options& options);

// Connections that idle. Prints a line of JSON at each count and then waits for a line of input; at
// the end asks every connection for PONG.
int run_hold(const Options& options);

}  // namespace keyward::load
