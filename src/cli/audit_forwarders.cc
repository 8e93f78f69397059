#include "cli/audit_directory.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs.h"

#include "keyward/audit/feed.h"
#include "keyward/forward/forwarders.h"
#include "keyward/forward/position.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fmt/chrono.h>
#include <memory>

namespace keyward::cli {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

struct Options {
  std::string directory;
  bool json = false;
};

// One stream of one forwarder.
struct Row {
  std::string stream;
  std::uint64_t segment = 0, sequence = 0, newest = 0, lag = 0;
};

std::vector<Row> rows_of(const forward::Position& position,
                         const std::map<std::string, audit::StreamExtent>& there) {
  std::vector<Row> out;
  const bool copy = position.streams.size() == 1 && position.streams.contains("checkpoints");
  for (const auto& [stream, extent] : there) {
    const auto found = position.streams.find(stream);
    if (found == position.streams.end() && copy) continue;
    const audit::Place place = found == position.streams.end() ? audit::Place{} : found->second;
    const std::uint64_t lag = extent.newest > place.sequence ? extent.newest - place.sequence : 0;
    out.push_back({stream, place.segment, place.sequence, extent.newest, lag});
  }
  return out;
}

std::string time_text(std::uint64_t time_us) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}Z",
                     fmt::gmtime(static_cast<std::time_t>(time_us / 1'000'000)));
}

std::vector<fs::path> position_files(const std::string& directory) {
  std::vector<fs::path> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().extension() == ".position") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

int show(const Options& options) {
  const std::string directory = audit_directory(options.directory);
  if (!fs::is_directory(directory)) return fail(directory + " is no folder", options.json);
  json::array forwarders;
  std::vector<std::vector<std::string>> lines{
      {"INSTANCE", "FORWARDER", "STREAM", "RECEIVED", "NEWEST", "BEHIND", "STORED AT", "TO"}};
  bool good = true;
  for (const fs::path& path : position_files(directory)) {
    const auto position = forward::load_position(path.string());
    if (!position) {
      good = false;
      if (options.json)
        forwarders.push_back(
            json::object{{"file", path.string()}, {"error", position.error().message()}});
      else
        fail(position.error().message());
      continue;
    }
    const auto there = audit::extents(directory, position->instance);
    if (!there) return fail(there.error().message(), options.json);
    std::uint64_t lag = 0;
    json::array streams;
    for (const Row& row : rows_of(*position, *there)) {
      lag += row.lag;
      streams.push_back(json::object{{"stream", row.stream},
                                     {"segment", row.segment},
                                     {"sequence", row.sequence},
                                     {"newest", row.newest},
                                     {"lag_records", row.lag}});
      lines.push_back({position->instance, position->forwarder, row.stream,
                       std::to_string(row.sequence), std::to_string(row.newest),
                       std::to_string(row.lag), time_text(position->updated_us),
                       position->destination});
    }
    forwarders.push_back(json::object{{"instance", position->instance},
                                      {"forwarder", position->forwarder},
                                      {"destination", position->destination},
                                      {"updated_us", position->updated_us},
                                      {"lag_records", lag},
                                      {"streams", std::move(streams)}});
  }
  if (options.json)
    print_json(json::object{
        {"ok", good}, {"directory", directory}, {"forwarders", std::move(forwarders)}});
  else if (lines.size() > 1)
    print_line(table(lines));
  else
    print_line(directory + ": no forwarder has sent anything yet");
  return good ? kDone : kDoesNotHold;
}

}  // namespace

void add_audit_forwarders(CLI::App& audit, Chosen& chosen) {
  CLI::App* verb = audit.add_subcommand("forwarders", "How far the forwarders of the trail are");
  auto options = std::make_shared<Options>();
  verb->add_option("DIR", options->directory, kAuditDirectoryHelp);
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      "Reads the stored positions, which a running forwarder writes once a second.\n"
      "Example:\n  keyward audit forwarders /var/lib/keyward/audit");
  verb->callback([&chosen, options] { chosen.run = [options] { return show(*options); }; });
}

}  // namespace keyward::cli
