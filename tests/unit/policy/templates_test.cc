// The shipped templates hold their own cases, and `template:` of a grant takes them over.
#include "keyward/policy/templates.h"

#include "policy/template_file.h"
#include "unit/policy/policy_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace keyward::policy::test {
namespace {

using testing::HasSubstr;

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

// A team's file with every grant of the template, and the template's cases as its own.
std::string file_of(const TemplateInfo& info, const std::string& prefix_lines = {}) {
  std::string with;
  TemplateValues values;
  for (const TemplateParameter& each : info.parameters) {
    values.emplace_back(each.name, each.value);
    if (each.required) with += (with.empty() ? "" : ", ") + each.name + ": " + quoted(each.value);
  }
  std::string out = "apiVersion: keyward/v1\nteam: t\nowners: [t@example.com]\ngrants:\n";
  for (const std::string& grant : info.grants) {
    out += "  - name: t-" + grant + "\n    who: [{issuer: okta, subject: " + grant +
           "}]\n    template: {name: " + info.name + ", grant: " + grant + ", with: {" + with +
           "}}\n" + prefix_lines;
  }
  Diagnostics diagnostics;
  const yaml::Node root =
      yaml::parse(info.name, std::string(template_text(info.name).value_or("")), diagnostics);
  out += "expect:\n";
  for (const yaml::Node& item : root.get("expect").list()) {
    out += "  - as: {issuer: okta, subject: " + item.get("as").text().value_or("") + "}\n";
    for (const char* side : {"allow", "deny"}) {
      out += "    " + std::string(side) + ":\n";
      for (const std::string& line : item.get(side).texts())
        out += "      - " + quoted(with_values(line, values)) + "\n";
    }
  }
  return out;
}

TEST(Templates, AreThoseOfTheWorkloads) {
  std::vector<std::string> names;
  for (const TemplateInfo& info : shipped_templates()) names.push_back(info.name);
  EXPECT_EQ(names, (std::vector<std::string>{"airflow-celery", "application", "arq", "bullmq",
                                             "conductor-locks", "conductor-store", "dramatiq",
                                             "huey", "prefect-docket", "prefect-messaging", "rq",
                                             "sidekiq", "stepfunctions-bridge"}));
}

TEST(Templates, AreWellFormedAndHoldTheirCasesWithoutAWarning) {
  for (const TemplateInfo& info : shipped_templates()) {
    Diagnostics diagnostics;
    const yaml::Node root =
        yaml::parse(info.name, std::string(template_text(info.name).value_or("")), diagnostics);
    (void)read_template_file(root);
    EXPECT_EQ(diagnostics.text(), "") << info.name;
    PolicyFolder folder;
    const auto snapshot = folder.file("t.yaml", file_of(info)).load();
    EXPECT_TRUE(snapshot) << info.name;
    EXPECT_EQ(folder.said(), "") << info.name;
    EXPECT_TRUE(snapshot && snapshot->expectations() >= 15U) << info.name;
  }
}

TEST(Templates, GrantNoEveryKeyNoCategoryAndNothingByNameOnly) {
  for (const TemplateInfo& info : shipped_templates()) {
    PolicyFolder folder;
    const auto snapshot = folder.file("t.yaml", file_of(info)).load();
    ASSERT_TRUE(snapshot) << folder.said();
    for (const GrantInfo& grant : snapshot->grants()) {
      const auto grants = *snapshot->grants_named(grant.name);
      for (const Entry& entry : grants->entries()) {
        for (const KeyPattern& key : entry.keys) EXPECT_NE(key.glob, "*") << grant.name;
        for (const command::CommandInfo& each : command::Catalog::built_in()->all()) {
          EXPECT_TRUE(!entry.commands.contains(each.id) ||
                      each.exposure != command::Exposure::by_name)
              << info.name << " " << each.name;
        }
      }
    }
  }
}

TEST(Templates, AGrantAddsToOneAndOverridesIt) {
  PolicyFolder folder;
  const auto grants = grants_of(
      folder.grant(R"(    template: {name: airflow-celery, with: {prefix: "af:", queue: jobs}}
    databases: [3]
    limits: {connections: 7, pipeline: 64}
    allow:
      - {commands: [hgetall], keys: ["af-extra:*"]}
)"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(folder.said(), "");
  EXPECT_EQ(verdict(*grants, {"LPUSH", "af:celery", "x"}, {.db = 3}), "allow");
  EXPECT_EQ(verdict(*grants, {"LPUSH", "airflow:celery", "x"}, {.db = 3}), "deny");
  EXPECT_EQ(verdict(*grants, {"EXISTS", "jobs"}, {.db = 3}), "allow");
  EXPECT_EQ(verdict(*grants, {"HGETALL", "af-extra:1"}, {.db = 3}), "allow");
  EXPECT_EQ(verdict(*grants, {"HGETALL", "af:1"}, {.db = 3}), "deny");
  EXPECT_EQ(grants->databases(), std::vector<std::uint32_t>{3});
  EXPECT_EQ(grants->limits().connections, 7U);
  EXPECT_EQ(grants->limits().pipeline, 64U);
  EXPECT_EQ(grants->limits().commands_per_second, 50000U);
  EXPECT_EQ(grants->entries()[0].max_value, 64U << 20);
  // Rules of the template stand where the grant takes it over.
  EXPECT_EQ(grants->entries()[0].rule.text(), "team.yaml:7");
  EXPECT_EQ(grants->entries().back().rule.text(), "team.yaml:11");
}

TEST(Templates, ANameAloneTakesTheFirstGrant) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant("    template: bullmq\n"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"BZPOPMIN", "bull:q:marker", "5"}), "allow");
}

