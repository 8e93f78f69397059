// What one run of the load generator is to do: the command line as a value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keyward::load {

enum class Mode { closed, open, churn, hold, logins, fill, hop };

struct Options {
  Mode mode = Mode::closed;
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  bool tls = false;
  std::string ca;           // empty: the server is not verified
  std::string sni;          // empty: the host
  std::string user;         // goes before the secret in AUTH
  std::string secrets;      // file, a password or token a line; empty: no AUTH
  bool once = false;        // each secret once only...
  std::uint32_t first = 0;  // ...from this line of the file on
  bool refused = false;     // churn without login at a server that wants one: NOAUTH is right
  bool ping = true;         // churn: a PING after AUTH
  bool resume = false;      // churn: TLS session resumption
  std::uint32_t conns = 50;
  std::uint32_t width = 1000;       // logins: connections on their way at a time
  std::uint32_t pipe = 1;           // requests under way on one connection
  std::uint32_t heavy = 0;          // more connections, told apart in the result...
  std::uint32_t heavy_pipe = 1000;  // ...with this many requests under way each
  std::uint32_t size = 100;
  std::uint32_t keys = 100000;
  std::uint32_t gets = 50;  // percent
  double rate = 0;          // open: requests a second, of all connections
  enum class Spacing { poisson, steady, step };
  Spacing spacing = Spacing::poisson;  // open
  double warm = 1;
  double secs = 5;
  std::string prefix = "kwbench:";
  std::vector<std::uint32_t> counts;  // hold: stop at each until a line comes in; hop: two CPUs
};

// Ends the process with what is wrong and how to say it.
Options parse(int argc, char** argv);

// Ends the process: a load generator that cannot go on has no figures to give.
[[noreturn]] void fail(const std::string& text);

}  // namespace keyward::load
