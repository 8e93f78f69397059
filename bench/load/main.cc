#include "connections.h"
#include "hop.h"
#include "traffic.h"

#include <csignal>
#include <sys/resource.h>

int main(int argc, char** argv) {
  using keyward::load::Mode;
  const keyward::load::Options options = keyward::load::parse(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  switch (options.mode) {
    case Mode::closed:
    case Mode::open:
      return keyward::load::run_traffic(options);
    case Mode::churn:
      return keyward::load::run_churn(options);
    case Mode::hold:
      return keyward::load::run_hold(options);
    case Mode::logins:
      return keyward::load::run_logins(options);
    case Mode::fill:
      return keyward::load::run_fill(options);
    case Mode::hop:
      return keyward::load::run_hop(options);
  }
}
