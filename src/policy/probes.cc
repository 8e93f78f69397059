#include "policy/acl_rules.h"

#include "keyward/policy/glob.h"

#include <algorithm>
#include <optional>

namespace keyward::policy {
namespace {

using command::Catalog;
using Probe = AclRules::Probe;
using Argv = std::vector<std::string>;

constexpr std::size_t kMostEntries = 16;  // probed; a start-up check, not a proof
constexpr std::string_view kKey = "@key";
constexpr std::string_view kChannel = "@channel";

// Commands of simple shape, the most telling first. Never run: ACL DRYRUN only judges them.
const std::vector<Argv>& shapes() {
  static const std::vector<Argv> all{{"set", "@key", "v"},
                                     {"get", "@key"},
                                     {"del", "@key"},
                                     {"lpush", "@key", "v"},
                                     {"brpop", "@key", "1"},
                                     {"rpop", "@key"},
                                     {"llen", "@key"},
                                     {"lrange", "@key", "0", "1"},
                                     {"hset", "@key", "f", "v"},
                                     {"hget", "@key", "f"},
                                     {"hgetall", "@key"},
                                     {"sadd", "@key", "m"},
                                     {"smembers", "@key"},
                                     {"zadd", "@key", "1", "m"},
                                     {"zrange", "@key", "0", "1"},
                                     {"xadd", "@key", "*", "f", "v"},
                                     {"xlen", "@key"},
                                     {"exists", "@key"},
                                     {"type", "@key"},
                                     {"ttl", "@key"},
                                     {"expire", "@key", "9"},
                                     {"incr", "@key"},
                                     {"strlen", "@key"},
                                     {"watch", "@key"},
                                     {"publish", "@channel", "m"},
                                     {"subscribe", "@channel"},
                                     {"config", "get", "maxmemory"},
                                     {"scan", "0"},
                                     {"dbsize"},
                                     {"info"}};
  return all;
}

// Text that the glob matches: stars become a word, classes their first byte. Checked by the caller.
std::string sample_of(std::string_view glob) {
  std::string out;
  for (std::size_t i = 0; i < glob.size(); ++i) {
    const char c = glob[i];
    if (c == '*') {
      if (out.empty() || i + 1 == glob.size()) out += "probe";
    } else if (c == '?') {
      out += 'x';
    } else if (c == '[') {
      if (++i < glob.size()) out += glob[i];
      i = std::min(glob.find(']', i), glob.size());
    } else {
      if (c == '\\' && i + 1 < glob.size()) ++i;
      out += glob[i];
    }
  }
  return out;
}

class Prober {
 public:
  Prober(const Grants& grants, const Catalog& catalog) : grants_(grants), catalog_(catalog) {}

  void entry(const Entry& entry) {
    db_ = entry.databases.front();
    for (const Argv& shape : shapes()) {
      const command::CommandInfo* info = find(shape);
      if (info == nullptr || !info->on_server || !entry.commands.contains(info->id)) continue;
      const std::optional<Argv> allowed = fill(shape, entry);
      if (!allowed) continue;
      push(*allowed, true);
      foreign(shape);
      return;
    }
  }

  // A command that no entry has.
  void ungranted() {
    for (const Argv& shape :
         std::vector<Argv>{{"flushall"}, {"shutdown"}, {"get", "keyward-probe"}}) {
      const auto outcome = judge(shape);
      const bool nowhere =
          outcome && outcome->refused &&
          (outcome->reason == DenialReason::command || outcome->reason == DenialReason::never);
      if (!nowhere) continue;
      push(shape, false);
      return;
    }
  }

  std::vector<Probe> take() { return std::move(probes_); }

 private:
  struct Outcome {
    bool refused = true;
    DenialReason reason = DenialReason::command;
  };

  const command::CommandInfo* find(const Argv& argv) const {
    const std::vector<std::string_view> views(argv.begin(), argv.end());
    return catalog_.find(views);
  }

  // What the proxy would decide; nullopt when the command is not well-formed on this server.
  std::optional<Outcome> judge(const Argv& argv) const {
    const std::vector<std::string_view> views(argv.begin(), argv.end());
    command::Command command;
    if (command::analyse(catalog_, views, command).verdict != command::Verdict::ok)
      return std::nullopt;
    const Decision decision = grants_.decide(command, {db_, 0});
    if (const auto* denial = std::get_if<Denial>(&decision)) return Outcome{true, denial->reason};
    return Outcome{false, DenialReason::command};
  }

  std::optional<Argv> fill(const Argv& shape, const Entry& entry) const {
    const bool keyed = std::find(shape.begin(), shape.end(), kKey) != shape.end();
    const bool channelled = std::find(shape.begin(), shape.end(), kChannel) != shape.end();
    std::vector<std::string> samples;
    if (keyed) {
      for (const KeyPattern& pattern : entry.keys) samples.push_back(sample_of(pattern.glob));
    } else if (channelled) {
      for (const std::string& channel : entry.channels) samples.push_back(sample_of(channel));
    } else {
      samples.emplace_back();
    }
    for (const std::string& sample : samples) {
      const Argv argv = with(shape, sample);
      const auto outcome = judge(argv);
      if (outcome && !outcome->refused) return argv;
    }
    return std::nullopt;
  }

  void foreign(const Argv& shape) {
    const Argv argv = with(shape, "keyward-probe\x01-foreign");
    if (argv == shape) return;
    const auto outcome = judge(argv);
    if (!outcome || !outcome->refused) return;
    if (outcome->reason == DenialReason::key || outcome->reason == DenialReason::channel)
      push(argv, false);
  }

  static Argv with(const Argv& shape, const std::string& name) {
    Argv out = shape;
    for (std::string& word : out) {
      if (word == kKey || word == kChannel) word = name;
    }
    return out;
  }

  void push(Argv argv, bool allowed) {
    const bool known = std::any_of(probes_.begin(), probes_.end(),
                                   [&](const Probe& one) { return one.argv == argv; });
    if (!known) probes_.push_back({std::move(argv), allowed});
  }

  const Grants& grants_;
  const Catalog& catalog_;
  std::uint32_t db_ = 0;
  std::vector<Probe> probes_;
};

}  // namespace

std::vector<Probe> make_probes(const Grants& grants, const Catalog& catalog) {
  // Before 7.0 there is no ACL DRYRUN.
  if (!catalog.has_selectors()) return {};
  Prober prober(grants, catalog);
  std::size_t count = 0;
  for (const Entry& entry : grants.entries()) {
    if (count++ < kMostEntries) prober.entry(entry);
  }
  prober.ungranted();
  return prober.take();
}

}  // namespace keyward::policy
