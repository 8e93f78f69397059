#include "keyward/trail/times.h"

#include "keyward/base/ascii.h"

#include <chrono>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <optional>

namespace keyward::trail {
namespace {

namespace chrono = std::chrono;

constexpr std::uint64_t kSecond = 1'000'000;

// Takes what a time consists of from its beginning.
class Taker {
 public:
  explicit Taker(std::string_view text) : rest_(text) {}
  [[nodiscard]] std::optional<unsigned> digits(std::size_t count) {
    if (rest_.size() < count) return {};
    unsigned number = 0;
    for (const char digit : rest_.substr(0, count)) {
      if (!is_digit(digit)) return {};
      number = number * 10 + static_cast<unsigned>(digit - '0');
    }
    rest_.remove_prefix(count);
    return number;
  }
  [[nodiscard]] bool take(char byte) {
    if (!rest_.starts_with(byte)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] bool ended() const { return rest_.empty(); }
  // Behind a point; digits beyond microseconds do not count.
  [[nodiscard]] std::optional<std::uint64_t> fraction() {
    std::uint64_t value = 0, unit = kSecond;
    bool any = false;
    for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1)) {
      any = true;
      unit /= 10;
      value += unit * static_cast<std::uint64_t>(rest_.front() - '0');
    }
    if (!any) return {};
    return value;
  }

 private:
  std::string_view rest_;
};

std::optional<std::int64_t> day_of(Taker& text) {
  const auto year = text.digits(4);
  if (!year || !text.take('-')) return {};
  const auto month = text.digits(2);
  if (!month || !text.take('-')) return {};
  const auto day = text.digits(2);
  if (!day) return {};
  const chrono::year_month_day date(chrono::year(static_cast<int>(*year)), chrono::month(*month),
                                    chrono::day(*day));
  if (!date.ok()) return {};
  return chrono::sys_days(date).time_since_epoch().count();
}

// Seconds east of UTC.
std::optional<std::int64_t> offset_of(Taker& text) {
  if (text.ended() || text.take('Z') || text.take('z')) return 0;
  const bool west = text.take('-');
  if (!west && !text.take('+')) return {};
  const auto hours = text.digits(2);
  if (!hours || *hours > 23 || !text.take(':')) return {};
  const auto minutes = text.digits(2);
  if (!minutes || *minutes > 59) return {};
  const std::int64_t seconds = std::int64_t{*hours} * 3600 + std::int64_t{*minutes} * 60;
  return west ? -seconds : seconds;
}

// hh:mm, hh:mm:ss, hh:mm:ss.ffffff behind the day, with an offset.
std::optional<std::int64_t> clock_us(Taker& text) {
  const auto hours = text.digits(2);
  if (!hours || *hours > 23 || !text.take(':')) return {};
  const auto minutes = text.digits(2);
  if (!minutes || *minutes > 59) return {};
  std::int64_t seconds = std::int64_t{*hours} * 3600 + std::int64_t{*minutes} * 60;
  std::uint64_t part = 0;
  if (text.take(':')) {
    const auto more = text.digits(2);
    if (!more || *more > 60) return {};
    seconds += *more;
    if (text.take('.')) {
      const auto fraction = text.fraction();
      if (!fraction) return {};
      part = *fraction;
    }
  }
  const auto offset = offset_of(text);
  if (!offset) return {};
  return (seconds - *offset) * static_cast<std::int64_t>(kSecond) + static_cast<std::int64_t>(part);
}

std::optional<std::uint64_t> absolute(std::string_view given) {
  Taker text(given);
  const auto day = day_of(text);
  if (!day) return {};
  std::int64_t within = 0;
  if (!text.ended()) {
    if (!text.take('T') && !text.take('t') && !text.take(' ')) return {};
    const auto clock = clock_us(text);
    if (!clock || !text.ended()) return {};
    within = *clock;
  }
  const std::int64_t time = *day * 86'400 * static_cast<std::int64_t>(kSecond) + within;
  if (time < 0) return {};
  return static_cast<std::uint64_t>(time);
}

std::uint64_t unit_of(char letter) {
  switch (letter) {
    case 's':
      return kSecond;
    case 'm':
      return 60 * kSecond;
    case 'h':
      return 3600 * kSecond;
    case 'd':
      return 86'400 * kSecond;
    case 'w':
      return 7 * 86'400 * kSecond;
    default:
      return 0;
  }
}

std::optional<std::uint64_t> relative(std::string_view given, WallTime now) {
  if (given.size() < 3 || given.size() > 9 || given.front() != '-') return {};
  const std::uint64_t unit = unit_of(given.back());
  const auto count = Taker(given.substr(1)).digits(given.size() - 2);
  if (unit == 0 || !count) return {};
  const auto at = static_cast<std::uint64_t>(
      chrono::duration_cast<chrono::microseconds>(now.time_since_epoch()).count());
  return at - std::min(at, *count * unit);
}

}  // namespace

std::string time_text(std::uint64_t time_us) {
  const auto seconds = static_cast<std::time_t>(time_us / kSecond);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(seconds), time_us % kSecond);
}

std::string milliseconds_text(std::uint64_t time_ms) {
  const auto seconds = static_cast<std::time_t>(time_ms / 1000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), time_ms % 1000);
}

Result<std::uint64_t> parse_time(std::string_view text, WallTime now) {
  const auto time = text.starts_with('-') ? relative(text, now) : absolute(text);
  if (time) return *time;
  return Error(Errc::invalid, "\"" + std::string(text) +
                                  "\" is no time: write 2026-01-31, 2026-01-31T08:00:00Z, or how "
                                  "long ago, as -24h, -15m, -7d");
}

}  // namespace keyward::trail
