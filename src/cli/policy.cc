#include "cli/verbs.h"

namespace keyward::cli {

void add_policy(CLI::App& app, Chosen& chosen) {
  CLI::App* verb =
      app.add_subcommand("policy", "Write, test, compare, defend and sign policy files");
  verb->require_subcommand(1);
  verb->footer("Example:\n  keyward policy explain --grant airflow-worker LPUSH celery x");
  add_policy_test(*verb, chosen);
  add_policy_explain(*verb, chosen);
  add_policy_acl(*verb, chosen);
  add_policy_templates(*verb, chosen);
  add_policy_sign(*verb, chosen);
  add_policy_suggest(*verb, chosen);
  add_policy_diff(*verb, chosen);
  add_policy_access(*verb, chosen);
  add_policy_replay(*verb, chosen);
  add_policy_fmt(*verb, chosen);
}

}  // namespace keyward::cli
