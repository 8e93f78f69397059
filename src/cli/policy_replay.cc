#include "cli/policy_folder.h"
#include "cli/verbs.h"

#include "keyward/review/replay.h"

#include <cstdio>

namespace keyward::cli {
namespace {

struct ReplayOptions {
  std::vector<std::string> trail;
  std::string policies = "policies";
  bool json = false;
};

int replay(const ReplayOptions& options) {
  const auto snapshot = load_policies(options.policies, options.json);
  if (!snapshot) return kDoesNotHold;
  review::Replay replay(snapshot);
  review::TrailCounts counts;
  const bool read = read_trail(
      trails(options.trail), options.json, [&](const review::Record& one) { replay.add(one); },
      counts);
  if (!read) return kDoesNotHold;
  // Nothing judged must not pass for everything well.
  if (counts.commands + counts.denials == 0) {
    return fail("the trail holds no command to judge: " + std::to_string(counts.lines) +
                    " lines, " + std::to_string(counts.unreadable) + " of them unreadable",
                options.json);
  }
  const review::ReplayReport report = replay.finish();
  if (options.json) {
    print_json(review::replay_json(report, counts));
  } else {
    std::fputs(review::replay_text(report, counts).c_str(), stdout);
  }
  return report.holds() ? kDone : kDoesNotHold;
}

}  // namespace

void add_policy_replay(CLI::App& policy, Chosen& chosen) {
  CLI::App* verb =
      policy.add_subcommand("replay", "Would the traffic of an audit trail pass this folder?");
  auto options = std::make_shared<ReplayOptions>();
  verb->add_option("TRAIL", options->trail,
                   "Audit files or folders (default: $KEYWARD_AUDIT, .keyward/audit, audit)");
  verb->add_option("--policies", options->policies, "The policy folder to judge by")
      ->type_name("DIR")
      ->capture_default_str();
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      "Exit code 1 when something that was accepted would now be refused. A trail holds names of\n"
      "keys and lengths of values: what depends on values or options is counted as not judged.\n"
      "Examples:\n"
      "  keyward policy replay /var/lib/keyward/audit --policies policies\n"
      "  keyward policy replay yesterday.jsonl --json | jq .newly_refused_groups");
  verb->callback([&chosen, options] { chosen.run = [options] { return replay(*options); }; });
}

}  // namespace keyward::cli
