#include "cli/audit_directory.h"
#include "cli/audit_query.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/audit/tail.h"
#include "keyward/trail/reader.h"

#include <chrono>
#include <memory>
#include <thread>
#include <unistd.h>

namespace keyward::cli {
namespace {

struct Options {
  std::string directory;
  QueryOptions query;
  std::size_t last = 20;
  bool follow = false;
  bool json = false;
};

constexpr std::chrono::milliseconds kPause{200};
// With a filter the newest so many records are looked through for those that fit.
constexpr std::size_t kLookedThrough = 20'000;

// What of the lines is shown.
class Chooser {
 public:
  Chooser(const Options& options, trail::Query query)
      : query_(std::move(query)), filters_(options.query.any()), json_(options.json) {}

  [[nodiscard]] audit::Follower follower(const Options& options) const {
    using Show = audit::Follower::Show;
    // A session's record is needed for those behind it, also where it is not shown.
    return {audit_directory(options.directory),
            filters_ ? std::max(options.last, kLookedThrough) : options.last,
            json_ || filters_ ? Show::everything : Show::events};
  }
  void choose(std::vector<std::string>& lines) {
    if (!filters_) return;
    std::erase_if(lines, [this](const std::string& line) {
      trail::Record record;
      sessions_.passed(line.size() + 1);
      if (!parser_.parse(line, record)) return true;
      (void)sessions_.join(record);
      return !trail::matches(query_, record);
    });
  }
  // Of what is there already, the newest.
  void keep_newest(std::vector<std::string>& lines, std::size_t count) const {
    if (filters_ && lines.size() > count)
      lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(count));
  }

 private:
  trail::Query query_;
  bool filters_, json_;
  trail::RecordParser parser_;
  trail::Sessions sessions_;
};

// Ends by a signal, by the reader going away, or when there is nothing more and nothing to follow.
int tail(const Options& options) {
  auto query = options.query.query(SystemClock().wall());
  if (!query) return usage(query.error().message());
  Chooser chooser(options, *std::move(query));
  audit::Follower follower = chooser.follower(options);
  const bool colour = isatty(STDOUT_FILENO) == 1;
  for (bool first = true;; first = false) {
    auto lines = follower.poll();
    if (!lines) return fail(lines.error().message());
    const bool more = !lines->empty();
    chooser.choose(*lines);
    if (first) chooser.keep_newest(*lines, options.last);
    for (const std::string& line : *lines) {
      if (!print_line(options.json ? line : audit::format_row(line, colour))) return kDone;
    }
    if (more) continue;
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
  options->query.add_to(*verb, false);
  verb->footer(
      "Of those that are there already, the newest 20000 are looked through for what fits; older "
      "ones "
      "are for `keyward audit search`.\n"
      "Example:\n  keyward audit tail --follow --outcome denied .keyward/audit");
  verb->callback([&chosen, options] { chosen.run = [options] { return tail(*options); }; });
}

}  // namespace keyward::cli