TEST(Templates, ValuesMayHoldClaimsAndHashTags) {
  PolicyFolder folder;
  const auto grants =
      grants_of(folder.grant("    template: {name: bullmq, with: {prefix: '\\{{subject}}:'}}\n"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"GET", "{w1}:k"}), "allow");
  EXPECT_EQ(verdict(*grants, {"GET", "{w2}:k"}), "deny");
}

TEST(Templates, UnderANamespaceThePrefixMayBeEmpty) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(
      "    namespace: \"af:\"\n    scripts: [da39a3ee5e6b4b0d3255bfef95601890afd80709]\n"
      "    template: {name: airflow-celery, with: {prefix: \"\"}}\n"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(grants->entries()[0].keys[0].glob, "af:*");
  // The scripts and the namespace are known when the entries of the template are judged.
  EXPECT_EQ(folder.said(), "");
}

std::string said_of(const std::string& lines) {
  PolicyFolder folder;
  EXPECT_EQ(grants_of(folder.grant(lines)), nullptr) << lines;
  return folder.said();
}

TEST(Templates, SaysWhatIsWrongWithAUse) {
  EXPECT_THAT(said_of("    template: airflow-selery\n"),
              HasSubstr("team.yaml:7:15: no template is called `airflow-selery`; write: "
                        "airflow-celery"));
  EXPECT_THAT(said_of("    template: {name: airflow-celery, grant: workr}\n"),
              HasSubstr("template `airflow-celery` has no grant `workr`; write: worker"));
  EXPECT_THAT(said_of("    template: {name: bullmq, with: {prefx: \"a:\"}}\n"),
              HasSubstr("unknown key `prefx`; write: prefix"));
  EXPECT_THAT(
      said_of("    template: {name: bullmq, with: {prefix: bull}}\n"),
      HasSubstr("team.yaml:7:45: parameter `prefix` ends with one of : . / - _ |, or it would "
                "take in names that only begin alike; write: \"bull:\""));
  EXPECT_THAT(said_of("    template: {name: bullmq, with: {prefix: \"*:\"}}\n"),
              HasSubstr("without * ? [ ] and quotes"));
  EXPECT_THAT(said_of("    template: {name: bullmq, with: {prefix: \"\"}}\n"),
              HasSubstr("only under a `namespace` no prefix is needed"));
  EXPECT_THAT(said_of("    template: {name: bullmq, with: {prefix: \"keyward:\"}}\n"),
              HasSubstr("team.yaml:7:15: pattern keyward:* reaches keys of Keyward's own"));
  EXPECT_THAT(said_of("    template: {name: bullmq, with: {prefix: \"{subjekt}:\"}}\n"),
              HasSubstr("in template `bullmq`, line "));
  EXPECT_THAT(said_of("    template: {name: airflow-celery, with: {queue: \"a b\"}}\n"),
              HasSubstr("parameter `queue` has 1 to 64 of A-Z a-z 0-9 _ . -"));
  EXPECT_THAT(
      said_of("    template: stepfunctions-bridge\n"),
      HasSubstr("template `stepfunctions-bridge` needs `prefix`: prefix of the team; write: "
                "with: {prefix: \"orders:\"}"));
  EXPECT_THAT(said_of("    namespace: \"a:\"\n    template: bullmq\n"),
              HasSubstr("template `bullmq` does not work under a namespace"));
  EXPECT_THAT(said_of("    template: [bullmq]\n"), HasSubstr("`template` is a name, or a map"));
  EXPECT_THAT(said_of("    template: {nme: bullmq}\n"),
              HasSubstr("unknown key `nme`; write: name"));
}

TEST(Templates, AFileOfATemplateInAFolderGrantsNothing) {
  PolicyFolder folder;
  folder.file("templates/bullmq.yaml", std::string(*template_text("bullmq")))
      .grant("    allow: [{commands: [get], keys: [\"a:*\"]}]\n");
  const auto snapshot = folder.load();
  ASSERT_TRUE(snapshot) << folder.said();
  EXPECT_EQ(snapshot->grants().size(), 1U);
  EXPECT_EQ(folder.said(), "");
  PolicyFolder own;
  own.file(
         "mine.yaml",
         "apiVersion: keyward/v1\ntemplate: mine\ndescription: x\nparameters:\n  p: {kind: prefx, "
         "default: \"a:\", description: x}\ngrants:\n  - {name: a, alow: [], allow: [{commands: "
         "[get]}]}\nexpect: [{as: b, allow: [PING]}]\n")
      .grant("    allow: [{commands: [get], keys: [\"a:*\"]}]\n");
  EXPECT_FALSE(own.load());
  EXPECT_THAT(own.said(), HasSubstr("mine.yaml:2:11: warning: this file is not used"));
  EXPECT_THAT(own.said(), HasSubstr("mine.yaml:5:13: unknown kind of a parameter"));
  EXPECT_THAT(own.said(), HasSubstr("unknown key `alow`; write: allow"));
  EXPECT_THAT(own.said(), HasSubstr("mine.yaml:8:15: no grant of this template has that name"));
}

}  // namespace
}  // namespace keyward::policy::test
