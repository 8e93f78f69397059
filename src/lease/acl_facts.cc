#include "lease/acl_facts.h"

#include <charconv>

namespace keyward::lease {
namespace {

// The rest of the line that begins so.
std::string_view line(std::string_view info, std::string_view beginning) {
  for (std::size_t at = info.find(beginning); at != std::string_view::npos;
       at = info.find(beginning, at + 1)) {
    if (at != 0 && info[at - 1] != '\n') continue;
    const std::string_view rest = info.substr(at + beginning.size());
    return rest.substr(0, rest.find_first_of("\r\n"));
  }
  return {};
}

std::uint64_t calls(std::string_view info, std::string_view beginning) {
  const std::string_view text = line(info, beginning);
  std::uint64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

// What others did of one kind; below zero when ours did not get there.
std::int64_t others(std::uint64_t before, std::uint64_t now, std::uint64_t own_before,
                    std::uint64_t own_now) {
  return static_cast<std::int64_t>(now - before) - static_cast<std::int64_t>(own_now - own_before);
}

}  // namespace

std::optional<AclFacts> read_facts(std::string_view info) {
  AclFacts facts;
  facts.run_id = line(info, "run_id:");
  const std::string_view role = line(info, "role:");
  const std::uint64_t major = calls(info, "redis_version:");
  const bool counted = info.find("# Commandstats") != std::string_view::npos && major >= 7;
  if (facts.run_id.empty() || role.empty() || !counted) return std::nullopt;
  facts.replica = role == "slave";
  facts.calls = {calls(info, "cmdstat_acl|setuser:calls="),
                 calls(info, "cmdstat_acl|deluser:calls="), calls(info, "cmdstat_acl|load:calls=")};
  return facts;
}

AclWatch::News AclWatch::observe(const AclFacts& facts, const AclCalls& own) {
  News news;
  if (last_ && last_->run_id != facts.run_id) {
    news.another = true;
  } else if (last_) {
    const AclCalls& before = last_->calls;
    const AclCalls& now = facts.calls;
    const std::int64_t made = others(before.setuser, now.setuser, own_.setuser, own.setuser);
    const std::int64_t gone = others(before.deluser, now.deluser, own_.deluser, own.deluser);
    const bool back =
        now.setuser < before.setuser || now.deluser < before.deluser || now.load < before.load;
    // Below zero: Redis rejected commands of ours unexecuted, or they were lost.
    news.unsure = back || (lost_ && (made != 0 || gone != 0));
    if (!back) {
      news.made = made > 0 ? static_cast<std::uint64_t>(made) : 0;
      news.removed = gone > 0 ? static_cast<std::uint64_t>(gone) : 0;
      news.loaded = now.load > before.load;
    }
    news.demoted = facts.replica && !last_->replica;
  }
  last_ = facts;
  own_ = own;
  lost_ = false;
  return news;
}

}  // namespace keyward::lease
