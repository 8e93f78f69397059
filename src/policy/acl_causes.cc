#include "policy/acl_rules.h"

#include <algorithm>

namespace keyward::policy {
namespace {

using AclWords = std::vector<std::string>;

// A selector of its own, so that nothing else the user may do reaches these keys; where the server
// has none, all of it is one set.
void add_selector(AclRules& rules, bool selectors, const AclWords& words) {
  if (selectors) {
    std::string selector = "(resetchannels -@all";
    for (const std::string& word : words) selector.append(" ").append(acl_word(word));
    rules.tokens.push_back(selector + ')');
    return;
  }
  // Redis takes no further pattern beside "~*".
  const bool every =
      std::find(rules.tokens.begin(), rules.tokens.end(), "~*") != rules.tokens.end();
  for (const std::string& word : words) {
    if (!every || word.front() != '~') rules.tokens.push_back(word);
  }
}

}  // namespace

void add_causes(const std::vector<Cause>& causes, const command::Catalog& catalog,
                AclRules& rules) {
  const bool selectors = catalog.has_selectors();
  bool timers = false;
  for (const Cause& cause : causes) {
    const std::string base = trigger_base(cause.rule);
    if (cause.kind == TriggerSource::Kind::channel)
      add_selector(rules, selectors, {"~" + base + "events", "+xadd"});
    if (cause.kind != TriggerSource::Kind::expired) continue;
    timers = true;
    add_selector(
        rules, selectors,
        {"~" + base + "due", "~" + base + "timers", "+eval", "+zadd", "+zrem", "+hset", "+hdel"});
    add_selector(rules, selectors, {(selectors ? "%R~" : "~") + cause.name, "+pttl"});
  }
  if (timers) add_selector(rules, selectors, {"+time"});
}

}  // namespace keyward::policy
