#include "admin/revocation_request.h"

#include "keyward/base/ascii.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

namespace keyward::admin {
namespace {

namespace json = boost::json;
using identity::Revocation;
using Target = Revocation::Target;
using std::chrono::hours;

constexpr std::size_t kLongestValue = 512, kLongestReason = 512, kLongestName = 64;
constexpr hours kUsual{24 * 30}, kLongest{24 * 366};
// Whoever they name has no more than a day to live.
constexpr hours kOfSession{24};

Error wrong(std::string what) { return {Errc::invalid, std::move(what)}; }

Result<json::object> object_of(std::string_view body) {
  boost::system::error_code bad;
  const json::value value = json::parse(body, bad, {}, {.max_depth = 4});
  if (bad || !value.is_object()) return wrong("the body is a JSON object");
  return value.get_object();
}

std::string_view key(const json::key_value_pair& member) {
  return {member.key().data(), member.key().size()};
}

Result<std::string> text_of(const json::object& from, const char* name, std::size_t most) {
  const json::value* value = from.if_contains(name);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return wrong(std::string("\"") + name + "\" is a text");
  const json::string& text = value->get_string();
  if (text.empty() || text.size() > most)
    return wrong(std::string("\"") + name + "\" has 1 to " + std::to_string(most) + " bytes");
  return std::string(text.data(), text.size());
}

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

std::optional<std::chrono::seconds> read_span(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error != std::errc{} || number <= 0 || number > 1'000'000) return std::nullopt;
  if (unit == "s") return std::chrono::seconds(number);
  if (unit == "m") return std::chrono::minutes(number);
  if (unit == "h") return hours(number);
  if (unit == "d") return hours(24 * number);
  return std::nullopt;
}

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// A name that nobody can have would be believed to be revoked.
Result<> check_value(Target target, std::string_view value,
                     const std::vector<std::string>& issuers) {
  if (target == Target::token && value.starts_with("sha256:")) {
    const std::string_view digest = value.substr(7);
    const bool fits = digest.size() == 16 &&
                      digest.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    if (fits) return {};
    return wrong("a token's digest is sha256: and the 16 hex digits that the trail shows");
  }
  if (target != Target::principal && target != Target::token) return {};
  const std::size_t colon = value.find(':');
  const std::string_view alias = value.substr(0, colon);
  const bool known = std::find(issuers.begin(), issuers.end(), alias) != issuers.end();
  if (colon != std::string_view::npos && colon + 1 < value.size() && known) return {};
  const char* form = target == Target::principal
                         ? "a principal is an issuer's alias, a colon and the subject"
                         : "a token is an issuer's alias, a colon and its jti, or sha256:DIGEST";
  return wrong(std::string(form) + "; aliases here: " + listed(issuers));
}

Result<std::optional<WallTime>> time_of(const json::object& from, const char* name, WallTime now) {
  const json::value* value = from.if_contains(name);
  if (value == nullptr) return std::optional<WallTime>();
  std::optional<WallTime> time;
  if (value->is_int64()) time = read_time(std::to_string(value->get_int64()), now);
  if (value->is_string())
    time = read_time({value->get_string().data(), value->get_string().size()}, now);
  if (time) return time;
  return wrong(std::string("\"") + name +
               "\" is a time like 2026-11-22T10:00:00Z, \"now\", or seconds since 1970");
}

Result<WallTime> end_of(const json::object& from, Target target, WallTime now) {
  const bool brief = target == Target::session || target == Target::lease;
  WallTime end = now + WallTime::duration(brief ? kOfSession : kUsual);
  const auto until = time_of(from, "until", now);
  if (!until) return until.error();
  const auto span = text_of(from, "for", kLongestName);
  if (!span) return span.error();
  if (*until && !span->empty()) return wrong("\"until\" or \"for\", not both");
  if (*until) end = **until;
  if (!span->empty()) {
    const auto life = read_span(*span);
    if (!life) return wrong("\"for\" is a time like 30m, 12h or 7d");
    end = now + WallTime::duration(*life);
  }
  if (end <= now) return wrong("\"until\" is over already");
  if (end > now + WallTime::duration(kLongest)) return wrong("366 days at most");
  return end;
}

Result<std::string> asker(const json::object& from, std::string_view asked_from) {
  const auto by = text_of(from, "by", kLongestName);
  if (!by) return by.error();
  // What somebody says of himself stands beside where he asked from, not in its place.
  return std::string(asked_from) + (by->empty() ? "" : " (" + *by + ")");
}

}  // namespace

std::optional<WallTime> read_time(std::string_view text, WallTime now) {
  if (text == "now") return now;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) {
    constexpr std::int64_t kYear9999 = 253'402'300'799;
    if (number < 0 || number > kYear9999) return std::nullopt;
    return WallTime(std::chrono::seconds(number));
  }
  // RFC 3339 section 5.6 in UTC, with or without a fraction, which is dropped.
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2),
             hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second || text[4] != '-' || text[7] != '-' ||
      text[10] != 'T' || text[13] != ':' || text[16] != ':' || *hour > 23 || *minute > 59 ||
      *second > 60) {
    return std::nullopt;
  }
  std::string_view rest = text.substr(19);
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    if (rest.empty() || !is_digit(rest.front())) return std::nullopt;
    while (!rest.empty() && is_digit(rest.front())) rest.remove_prefix(1);
  }
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (rest != "Z" || !date.ok()) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

Result<Revocation> read_revocation(std::string_view body, std::string_view asked_from,
                                   const std::vector<std::string>& issuers, WallTime now) {
  const auto from = object_of(body);
  if (!from) return from.error();
  Revocation out;
  std::size_t targets = 0;
  for (const auto& member : *from) {
    const std::string_view name = key(member);
    if (const auto target = identity::revocation_target(name)) {
      ++targets;
      out.target = *target;
    } else if (name != "reason" && name != "issued_before" && name != "until" && name != "for" &&
               name != "by") {
      return wrong("\"" + std::string(name.substr(0, kLongestName)) +
                   "\" is none of principal, token, session, lease, credential, reason, "
                   "issued_before, until, for, by");
    }
  }
  if (targets != 1) return wrong("exactly one of principal, token, session, lease, credential");
  const auto value = text_of(*from, identity::name(out.target).data(), kLongestValue);
  if (!value) return value.error();
  out.value = *value;
  if (auto fits = check_value(out.target, out.value, issuers); !fits) return fits.error();
  const auto reason = text_of(*from, "reason", kLongestReason);
  if (!reason) return reason.error();
  if (reason->empty()) return wrong("\"reason\" is missing: the trail asks why");
  out.reason = *reason;
  const auto before = time_of(*from, "issued_before", now);
  if (!before) return before.error();
  if (*before && out.target != Target::principal)
    return wrong("\"issued_before\" belongs to a principal");
  if (*before) out.issued_before = **before;
  const auto end = end_of(*from, out.target, now);
  if (!end) return end.error();
  out.until = *end;
  auto by = asker(*from, asked_from);
  if (!by) return by.error();
  out.by = std::move(*by);
  return out;
}

Result<WhyLifted> read_lift(std::string_view body, std::string_view asked_from) {
  if (body.empty()) return WhyLifted{"", std::string(asked_from)};
  const auto from = object_of(body);
  if (!from) return from.error();
  const auto reason = text_of(*from, "reason", kLongestReason);
  if (!reason) return reason.error();
  auto by = asker(*from, asked_from);
  if (!by) return by.error();
  return WhyLifted{*reason, std::move(*by)};
}

}  // namespace keyward::admin
