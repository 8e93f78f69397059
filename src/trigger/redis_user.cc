#include "keyward/trigger/redis_user.h"

#include "keyward/base/hash.h"

#include <set>

namespace keyward::trigger {
namespace {

using Words = std::vector<std::string>;

const Words kOfStreams = {"+xgroup|create", "+xreadgroup", "+xautoclaim", "+xclaim", "+xack"};
// Remembered nonces, and what timers leave: trigger/timers.h.
const Words kOfOwn = {"+set",           "+getrange", "+xadd", "+eval", "+zadd",
                      "+zrangebyscore", "+zrem",     "+hget", "+hdel"};

// A name of Redis as a key pattern that matches it alone.
std::string exactly(std::string_view name) {
  std::string out = "~";
  for (const char c : name) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

void add_selector(Words& out, const std::string& keys, const Words& commands) {
  std::string selector = "(" + keys;
  for (const std::string& word : commands) selector += " " + word;
  out.push_back(selector + ")");
}

}  // namespace

std::string redis_user(std::string_view instance) { return "kwt_" + std::string(instance); }

std::vector<std::string> make_redis_user(std::string_view instance, const Secret& password,
                                         const std::vector<Rule>& rules, bool selectors) {
  std::set<std::string> sources, dead;
  for (const Rule& rule : rules) {
    if (rule.source.kind == SourceKind::stream) sources.insert(exactly(rule.source.name));
    dead.insert(exactly(rule.dead_letter.stream));
  }
  const std::string own = "~" + std::string(kReservedKeys) + "trigger:*";
  Words out = {"ACL",   "SETUSER", redis_user(instance),
               "reset", "on",      "#" + hex(sha256(password.reveal())),
               "-@all", "+ping",   "+multi",
               "+exec"};
  if (selectors) {
    for (const std::string& key : sources) add_selector(out, key, kOfStreams);
    for (const std::string& key : dead) add_selector(out, key, {"+xadd"});
    Words of_own = kOfStreams;
    of_own.insert(of_own.end(), kOfOwn.begin(), kOfOwn.end());
    add_selector(out, own, of_own);
    return out;
  }
  out.push_back(own);
  out.insert(out.end(), sources.begin(), sources.end());
  for (const std::string& key : dead) {
    if (!sources.contains(key)) out.push_back(key);
  }
  // Before 7.0 a subcommand is allowed by itself in the same way.
  out.insert(out.end(), kOfStreams.begin(), kOfStreams.end());
  out.insert(out.end(), kOfOwn.begin(), kOfOwn.end());
  return out;
}

}  // namespace keyward::trigger
