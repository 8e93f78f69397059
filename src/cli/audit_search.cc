#include "cli/audit_directory.h"
#include "cli/audit_query.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include "keyward/audit/tail.h"
#include "keyward/base/log.h"
#include "keyward/trail/export.h"
#include "keyward/trail/search.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdio>
#include <memory>
#include <unistd.h>

namespace keyward::cli {
namespace {

namespace json = boost::json;

constexpr int kNothingFound = 1;

struct Options {
  std::string directory;
  QueryOptions query;
  trail::SearchOptions search;
  bool json = false;
  bool count = false;
  bool no_index = false;
};

std::string summary(const trail::SearchCounts& counts) {
  std::string text = std::to_string(counts.found) + " records; read " +
                     std::to_string(counts.blocks_read) + " of " + std::to_string(counts.blocks) +
                     " blocks in " + std::to_string(counts.segments) + " files";
  if (counts.indexes_written > 0)
    text += "; made " + std::to_string(counts.indexes_written) + " indexes";
  return text;
}

json::object as_json(const trail::SearchCounts& counts) {
  return {{"found", counts.found},
          {"blocks_read", counts.blocks_read},
          {"blocks", counts.blocks},
          {"files", counts.segments},
          {"indexes_made", counts.indexes_written},
          {"unreadable_lines", counts.unreadable}};
}

void complain(const trail::SearchCounts& counts) {
  for (const std::string& rejected : counts.rejected)
    std::fprintf(stderr, "keyward: index not used: %s\n", log::printable(rejected, 512).c_str());
  for (const std::string& failed : counts.failed)
    std::fprintf(stderr, "keyward: %s\n", log::printable(failed, 512).c_str());
}

int run(Options& options) {
  const auto query = options.query.query(SystemClock().wall());
  if (!query) return usage(query.error().message());
  ProgressBar bar(!options.json);
  options.search.progress = bar.drawer();
  options.search.use_indexes = !options.no_index;
  const bool colour = isatty(STDOUT_FILENO) == 1;
  std::function<void(const trail::Record&, std::string&)> write;
  if (!options.count) {
    write = [&](const trail::Record& record, std::string& out) {
      if (options.json) {
        trail::append_joined(record, out);
      } else {
        out += audit::format_row(record.line, colour);
      }
    };
  }
  bool shown = false;
  const auto counts = trail::search({audit_directory(options.directory)}, *query, options.search,
                                    write, [&](std::string_view row) {
                                      if (!shown) bar.erase();
                                      shown = true;
                                      return print_line(row);
                                    });
  bar.erase();
  if (!counts) {
    (void)fail(counts.error().message());
    return kUsage;
  }
  complain(*counts);
  if (options.count && options.json) {
    print_json(as_json(*counts));
  } else if (options.count) {
    print_line(std::to_string(counts->found));
  }
  if (!options.json) std::fprintf(stderr, "%s\n", summary(*counts).c_str());
  if (!counts->failed.empty()) return kUsage;  // the answer may not be the whole one
  return counts->found > 0 ? kDone : kNothingFound;
}

}  // namespace

void add_audit_search(CLI::App& audit, Chosen& chosen) {
  CLI::App* verb = audit.add_subcommand(
      "search", "The records that all options fit; of an option that is repeated, one has to fit");
  auto options = std::make_shared<Options>();
  verb->add_option("DIR", options->directory, kAuditDirectoryHelp);
  options->query.add_to(*verb, true);
  verb->add_option("--limit", options->search.limit, "The oldest so many (default: all)");
  verb->add_flag("--count", options->count, "Only how many there are");
  verb->add_flag(
      "--json", options->json,
      "The records as they stand in the trail, with what their session says, one a line");
  verb->add_flag("--no-index", options->no_index,
                 "Read every record; neither believe nor write the indexes beside the segments");
  verb->add_option("--threads", options->search.threads, "How many (default: one per core)");
  verb->footer(
      "Exit codes: 0 found, 1 nothing found, 2 wrong use or a file that cannot be read.\n"
      "Example:\n"
      "  keyward audit search --key 'app:user:*' --outcome denied --from -24h .keyward/audit");
  verb->callback([&chosen, options] { chosen.run = [options] { return run(*options); }; });
}

}  // namespace keyward::cli
