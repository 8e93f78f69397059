#include "cli/audit_directory.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include "keyward/audit/verify.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <memory>
#include <string>
#include <vector>

namespace keyward::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string directory;
  std::vector<std::string> against;
  std::string key;
  unsigned threads = 0;
  bool json = false;
};

json::object as_json(const audit::StreamReport& stream) {
  json::object out{
      {"instance", stream.instance}, {"stream", stream.stream},         {"records", stream.records},
      {"files", stream.files},       {"crashes", stream.crashes},       {"running", stream.running},
      {"whole", stream.whole},       {"torn_bytes", stream.torn_bytes}, {"first", stream.first},
      {"last", stream.last},         {"signed_to", stream.signed_to}};
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
  if (stream.first > 1)
    out +=
        ", from record " + std::to_string(stream.first) + " (older ones were removed, as signed)";
  if (stream.signed_to > 0) out += ", signed to record " + std::to_string(stream.signed_to);
  if (stream.running) out += ", still open";
  if (!stream.whole) {
    out += "; " + stream.problem + " at " + stream.file + ":" + std::to_string(stream.line) +
           ", record " + std::to_string(stream.sequence);
  }
  return out;
}

json::object as_json(const audit::CopyReport& copy) {
  json::object out{
      {"path", copy.path}, {"checkpoints", copy.checkpoints}, {"whole", copy.problem.empty()}};
  if (copy.problem.empty()) return out;
  out["problem"] = copy.problem;
  out["line"] = copy.line;
  return out;
}

std::string as_text(const audit::CopyReport& copy) {
  std::string out = copy.problem.empty() ? "whole   " : "BROKEN  ";
  out += "copy " + copy.path + ": " + std::to_string(copy.checkpoints) + " checkpoints";
  if (!copy.problem.empty()) out += "; " + copy.problem + " at line " + std::to_string(copy.line);
  return out;
}

int verify(const Options& options) {
  const std::string directory = audit_directory(options.directory);
  ProgressBar bar(!options.json);
  const auto report = audit::verify(directory, {.progress = bar.drawer(),
                                                .against = options.against,
                                                .trusted_key = options.key,
                                                .threads = options.threads});
  bar.erase();
  if (!report) return fail(report.error().message(), options.json);
  if (options.json) {
    json::array streams;
    for (const auto& stream : report->streams) streams.push_back(as_json(stream));
    json::array copies;
    for (const auto& copy : report->copies) copies.push_back(as_json(copy));
    print_json(json::object{{"ok", report->whole()},
                            {"directory", directory},
                            {"bytes", report->bytes},
                            {"streams", std::move(streams)},
                            {"copies", std::move(copies)}});
  } else {
    for (const auto& stream : report->streams) print_line(as_text(stream));
    for (const auto& copy : report->copies) print_line(as_text(copy));
    print_line(directory + (report->whole() ? ": the trail is whole" : ": the trail is NOT whole"));
  }
  return report->whole() ? kDone : kDoesNotHold;
}

}  // namespace

void add_audit_verify(CLI::App& audit, Chosen& chosen) {
  CLI::App* verb = audit.add_subcommand("verify", "Is the trail whole? Names the first bad place");
  auto options = std::make_shared<Options>();
  verb->add_option("DIR", options->directory, kAuditDirectoryHelp);
  verb->add_option("--against", options->against,
                   "A file with copies of checkpoints, kept elsewhere: the trail has to hold what "
                   "they say; may be given more than once")
      ->allow_extra_args(false);
  verb->add_option(
      "--key", options->key,
      "A public key (PEM) known from elsewhere that the checkpoints have to lead back to");
  verb->add_option("--threads", options->threads, "How many (default: one per core)");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      "Example:\n  keyward audit verify --against /mnt/vault/checkpoints.jsonl .keyward/audit");
  verb->callback([&chosen, options] { chosen.run = [options] { return verify(*options); }; });
}

}  // namespace keyward::cli
