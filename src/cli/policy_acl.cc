#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/policy/snapshot.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdio>
#include <memory>

namespace keyward::cli {
namespace {

namespace json = boost::json;

struct AclOptions {
  std::string policies = "policies";
  std::vector<std::string> grants;
  bool json = false;
};

json::array texts(const std::vector<std::string>& values) {
  json::array out;
  for (const std::string& value : values) out.emplace_back(latin1_to_utf8(value));
  return out;
}

json::object as_json(const std::string& name, const policy::AclRules& rules) {
  json::array probes;
  for (const auto& probe : rules.probes) {
    probes.push_back(json::object{{"argv", texts(probe.argv)}, {"allowed", probe.allowed}});
  }
  return {{"grant", name},
          {"rules", texts(rules.tokens)},
          {"probes", std::move(probes)},
          {"notes", texts(rules.notes)}};
}

void print(const std::string& name, const policy::AclRules& rules) {
  std::string line;
  for (const std::string& token : rules.tokens) line += (line.empty() ? "" : " ") + token;
  print_line("# " + name);
  for (const std::string& note : rules.notes) print_line("# " + note);
  print_line(line);
}

int show_rules(const AclOptions& options) {
  Diagnostics diagnostics;
  const auto snapshot =
      policy::Snapshot::load(options.policies, command::Catalog::built_in(), {}, diagnostics);
  if (!snapshot) {
    std::fputs(diagnostics.text().c_str(), stderr);
    return fail("the policies do not load", options.json);
  }
  std::vector<std::string> names = options.grants;
  if (names.empty()) {
    for (const auto& grant : snapshot->grants()) names.push_back(grant.name);
  }
  json::array all;
  for (const std::string& name : names) {
    const auto grants = snapshot->grants_named(name);
    if (!grants) return fail(grants.error().message(), options.json);
    if (options.json) {
      all.push_back(as_json(name, (*grants)->acl()));
    } else {
      print(name, (*grants)->acl());
    }
  }
  if (options.json) print_json(json::object{{"version", snapshot->version()}, {"grants", all}});
  return kDone;
}

}  // namespace

void add_policy_acl(CLI::App& policy, Chosen& chosen) {
  CLI::App* verb = policy.add_subcommand("acl", "The Redis ACL rules that grants compile to");
  auto options = std::make_shared<AclOptions>();
  verb->add_option("--policies", options->policies, "The policy folder")
      ->type_name("DIR")
      ->capture_default_str();
  verb->add_option("--grant", options->grants, "Only this grant; may be repeated")
      ->type_name("NAME");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      "The rules are what follows `ACL SETUSER name reset on #hash`, for the newest server known.\n"
      "Templates are filled with example values.\n"
      "Example:\n  keyward policy acl --policies policies --grant airflow-worker");
  verb->callback([&chosen, options] { chosen.run = [options] { return show_rules(*options); }; });
}

}  // namespace keyward::cli
