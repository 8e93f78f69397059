#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/policy/explain_case.h"

#include <cstdio>
#include <iostream>
#include <memory>

namespace keyward::cli {
namespace {

using policy::ExplainCase;
using policy::Explainer;

struct ExplainOptions {
  std::string policies = "policies";
  std::string grant, as;
  std::uint32_t db = 0;
  bool from_stdin = false;
  bool json = false;
  std::vector<std::string> argv;
};

// One answer a line, in the order of the questions. A case that cannot be read is answered as an
// error.
int explain_lines(Explainer& explainer) {
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    auto question = policy::parse_case(line);
    if (!question) {
      if (!print_json(policy::error_answer(question.error().message()))) return kDoesNotHold;
      continue;
    }
    const auto answer = explainer.answer(*question);
    const bool written =
        print_json(answer ? to_json(*answer) : policy::error_answer(answer.error().message()));
    if (!written) return kDoesNotHold;
  }
  return kDone;
}

int explain_one(Explainer& explainer, const ExplainOptions& options) {
  ExplainCase question{.grant = options.grant, .as = {}, .argv = options.argv, .db = options.db};
  if (!options.as.empty()) {
    auto claims = policy::claims_from_text(options.as);
    if (!claims) return usage(claims.error().message());
    auto principal = policy::principal_from(*claims);
    if (!principal) return usage(principal.error().message());
    question.as = std::move(*principal);
  }
  const auto answer = explainer.answer(question);
  if (!answer) return fail(answer.error().message(), options.json);
  const bool allowed = answer->verdict == policy::Explanation::Verdict::allow;
  if (options.json) {
    print_json(to_json(*answer));
    return allowed ? kDone : kDoesNotHold;
  }
  std::string text(policy::name(answer->verdict));
  if (!answer->reason.empty()) text += ": " + answer->reason;
  print_line(text);
  if (!answer->file.empty()) {
    print_line("  " + std::string(allowed ? "by" : "nearest") + " rule: " + answer->rule + ", " +
               answer->file + ":" + std::to_string(answer->line));
  }
  return allowed ? kDone : kDoesNotHold;
}

int explain(const ExplainOptions& options) {
  const bool one_identity = options.grant.empty() != options.as.empty();
  if (options.from_stdin &&
      (!options.grant.empty() || !options.as.empty() || !options.argv.empty())) {
    return usage("--stdin takes grant, identity and command from its lines");
  }
  if (!options.from_stdin && (!one_identity || options.argv.empty())) {
    return usage("name --grant or --as, then the command; or give --stdin");
  }
  Diagnostics diagnostics;
  auto snapshot =
      policy::Snapshot::load(options.policies, command::Catalog::built_in(), {}, diagnostics);
  if (!snapshot) {
    std::fputs(diagnostics.text().c_str(), stderr);
    return fail("the policies do not load", options.json);
  }
  Explainer explainer(std::move(snapshot));
  return options.from_stdin ? explain_lines(explainer) : explain_one(explainer, options);
}

}  // namespace

void add_policy_explain(CLI::App& policy, Chosen& chosen) {
  CLI::App* verb = policy.add_subcommand("explain", "Why a command is allowed or refused");
  auto options = std::make_shared<ExplainOptions>();
  verb->add_option("--policies", options->policies, "The policy folder")
      ->type_name("DIR")
      ->capture_default_str();
  verb->add_option("--grant", options->grant, "Judge by this grant alone")->type_name("NAME");
  verb->add_option("--as", options->as, "Judge by all that this identity is granted")
      ->type_name("CLAIMS");
  verb->add_option("--db", options->db, "The selected database")->capture_default_str();
  verb->add_flag(
      "--stdin", options->from_stdin,
      "One JSON case a line: {\"grant\": NAME, \"argv\": [...]} or {\"as\": {...}, ...}");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->prefix_command();  // the command of the question keeps its own dashes
  verb->footer(
      "The command follows the options. Exit code 1 when it is refused.\n"
      "Examples:\n"
      "  keyward policy explain --grant airflow-worker LPUSH celery x\n"
      "  keyward policy explain --as '{issuer: okta, groups: [airflow-workers]}' GET team-b:k\n"
      "  echo '{\"grant\": \"airflow-worker\", \"argv\": [\"GET\", \"k\"]}' | keyward policy "
      "explain "
      "--stdin");
  verb->callback([&chosen, options, verb] {
    options->argv = verb->remaining();
    if (!options->argv.empty() && options->argv.front() == "--") {
      options->argv.erase(options->argv.begin());
    }
    chosen.run = [options] { return explain(*options); };
  });
}

}  // namespace keyward::cli
