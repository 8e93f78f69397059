// What the grants of an identity let one connection take: its rate, its pipeline, its unread
// answers.
#include "proxy/rate_waiters.h"
#include "proxy/session.h"

#include "keyward/base/log.h"

#include <algorithm>

namespace keyward::proxy {

namespace {

// More than a lone answer that is held back may take.
constexpr std::uint64_t kLeastOutputLimit = 2UL * 1024 * 1024;

}  // namespace

// Reads of a grant that asks for them; everything while break-glass is active.
Recording Session::recording() const {
  if (login_->grants->break_glass()) return Recording::everything;
  return login_->grants->audit().reads ? Recording::keyed : Recording::changes;
}

// False: wait. Slowed down, not refused.
bool Session::within_rate() {
  const policy::Limits& limits = login_->grants->limits();
  if (limits.commands_per_second == 0 && limits.bytes_per_second == 0) return true;
  const MonoTime now = shard_.clock().mono();
  MonoTime from = now;
  if (limits.commands_per_second > 0 && !std::exchange(charged_, true))
    from = usage_->commands().reserve(limits.commands_per_second, now);
  if (limits.bytes_per_second > 0) from = std::max(from, usage_->bytes().ready(now));
  if (from <= now) return true;
  slow_down(from);
  return false;
}

void Session::slow_down(MonoTime until) {
  pause_ = Pause::rate;
  shard_.rate_waiters().wait(*this, until);
}

void Session::on_rate_over() { resume(Pause::rate); }

// The request was read, whatever became of it: the next one waits until it is paid for.
void Session::spend_bytes(std::size_t count) {
  if (login_ == nullptr || login_->grants->limits().bytes_per_second == 0) return;
  const std::uint64_t rate = login_->grants->limits().bytes_per_second;
  const MonoTime now = shard_.clock().mono();
  usage_->bytes().spend(rate, count, now);
  if (upload_ == nullptr || pause_ != Pause::none) return;
  // In the middle of a large request.
  if (const MonoTime from = usage_->bytes().ready(now); from > now) slow_down(from);
}

// At the end of a connection that was slowed down: what it reserved is for others.
void Session::stop_waiting_for_rate() {
  if (pause_ != Pause::rate) return;
  shard_.rate_waiters().forget(*this);
  if (charged_ && login_ != nullptr && login_->grants->limits().commands_per_second > 0)
    usage_->commands().give_back(login_->grants->limits().commands_per_second);
}

// Commands under way before the input waits.
std::size_t Session::window() const {
  const std::size_t own = login_ == nullptr ? 0 : login_->grants->limits().pipeline;
  const std::size_t most = shard_.limits().inflight;
  return own == 0 ? most : std::min(own, most);
}

// 0 = none.
std::uint64_t Session::output_limit() const {
  const std::uint64_t most = login_ == nullptr ? 0 : login_->grants->limits().output_buffer;
  return most == 0 ? 0 : std::max(most, kLeastOutputLimit);
}

// Bytes held before Redis has to wait. A lone answer, however large, goes at its client's pace; who
// has more of them coming than it takes runs into its limit first.
std::size_t Session::pause_above(std::size_t usual) const {
  const std::uint64_t most = output_limit();
  if (most == 0 || (in_flight_ == 1 && relay_ == nullptr)) return usual;
  return std::min<std::size_t>(std::max<std::size_t>(usual, most), 2 * shard_.limits().output_soft);
}

// True: closed. As Redis does with a client that lets its answers pile up.
bool Session::over_output_buffer() {
  const std::uint64_t most = output_limit();
  if (most == 0 || replies_.bytes() <= most) return false;
  shard_.metrics().output_overruns.add();
  spdlog::warn("client {}:{} ({}): closed, {} bytes of answers not taken, its grants allow {}",
               account_.subject().source_ip, account_.subject().source_port,
               log::printable(account_.subject().principal), replies_.bytes(), most);
  close(EndedBy::limits, "more answers not taken than limits.output_buffer allows");
  return true;
}

}  // namespace keyward::proxy
