#include "keyward/trigger/timers.h"

#include "keyward/trigger/attestation.h"
#include "keyward/trigger/event.h"
#include "keyward/trigger/rule.h"

namespace keyward::trigger {
namespace {

// KEYS: due, timers. ARGV: key, due time or "", life or "" for an absolute time, "c" for
// conditional, attestation. A second is room for what else the transaction did meanwhile.
constexpr std::string_view kTimer = R"(local left = redis.call('PTTL', ARGV[1])
if left < 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
  return 0
end
if ARGV[2] == '' then return 0 end
if ARGV[4] == 'c' then
  local life = tonumber(ARGV[3])
  if not life then
    local now = redis.call('TIME')
    life = ARGV[2] - now[1] * 1000 - math.floor(now[2] / 1000)
  end
  if math.abs(left - life) > 1000 then return 0 end
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[5])
return 1)";

// KEYS: due, timers, events. ARGV: now, most, name of the key's field, name of the attestation's.
// The attested time counts, not the score: one that was moved forward by somebody else is put back.
constexpr std::string_view kSweep =
    R"(local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, key in ipairs(found) do
  local text = redis.call('HGET', KEYS[2], key)
  local due = text and string.match(text, '^%d+ %d+ (%d+) ')
  if due and tonumber(due) > tonumber(ARGV[1]) then
    redis.call('ZADD', KEYS[1], due, key)
  else
    if text then
      redis.call('XADD', KEYS[3], '*', ARGV[3], key, ARGV[4], text)
    else
      redis.call('XADD', KEYS[3], '*', ARGV[3], key)
    end
    redis.call('ZREM', KEYS[1], key)
    redis.call('HDEL', KEYS[2], key)
  end
end
return #found)";

std::string ms_text(WallTime time) {
  return std::to_string(
      std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

}  // namespace

std::string due_key(std::string_view rule_name) { return own_base(rule_name) + "due"; }
std::string timers_key(std::string_view rule_name) { return own_base(rule_name) + "timers"; }

RequestWords timer_request(std::string_view rule_name, std::string_view key,
                           const std::optional<TimerSet>& set) {
  RequestWords out{
      "EVAL",          std::string(kTimer), "2", due_key(rule_name), timers_key(rule_name),
      std::string(key)};
  if (!set) {
    out.insert(out.end(), {"", "", "", ""});
    return out;
  }
  const policy::ExpiryAsked& asked = set->asked;
  out.push_back(ms_text(set->due));
  out.push_back(asked.absolute ? "" : std::to_string(asked.when.count()));
  out.emplace_back(asked.conditional ? "c" : "");
  out.push_back(set->attestation);
  return out;
}

// ZADD is refused when it is queued, EVAL only when it runs.
RequestWords timer_room(std::string_view rule_name) {
  return {"ZADD", due_key(rule_name), "XX", "0", "-"};
}

RequestWords sweep_request(std::string_view rule_name, WallTime now, std::uint32_t most) {
  return {"EVAL",
          std::string(kSweep),
          "3",
          due_key(rule_name),
          timers_key(rule_name),
          own_events(rule_name),
          ms_text(now),
          std::to_string(most),
          std::string(kKeyField),
          std::string(kAttestationField)};
}

}  // namespace keyward::trigger
