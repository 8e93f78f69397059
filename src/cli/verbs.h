// The verbs of the executable. Each add_ function declares one with its options, its help and its
// example.
#pragma once

#include <CLI/App.hpp>

#include <functional>
#include <string>
#include <vector>

namespace keyward::cli {

inline constexpr int kDone = 0;
inline constexpr int kDoesNotHold = 1;  // a checked thing does not hold, or the work failed
inline constexpr int kUsage = 2;

// The verb that the command line chose; it runs after all of it was read.
struct Chosen {
  std::function<int()> run;
  std::vector<std::string> behind_dashes;  // the words behind "--"
};

void add_dev(CLI::App& app, Chosen& chosen);
void add_serve(CLI::App& app, Chosen& chosen);
void add_check(CLI::App& app, Chosen& chosen);
void add_policy(CLI::App& app, Chosen& chosen);  // and its verbs
void add_policy_test(CLI::App& policy, Chosen& chosen);
void add_policy_explain(CLI::App& policy, Chosen& chosen);
void add_policy_acl(CLI::App& policy, Chosen& chosen);
void add_policy_templates(CLI::App& policy, Chosen& chosen);  // templates, template, schema
void add_policy_sign(CLI::App& policy, Chosen& chosen);       // keygen, sign, verify
void add_policy_suggest(CLI::App& policy, Chosen& chosen);
void add_policy_diff(CLI::App& policy, Chosen& chosen);
void add_policy_access(CLI::App& policy, Chosen& chosen);
void add_policy_replay(CLI::App& policy, Chosen& chosen);
void add_policy_fmt(CLI::App& policy, Chosen& chosen);
void add_audit(CLI::App& app, Chosen& chosen);  // and its verbs
void add_audit_verify(CLI::App& audit, Chosen& chosen);
void add_audit_search(CLI::App& audit, Chosen& chosen);
void add_audit_export(CLI::App& audit, Chosen& chosen);
void add_audit_tail(CLI::App& audit, Chosen& chosen);
void add_audit_report(CLI::App& audit, Chosen& chosen);
void add_audit_key(CLI::App& audit, Chosen& chosen);
void add_audit_key_hash(CLI::App& audit, Chosen& chosen);
void add_audit_forwarders(CLI::App& audit, Chosen& chosen);
void add_access(CLI::App& app, Chosen& chosen);  // review
void add_revoke(CLI::App& app, Chosen& chosen);
void add_revocations(CLI::App& app, Chosen& chosen);
void add_sessions(CLI::App& app, Chosen& chosen);
void add_token(CLI::App& app, Chosen& chosen);
void add_agent(CLI::App& app, Chosen& chosen);
void add_exec(CLI::App& app, Chosen& chosen);
void add_redis_cli(CLI::App& app, Chosen& chosen);
void add_credentials(CLI::App& app, Chosen& chosen);  // get, renew, revoke, list
void add_trigger(CLI::App& app, Chosen& chosen);  // list, test
void add_version(CLI::App& app, Chosen& chosen);

}  // namespace keyward::cli
