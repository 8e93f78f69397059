#include "cli/policy_folder.h"
#include "cli/verbs.h"

#include "keyward/review/diff.h"

#include <cstdio>

namespace keyward::cli {
namespace {

struct DiffOptions {
  std::string before, after;
  std::string policies = "policies";
  std::string format = "text";
  bool json = false;
};

int compare(const DiffOptions& options) {
  const bool json = options.json || options.format == "json";
  const auto before = FolderAt::open(options.before, options.policies);
  if (!before) return usage(before.error().message());
  const std::string second = options.after.empty() ? options.policies : options.after;
  const auto after = FolderAt::open(second, options.policies);
  if (!after) return usage(after.error().message());
  // 1 says that something changed: what does not load must not pass for that.
  const auto old = load_policies(before->path(), json);
  const auto now = old ? load_policies(after->path(), json) : nullptr;
  if (!old || !now) return kUsage;
  const review::PolicyDiff diff = review::diff(*old, *now);
  if (json) {
    print_json(review::diff_json(diff));
  } else {
    const bool markdown = options.format == "markdown";
    std::fputs((markdown ? review::diff_markdown(diff) : review::diff_text(diff)).c_str(), stdout);
  }
  return diff.empty() ? kDone : kDoesNotHold;
}

}  // namespace

void add_policy_diff(CLI::App& policy, Chosen& chosen) {
  CLI::App* verb =
      policy.add_subcommand("diff", "Who gains and who loses what, between two folders");
  auto options = std::make_shared<DiffOptions>();
  verb->add_option("OLD", options->before, "A policy folder or file, or git:REV of --policies")
      ->required();
  verb->add_option("NEW", options->after, "The same; default: --policies as it is now");
  verb->add_option("--policies", options->policies, "The folder that git:REV is about")
      ->type_name("DIR")
      ->capture_default_str();
  verb->add_option("--format", options->format, "text, markdown (for a pull request) or json")
      ->check(CLI::IsMember({"text", "markdown", "json"}))
      ->capture_default_str();
  verb->add_flag("--json", options->json, "As --format json");
  verb->footer(
      "Exit code 0: nothing changes for anybody; 1: something does; 2: a folder does not load.\n"
      "Examples:\n"
      "  keyward policy diff git:main\n"
      "  keyward policy diff --format markdown git:origin/main policies > comment.md\n"
      "  keyward policy diff old-policies new-policies --json");
  verb->callback([&chosen, options] { chosen.run = [options] { return compare(*options); }; });
}

}  // namespace keyward::cli
