// What the executable carries about the format: the templates and the JSON Schema.
#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/base/text.h"
#include "keyward/policy/templates.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <cstdio>
#include <memory>

namespace keyward::cli {
namespace {

namespace json = boost::json;

struct TemplateOptions {
  std::string name;
  bool json = false;
};

json::object as_json(const policy::TemplateInfo& info) {
  json::array parameters;
  for (const policy::TemplateParameter& each : info.parameters) {
    parameters.push_back(json::object{{"name", each.name},
                                      {"kind", each.ends_level ? "prefix" : "name"},
                                      {each.required ? "example" : "default", each.value},
                                      {"required", each.required},
                                      {"description", each.description}});
  }
  return {{"template", info.name},
          {"description", info.description},
          {"grants", json::array(info.grants.begin(), info.grants.end())},
          {"namespace", info.under_namespace},
          {"parameters", std::move(parameters)}};
}

int list_templates(const TemplateOptions& options) {
  if (options.json) {
    json::array all;
    for (const policy::TemplateInfo& info : policy::shipped_templates())
      all.push_back(as_json(info));
    print_json(json::object{{"templates", std::move(all)}});
    return kDone;
  }
  for (const policy::TemplateInfo& info : policy::shipped_templates()) {
    print_line(info.name + "\n    " + info.description);
    print_line("    grants: " + joined(info.grants, ", ") +
               (info.under_namespace ? "" : "; does not work under a namespace"));
    for (const policy::TemplateParameter& each : info.parameters) {
      print_line("    " + each.name + (each.required ? " (required, such as " : " (") + each.value +
                 "): " + each.description);
    }
  }
  return kDone;
}

int print_template(const TemplateOptions& options) {
  const auto text = policy::template_text(options.name);
  if (!text) {
    std::vector<std::string> names;
    for (const policy::TemplateInfo& info : policy::shipped_templates()) names.push_back(info.name);
    const std::string near = nearest(options.name, names);
    return fail("no template is called '" + options.name + "'" +
                    (near.empty() ? "; `keyward policy templates` lists them"
                                  : "; did you mean '" + near + "'?"),
                options.json);
  }
  if (options.json) {
    print_json(json::object{{"template", options.name}, {"text", *text}});
  } else {
    std::fwrite(text->data(), 1, text->size(), stdout);
  }
  return kDone;
}

int print_schema() {
  const std::string_view text = policy::policy_schema();
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? kDone : kDoesNotHold;
}

}  // namespace

void add_policy_templates(CLI::App& policy, Chosen& chosen) {
  auto options = std::make_shared<TemplateOptions>();
  CLI::App* list = policy.add_subcommand("templates", "The templates that a grant can take over");
  list->add_flag("--json", options->json, "One JSON object");
  list->footer("Example:\n  keyward policy templates");
  list->callback(
      [&chosen, options] { chosen.run = [options] { return list_templates(*options); }; });

  CLI::App* show = policy.add_subcommand("template", "Print one template as it is written");
  show->add_option("NAME", options->name, "The template")->required();
  show->add_flag("--json", options->json, "One JSON object with the text");
  show->footer("Example:\n  keyward policy template airflow-celery");
  show->callback(
      [&chosen, options] { chosen.run = [options] { return print_template(*options); }; });

  CLI::App* schema = policy.add_subcommand(
      "schema", "The JSON Schema of policy files and templates (draft 2020-12), for editors");
  schema->add_flag("--json", options->json, "The same: the schema is JSON");
  schema->footer("Example:\n  keyward policy schema > policy.schema.json");
  schema->callback([&chosen] { chosen.run = [] { return print_schema(); }; });
}

}  // namespace keyward::cli
