#include "cli/policy_folder.h"
#include "cli/verbs.h"

#include "keyward/base/log.h"
#include "keyward/command/script_calls.h"
#include "keyward/review/replay.h"
#include "keyward/review/suggest.h"

#include <cstdio>
#include <fstream>
#include <sstream>

namespace keyward::cli {
namespace {

struct SuggestOptions {
  std::vector<std::string> trail, scripts;
  review::SuggestOptions suggest;
  bool json = false;
};

// Judges the trail again by the file that was made of it: the proof, and its price in numbers.
std::optional<review::ReplayReport> prove(const SuggestOptions& options, const std::string& yaml,
                                          const review::Suggester& suggester) {
  const ScratchFolder scratch;
  if (!scratch.made() || !scratch.write("suggested.yaml", yaml)) {
    fail("no place for temporary files", options.json);
    return std::nullopt;
  }
  const auto snapshot = load_policies(scratch.path(), options.json);
  if (!snapshot) return std::nullopt;
  review::Replay replay(snapshot);
  review::TrailCounts counts;
  const bool read = read_trail(
      trails(options.trail), options.json,
      [&](const review::Record& one) {
        if (suggester.about(*one.actor)) replay.add(one);
      },
      counts);
  if (!read) return std::nullopt;
  return replay.finish();
}

std::string counted(std::uint64_t number, const char* what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

// What the file is worth, beside the file itself.
void say(const review::Suggestion& made, const review::ReplayReport& proof,
         const review::TrailCounts& counts) {
  std::string out = counted(made.grants, "grant") + ", " + counted(made.rules, "rule") + ", " +
                    counted(made.patterns, "pattern") + " from " +
                    counted(made.commands, "command") + " of " + counted(made.people, "principal") +
                    "\nof " + counted(proof.commands, "accepted command") + " the file allows " +
                    std::to_string(proof.allowed) + " and refuses " +
                    std::to_string(proof.newly_refused);
  if (proof.unjudged > 0) out += "; " + std::to_string(proof.unjudged) + " cannot be judged";
  out += "\nof " + counted(proof.denials, "refused one") + " it allows " +
         std::to_string(proof.newly_allowed) + "\n";
  if (counts.unreadable + counts.unjoined > 0) {
    out += "left out: " + counted(counts.unreadable, "line") + " that cannot be read, " +
           counted(counts.unjoined, "record") + " of nobody known\n";
  }
  for (const std::string& warning : made.warnings) out += "warning: " + warning + "\n";
  for (std::size_t i = 0; i < proof.refused_groups.size() && i < 10; ++i) {
    const review::ReplayGroup& one = proof.refused_groups[i];
    out += "refused: " + std::to_string(one.count) + " x " + log::printable(one.example, 256) +
           ": " + log::printable(one.why, 256) + "\n";
  }
  std::fputs(out.c_str(), stderr);
}

int suggest(SuggestOptions& options) {
  const auto catalog = command::Catalog::built_in();
  for (const std::string& path : options.scripts) {
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream.good()) return usage("cannot read " + path);
    for (const std::string_view name : command::calls_in_script(text.str(), *catalog))
      options.suggest.calls.emplace_back(name);
  }
  for (const std::string& call : options.suggest.calls) {
    if (catalog->by_name(call) == nullptr) return usage("--calls: unknown command '" + call + "'");
  }
  review::Suggester suggester(catalog, options.suggest);
  review::TrailCounts counts;
  const bool read = read_trail(
      trails(options.trail), options.json, [&](const review::Record& one) { suggester.add(one); },
      counts);
  if (!read) return kDoesNotHold;
  const review::Suggestion made = suggester.finish(counts);
  if (made.grants == 0) {
    return fail("the trail holds no command to grant: " + std::to_string(counts.commands) +
                    " commands, " + std::to_string(counts.unreadable) + " unreadable lines",
                options.json);
  }
  const auto proof = prove(options, made.yaml, suggester);
  if (!proof) {
    if (!options.json) std::fputs(made.yaml.c_str(), stdout);
    return kDoesNotHold;
  }
  if (options.json) {
    boost::json::array warnings;
    for (const std::string& warning : made.warnings) warnings.emplace_back(warning);
    print_json(boost::json::object{{"ok", proof->holds()},
                                   {"policy", made.yaml},
                                   {"grants", made.grants},
                                   {"rules", made.rules},
                                   {"patterns", made.patterns},
                                   {"principals", made.people},
                                   {"warnings", std::move(warnings)},
                                   {"replay", review::replay_json(*proof, counts)}});
  } else {
    std::fputs(made.yaml.c_str(), stdout);
    say(made, *proof, counts);
  }
  return proof->holds() ? kDone : kDoesNotHold;
}

}  // namespace

void add_policy_suggest(CLI::App& policy, Chosen& chosen) {
  CLI::App* verb = policy.add_subcommand("suggest", "A least-privilege policy file from a trail");
  auto options = std::make_shared<SuggestOptions>();
  verb->add_option("TRAIL", options->trail,
                   "Audit files or folders (default: $KEYWARD_AUDIT, .keyward/audit, audit)");
  verb->add_option("--principal", options->suggest.principal,
                   "Only this principal (id or subject)");
  verb->add_option("--grant", options->suggest.grant, "Only whoever had this grant")
      ->type_name("NAME");
  verb->add_option("--issuer", options->suggest.issuer, "Only people of this issuer")
      ->type_name("ALIAS");
  verb->add_option("--team", options->suggest.team, "The team of the file")->capture_default_str();
  verb->add_option("--owner", options->suggest.owners, "Whom to ask; may be repeated")
      ->allow_extra_args(false);
  verb->add_option("--rules", options->suggest.most_rules, "At most so many allow entries")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_option("--calls", options->suggest.calls,
                   "A command that scripts call; may be repeated")
      ->allow_extra_args(false);
  verb->add_option("--script", options->scripts,
                   "A Lua script, for the commands that it calls; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  verb->add_flag("--refused-too", options->suggest.refused_too, "Grant what was refused as well");
  verb->add_flag("--json", options->json, "One JSON object with the file in it");
  verb->footer(
      "The file goes to standard output, what it is worth to standard error. Exit code 1 when it\n"
      "does not allow everything that was accepted. Run it on a trail of `mode: observe`, or of\n"
      "`audit: {reads: true}`: else reading leaves no records.\n"
      "Examples:\n"
      "  keyward policy suggest .keyward/audit > policies/airflow.yaml\n"
      "  keyward policy suggest --grant airflow-worker --team data-platform "
      "/var/lib/keyward/audit");
  verb->callback([&chosen, options] { chosen.run = [options] { return suggest(*options); }; });
}

}  // namespace keyward::cli
