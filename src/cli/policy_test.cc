#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/policy/snapshot.h"

#include <boost/json/object.hpp>

#include <cstdio>
#include <memory>

namespace keyward::cli {
namespace {

struct TestOptions {
  std::string path = "policies";
  bool json = false;
};

int run_expectations(const TestOptions& options) {
  Diagnostics diagnostics;
  const auto snapshot =
      policy::Snapshot::load(options.path, command::Catalog::built_in(), {}, diagnostics);
  if (options.json) {
    boost::json::object out{{"ok", snapshot != nullptr}, {"diagnostics", to_json(diagnostics)}};
    if (snapshot) {
      out["expectations"] = snapshot->expectations();
      out["version"] = snapshot->version();
    }
    print_json(out);
    return snapshot ? kDone : kDoesNotHold;
  }
  std::fputs(diagnostics.text().c_str(), stderr);
  if (!snapshot) return kDoesNotHold;
  print_line(options.path + ": " + std::to_string(snapshot->expectations()) +
             " expect cases hold, " + std::to_string(snapshot->grants().size()) +
             " grants, version " + snapshot->version());
  return kDone;
}

}  // namespace

void add_policy_test(CLI::App& policy, Chosen& chosen) {
  CLI::App* verb = policy.add_subcommand("test", "Run the `expect` cases of policy files");
  auto options = std::make_shared<TestOptions>();
  verb->add_option("PATH", options->path, "A policy folder or file")->capture_default_str();
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer("Example:\n  keyward policy test policies/");
  verb->callback(
      [&chosen, options] { chosen.run = [options] { return run_expectations(*options); }; });
}

}  // namespace keyward::cli
