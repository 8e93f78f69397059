#include "cli/audit_directory.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/audit/tail.h"

#include <chrono>
#include <memory>
#include <thread>
#include <unistd.h>

namespace keyward::cli {
namespace {

struct Options {
  std::string directory;
  std::size_t last = 20;
  bool follow = false;
  bool json = false;
};

constexpr std::chrono::milliseconds kPause{200};

// Ends by a signal, by the reader going away, or when there is nothing more and nothing to follow.
int tail(const Options& options) {
  using Show = audit::Follower::Show;
  audit::Follower follower(audit_directory(options.directory), options.last,
                           options.json ? Show::everything : Show::events);
  const bool colour = isatty(STDOUT_FILENO) == 1;
  for (;;) {
    const auto lines = follower.poll();
    if (!lines) return fail(lines.error().message());
    for (const std::string& line : *lines) {
      if (!print_line(options.json ? line : audit::format_row(line, colour))) return kDone;
    }
    if (!lines->empty()) continue;
    if (!options.follow) return kDone;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

void add_audit_tail(CLI::App& audit, Chosen& chosen) {
  CLI::App* verb = audit.add_subcommand("tail", "The newest records, and those to come");
  auto options = std::make_shared<Options>();
  verb->add_option("DIR", options->directory, kAuditDirectoryHelp);
  verb->add_option("-n,--last", options->last, "How many records that are there already")
      ->capture_default_str();
  verb->add_flag("-f,--follow", options->follow, "Go on with new records");
  verb->add_flag("--json", options->json, "The records as they stand in the trail, one a line");
  verb->footer("Example:\n  keyward audit tail --follow .keyward/audit");
  verb->callback([&chosen, options] { chosen.run = [options] { return tail(*options); }; });
}

}  // namespace keyward::cli
