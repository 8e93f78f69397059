#include "cli/audit_directory.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include "keyward/audit/verify.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <memory>

namespace keyward::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string directory;
  bool json = false;
};

json::object as_json(const audit::StreamReport& stream) {
  json::object out{{"instance", stream.instance}, {"stream", stream.stream},
                   {"records", stream.records},   {"files", stream.files},
                   {"crashes", stream.crashes},   {"running", stream.running},
                   {"whole", stream.whole},       {"torn_bytes", stream.torn_bytes}};
  if (!stream.whole) {
    out["problem"] = stream.problem;
    out["file"] = stream.file;
    out["line"] = stream.line;
    out["sequence"] = stream.sequence;
  }
  return out;
}

std::string as_text(const audit::StreamReport& stream) {
  std::string out = stream.whole ? "whole   " : "BROKEN  ";
  out += stream.instance + "/" + stream.stream + ": " + std::to_string(stream.records) +
         " records in " + std::to_string(stream.files) + " files";
  if (stream.crashes > 0)
    out += ", " + std::to_string(stream.crashes) + " runs ended without a stop";
  if (stream.running) out += ", still open";
  if (!stream.whole) {
    out += "; " + stream.problem + " at " + stream.file + ":" + std::to_string(stream.line) +
           ", record " + std::to_string(stream.sequence);
  }
  return out;
}

int verify(const Options& options) {
  const std::string directory = audit_directory(options.directory);
  ProgressBar bar(!options.json);
  const auto report = audit::verify(directory, bar.drawer());
  bar.erase();
  if (!report) return fail(report.error().message(), options.json);
  if (options.json) {
    json::array streams;
    for (const auto& stream : report->streams) streams.push_back(as_json(stream));
    print_json(json::object{
        {"ok", report->whole()}, {"directory", directory}, {"streams", std::move(streams)}});
  } else {
    for (const auto& stream : report->streams) print_line(as_text(stream));
    print_line(directory + (report->whole() ? ": the trail is whole" : ": the trail is NOT whole"));
  }
  return report->whole() ? kDone : kDoesNotHold;
}

}  // namespace

void add_audit_verify(CLI::App& audit, Chosen& chosen) {
  CLI::App* verb = audit.add_subcommand("verify", "Is the trail whole? Names the first bad place");
  auto options = std::make_shared<Options>();
  verb->add_option("DIR", options->directory, kAuditDirectoryHelp);
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer("Example:\n  keyward audit verify .keyward/audit");
  verb->callback([&chosen, options] { chosen.run = [options] { return verify(*options); }; });
}

}  // namespace keyward::cli
