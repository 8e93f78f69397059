#include "policy/argument_reader.h"

#include "policy/entry_reach.h"

#include "keyward/base/ascii.h"
#include "keyward/base/log.h"

#include <algorithm>

namespace keyward::policy {
namespace {

using command::Catalog;
using command::CommandInfo;

constexpr std::size_t kMostGlobs = 64;
constexpr std::size_t kLongestGlob = 512;
constexpr std::string_view kCommands = "config|get, info, sort, sort_ro or client|tracking";

// The commands that have argument rules; without options the rule is about the arguments
// themselves.
struct Form {
  std::string_view command;
  std::vector<std::string> options;
  std::string_view example;
};

const std::vector<Form>& forms() {
  static const std::vector<Form> all{
      {"config|get", {}, "config|get: [maxmemory, \"save\"]"},
      {"info", {}, "info: [server, memory]"},
      {"sort", {"by", "get"}, "sort: {by: [\"weight:*\"], get: [\"object:*\"]}"},
      {"sort_ro", {"by", "get"}, "sort_ro: {by: [\"weight:*\"], get: [\"object:*\"]}"},
      {"client|tracking", {"bcast"}, "client|tracking: {bcast: [\"team:\"]}"}};
  return all;
}

// The sections that the proxy's INFO has.
const std::vector<std::string>& sections() {
  static const std::vector<std::string> all{"server", "memory", "persistence", "replication",
                                            "cluster"};
  return all;
}

bool is_space(char c) { return c == '\0' || c == ' ' || (c >= '\t' && c <= '\r'); }

bool has_wildcard(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

std::optional<std::string> read_glob(const yaml::Node& node, const Form& form) {
  std::optional<std::string> text = node.text();
  if (!text) {
    if (!node.present()) node.error("an empty argument rule", std::string(form.example));
    return std::nullopt;
  }
  if (text->empty() || text->size() > kLongestGlob ||
      std::any_of(text->begin(), text->end(), is_space)) {
    node.error("an argument rule is 1 to 512 bytes without white space", std::string(form.example));
    return std::nullopt;
  }
  for (const std::string_view head : {"{subject}", "{claim.", "{k8s."}) {
    if (text->find(head) == std::string::npos) continue;
    node.error("argument rules take no templates", "the name itself, or a glob");
    return std::nullopt;
  }
  if (form.command == "client|tracking" && has_wildcard(*text)) {
    node.error("BCAST takes prefixes, not patterns",
               log::printable(text->substr(0, text->find_first_of("*?[")), 64));
    return std::nullopt;
  }
  if (!form.options.empty()) return text;
  *text = lowered(*text);
  const auto& known = sections();
  if (form.command == "info" && !has_wildcard(*text) &&
      std::find(known.begin(), known.end(), *text) == known.end()) {
    const std::string near = nearest(*text, known);
    node.error("INFO shows no such section",
               near.empty() ? "server, memory, persistence, replication or cluster" : near);
    return std::nullopt;
  }
  return text;
}

void read_globs(const yaml::Node& node, const Form& form, const CommandInfo& info,
                std::string option, std::vector<ArgumentRule>& out) {
  if (node.is_map()) {
    return node.error("the rules of '" + info.name + "' are a list", std::string(form.example));
  }
  ArgumentRule rule;
  rule.command = info.id;
  rule.option = std::move(option);
  for (const yaml::Node& item : node.list()) {
    if (rule.globs.size() == kMostGlobs) {
      item.error("an argument rule has at most 64 patterns");
      break;
    }
    if (auto glob = read_glob(item, form)) rule.globs.push_back(std::move(*glob));
  }
  if (!node.present() || (node.is_list() && node.list().empty()))
    return node.error("an argument rule without a pattern", std::string(form.example));
  if (!rule.globs.empty()) out.push_back(std::move(rule));
}

// Redis lets SORT follow patterns only for a user who may read every key (sort.c
// ACLUserCheckCmdWithUnrestrictedPerms), so that a narrower user could never use the rule.
void check_sort(const yaml::Node& node, const GrantModel& grant, const EntryModel& entry) {
  const bool reads_all = has_every_key(entry, command::kRead) && grant.name_space.pieces.empty();
  if (reads_all || grant.lease.fixed) return;
  node.error(
      "Redis runs SORT with BY and GET patterns only for a user who may read every key, and this "
      "entry does not",
      "read: [\"*\"] in an entry of its own without namespace, or no rule for it");
}

}  // namespace

std::vector<ArgumentRule> read_arguments(const yaml::Node& node, const Catalog& catalog,
                                         const GrantModel& grant, const EntryModel& entry) {
  std::vector<ArgumentRule> out;
  if (!node.present()) return out;
  std::vector<std::string> names;
  for (const Form& form : forms()) names.emplace_back(form.command);
  for (const auto& [key, child] : node.entries()) {
    const auto form = std::find_if(forms().begin(), forms().end(),
                                   [&key = key](const Form& one) { return one.command == key; });
    const CommandInfo* info = form == forms().end() ? nullptr : catalog.by_name(form->command);
    if (info == nullptr) {
      const std::string near = nearest(key, names);
      child.error("'" + log::printable(key, 64) + "' has no argument rules: only " +
                      std::string(kCommands) + " have some",
                  near);
      continue;
    }
    if (info->name != "info" && !entry.commands.contains(info->id)) {
      child.error("an argument rule for '" + info->name + "', which the entry does not grant",
                  "commands: [\"" + info->name + "\"]");
    }
    if (form->options.empty()) {
      read_globs(child, *form, *info, {}, out);
      continue;
    }
    if (!child.is_map()) {
      child.error("the rules of '" + info->name + "' name its options", std::string(form->example));
      continue;
    }
    child.only(form->options);
    if (form->options.front() == "by") check_sort(child, grant, entry);
    for (const std::string& option : form->options) {
      const yaml::Node globs = child.get(option);
      if (globs.present()) read_globs(globs, *form, *info, option, out);
    }
  }
  return out;
}

}  // namespace keyward::policy
