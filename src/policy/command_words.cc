#include "policy/command_words.h"

#include "keyward/base/ascii.h"
#include "keyward/base/log.h"

#include <algorithm>
#include <array>

namespace keyward::policy {
namespace {

using command::Catalog;
using command::CommandInfo;
using command::CommandSet;
using command::Exposure;

bool one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What every session has anyway needs no grant; with keys (WATCH) it does.
bool needs_no_grant(const CommandInfo& info) {
  return info.exposure == Exposure::session && info.key_specs.empty();
}

bool comes_with_category(const CommandInfo& info) {
  const bool open = info.exposure == Exposure::normal || info.exposure == Exposure::session;
  return open && !needs_no_grant(info);
}

// The words of one list, applied to one set.
class WordReader {
 public:
  explicit WordReader(const Catalog& catalog) : catalog_(catalog) {}

  void apply(const yaml::Node& node) {
    const std::optional<std::string> raw = node.text();
    if (!raw) return;
    const std::string word = lowered(*raw);
    const bool minus = word.starts_with('-');
    const std::string name = word.substr(minus || word.starts_with('+') ? 1 : 0);
    if (name.empty()) return fail(node, "an empty command name", "get, or @read");
    const CommandSet before = set_;
    if (name.front() == '@') {
      category(node, name.substr(1), minus);
    } else if (minus) {
      remove(node, name);
    } else {
      add(node, name);
    }
    if (minus && known_ && before == set_) {
      node.warning("-" + name +
                   " takes nothing away: what it names is not granted by the words before it");
    }
  }

  [[nodiscard]] const CommandSet& set() const { return set_; }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  void category(const yaml::Node& node, const std::string& name, bool minus) {
    const std::optional<std::uint64_t> bit = catalog_.category_bit(name);
    known_ = name == "all" || bit.has_value();
    if (!known_) {
      const std::string near = nearest(name, catalog_.categories());
      return fail(node, "unknown category @" + log::printable(name, 64),
                  near.empty() ? "" : "@" + near);
    }
    for (const CommandInfo& info : catalog_.all()) {
      if (name != "all" && (info.categories & *bit) == 0) continue;
      if (minus) {
        set_.remove(info.id);
      } else if (comes_with_category(info)) {
        set_.add(info.id);
      }
    }
  }

  void remove(const yaml::Node& node, const std::string& name) {
    const CommandInfo* info = look_up(node, name);
    if (info == nullptr) return;
    set_.remove(info->id);
    for (const CommandInfo* sub : subcommands(name)) set_.remove(sub->id);
  }

  void add(const yaml::Node& node, const std::string& name) {
    const CommandInfo* info = look_up(node, name);
    if (info == nullptr) return;
    if (info->exposure == Exposure::never && !info->container) {
      return fail(node, "'" + name + "' is never given to clients of the proxy",
                  "a list without it");
    }
    if (!info->container) {
      if (!needs_no_grant(*info)) set_.add(info->id);
      return;
    }
    bool any = needs_no_grant(*info);
    std::string by_name;
    for (const CommandInfo* sub : subcommands(name)) {
      const bool help = sub->name.ends_with("|help");
      any = any || (!help && (needs_no_grant(*sub) || comes_with_category(*sub)));
      if (comes_with_category(*sub)) set_.add(sub->id);
      if (sub->exposure == Exposure::by_name)
        by_name += (by_name.empty() ? "" : " or ") + sub->name;
    }
    if (!any) {
      fail(node,
           "'" + name +
               "' alone grants nothing: its subcommands are granted by their full names only",
           by_name);
    }
  }

  void fail(const yaml::Node& node, std::string what, std::string instead) {
    failed_ = true;
    node.error(std::move(what), std::move(instead));
  }

  const CommandInfo* look_up(const yaml::Node& node, const std::string& name) {
    const CommandInfo* info = catalog_.by_name(name);
    known_ = info != nullptr;
    if (known_) return info;
    const std::size_t bar = name.find('|');
    const CommandInfo* top = bar == std::string::npos ? nullptr : catalog_.top(name.substr(0, bar));
    if (top != nullptr && !top->container) {
      fail(node, "'" + top->name + "' has no subcommands",
           top->name == "select" ? "databases: [...]" : top->name);
      return nullptr;
    }
    std::vector<std::string> names;
    for (const CommandInfo& one : catalog_.all()) names.push_back(one.name);
    for (const std::string& one : catalog_.categories()) names.push_back("@" + one);
    std::string instead = nearest(name, names);
    if (catalog_.category_bit(name)) instead = "@" + name;
    fail(node, "unknown command '" + log::printable(name, 64) + "'", std::move(instead));
    return nullptr;
  }

  [[nodiscard]] std::vector<const CommandInfo*> subcommands(const std::string& container) const {
    std::vector<const CommandInfo*> out;
    const std::string head = container + "|";
    for (const CommandInfo& info : catalog_.all()) {
      if (info.name.starts_with(head)) out.push_back(&info);
    }
    return out;
  }

  const Catalog& catalog_;
  CommandSet set_;
  bool known_ = true;    // the last word named something
  bool failed_ = false;  // any word was wrong
};

}  // namespace

command::CommandSet read_commands(const yaml::Node& words, const Catalog& catalog,
                                  bool may_be_idle) {
  WordReader reader(catalog);
  for (const yaml::Node& word : words.list()) reader.apply(word);
  if (words.present() && !may_be_idle && reader.set().size() == 0 && !reader.failed()) {
    words.warning(
        "this list grants nothing: every session may run what it names, if it names anything");
  }
  return reader.set();
}

bool runs_script(const CommandInfo& info) { return info.kind == command::Kind::script; }

bool shows_keyspace(const CommandInfo& info) {
  return one_of(info.name, {"keys", "scan", "randomkey", "dbsize"});
}

bool stores_unchecked(const CommandInfo& info) {
  return one_of(info.name, {"georadius", "georadiusbymember"});
}

bool rewrites_keyspace(const CommandInfo& info) {
  return one_of(info.name, {"flushall", "flushdb", "swapdb"});
}

}  // namespace keyward::policy
