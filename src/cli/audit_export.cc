#include "cli/audit_directory.h"
#include "cli/audit_query.h"
#include "cli/draft_file.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include "keyward/trail/ecs.h"
#include "keyward/trail/export.h"
#include "keyward/trail/search.h"

#include <CLI/Validators.hpp>
#include <boost/json/object.hpp>

#include <cstdio>
#include <memory>

namespace keyward::cli {
namespace {

struct Options {
  std::string directory, format = "csv", output;
  std::vector<std::string> columns;
  QueryOptions query;
  trail::SearchOptions search;
  bool no_index = false, json = false;
};

using Write = std::function<void(const trail::Record&, std::string&)>;

Write writer_of(const std::string& format, const trail::CsvWriter& csv) {
  if (format == "csv")
    return [&csv](const trail::Record& record, std::string& out) { csv.append(record, out); };
  if (format == "ecs") {
    return [](const trail::Record& record, std::string& out) {
      trail::append_ecs(record, out);
      out += '\n';
    };
  }
  return [](const trail::Record& record, std::string& out) {
    trail::append_joined(record, out);
    out += '\n';
  };
}

int run(Options& options) {
  const auto wrong = [&](const std::string& why) { return usage(why); };
  const auto query = options.query.query(SystemClock().wall());
  if (!query) return wrong(query.error().message());
  const auto csv = trail::CsvWriter::with(options.columns);
  if (!csv) return wrong("--columns: " + csv.error().message());
  if (!options.columns.empty() && options.format != "csv")
    return wrong("--columns is for --format csv; " + options.format + " always has everything");
  auto out = DraftFile::open(options.output);
  if (!out) return fail(out.error().message(), options.json);

  ProgressBar bar(!options.json);
  options.search.progress = bar.drawer();
  options.search.use_indexes = !options.no_index;
  std::string heading;
  if (options.format == "csv") csv->append_heading(heading);
  bool written = out->write(heading);
  const auto counts = trail::search(
      {audit_directory(options.directory)}, *query, options.search, writer_of(options.format, *csv),
      [&](std::string_view row) { return written = written && out->write(row); });
  bar.erase();
  if (!counts) return fail(counts.error().message(), options.json);
  if (!counts->failed.empty())
    return fail("nothing was exported: " + counts->failed.front(), options.json);
  if (!written)
    return fail(
        (options.output.empty() ? "standard output" : options.output) + " cannot be written",
        options.json);
  if (const auto placed = out->place(); !placed)
    return fail(placed.error().message(), options.json);
  for (const std::string& rejected : counts->rejected)
    std::fprintf(stderr, "keyward: index not used: %s\n", rejected.c_str());
  if (options.json && !options.output.empty()) {
    print_json(
        boost::json::object{{"ok", true}, {"records", counts->found}, {"output", options.output}});
  } else if (!options.json) {
    std::fprintf(stderr, "%llu records\n", static_cast<unsigned long long>(counts->found));
  }
  return kDone;
}

}  // namespace

void add_audit_export(CLI::App& audit, Chosen& chosen) {
  CLI::App* verb =
      audit.add_subcommand("export", "Records for other programs: CSV, JSON lines, ECS");
  auto options = std::make_shared<Options>();
  verb->add_option("DIR", options->directory, kAuditDirectoryHelp);
  verb->add_option(
          "--format", options->format,
          "csv; jsonl: as stored, with what their session says; ecs: Elastic Common Schema")
      ->check(CLI::IsMember({"csv", "jsonl", "ecs"}))
      ->capture_default_str();
  verb->add_option("--columns", options->columns, "Of a CSV, with commas between (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->add_option("-o,--output", options->output,
                   "A file, which is there when it is whole (default: standard output)");
  options->query.add_to(*verb, true);
  verb->add_option("--limit", options->search.limit, "The oldest so many (default: all)");
  verb->add_flag("--no-index", options->no_index,
                 "Read every record; neither believe nor write the indexes beside the segments");
  verb->add_option("--threads", options->search.threads, "How many (default: one per core)");
  verb->add_flag("--json", options->json, "Say how it went as JSON");
  verb->footer(
      "Example:\n"
      "  keyward audit export --format csv --columns time,user,command,keys,outcome \\\n"
      "    --from 2026-01-01 --to 2026-04-01 --output q1.csv .keyward/audit");
  verb->callback([&chosen, options] { chosen.run = [options] { return run(*options); }; });
}

}  // namespace keyward::cli
