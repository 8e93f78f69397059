#include "audit/activity.h"

#include <algorithm>
#include <array>

namespace keyward::audit {
namespace {

struct Named {
  std::string_view command;
  Activity activity;
};

// write: replaces whole values; the rest of what writes changes parts of them and is an update.
// Sorted.
constexpr std::array<Named, 39> kNamed{{
    {"copy", Activity::write},
    {"del", Activity::remove},
    {"eval", Activity::query},
    {"eval_ro", Activity::query},
    {"evalsha", Activity::query},
    {"evalsha_ro", Activity::query},
    {"fcall", Activity::query},
    {"fcall_ro", Activity::query},
    {"flushall", Activity::remove},
    {"flushdb", Activity::remove},
    {"function|delete", Activity::remove},
    {"function|flush", Activity::remove},
    {"function|load", Activity::create},
    {"function|restore", Activity::write},
    {"getdel", Activity::remove},
    {"getset", Activity::write},
    {"keys", Activity::list},
    {"mset", Activity::write},
    {"msetex", Activity::write},
    {"msetnx", Activity::write},
    {"psetex", Activity::write},
    {"publish", Activity::write},
    {"pubsub|channels", Activity::list},
    {"pubsub|shardchannels", Activity::list},
    {"randomkey", Activity::list},
    {"rename", Activity::write},
    {"renamenx", Activity::write},
    {"restore", Activity::write},
    {"restore-asking", Activity::write},
    {"scan", Activity::list},
    {"script|flush", Activity::remove},
    {"script|load", Activity::create},
    {"set", Activity::write},
    {"setex", Activity::write},
    {"setnx", Activity::write},
    {"spublish", Activity::write},
    {"unlink", Activity::remove},
    {"xgroup|create", Activity::create},
    {"xgroup|destroy", Activity::remove},
}};
static_assert(std::is_sorted(kNamed.begin(), kNamed.end(),
                             [](const Named& a, const Named& b) { return a.command < b.command; }));

// Where the commands of each first letter begin; one more for the end.
constexpr std::array<std::uint8_t, 27> make_letters() {
  std::array<std::uint8_t, 27> begins{};
  for (std::size_t letter = 0; letter < begins.size(); ++letter) {
    while (begins[letter] < kNamed.size() &&
           static_cast<std::size_t>(kNamed[begins[letter]].command.front() - 'a') < letter)
      ++begins[letter];
  }
  return begins;
}
constexpr std::array<std::uint8_t, 27> kLetters = make_letters();

}  // namespace

Activity activity_of(std::string_view command, bool reads, bool writes) {
  const std::size_t letter =
      command.empty() ? 26 : static_cast<std::size_t>(static_cast<unsigned char>(command[0])) - 'a';
  if (letter < 26) {
    for (std::size_t index = kLetters[letter]; index < kLetters[letter + 1]; ++index) {
      if (kNamed[index].command == command) return kNamed[index].activity;
    }
  }
  if (writes) return Activity::update;
  return reads ? Activity::read : Activity::other;
}

}  // namespace keyward::audit
