#include "keyward/audit/tail.h"

#include "keyward/audit/line_head.h"
#include "keyward/audit/segment.h"
#include "keyward/audit/trail_files.h"
#include "keyward/base/log.h"

#include <boost/json.hpp>

#include <algorithm>
#include <cerrno>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <set>
#include <system_error>

namespace keyward::audit {
namespace {

namespace json = boost::json;

constexpr std::size_t kBlock = std::size_t{8} << 20;
constexpr std::uint64_t kReadToItsEnd = ~std::uint64_t{0};

std::string_view text(const json::object& from, std::string_view name) {
  const json::value* found = from.if_contains(name);
  return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                : std::string_view{};
}

std::string_view text_at(const json::value& from, std::string_view pointer) {
  json::error_code error;
  const json::value* found = from.find_pointer(pointer, error);
  return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                : std::string_view{};
}

std::string time_text(std::uint64_t time_us) {
  const auto seconds = static_cast<std::time_t>(time_us / 1'000'000);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03}Z", fmt::gmtime(seconds), time_us / 1000 % 1000);
}

std::string_view colour_of(std::string_view outcome, std::string_view kind) {
  if (outcome == "denied" || kind == "denial" || kind == "login_refused") return "\x1b[31m";
  if (kind == "gap" || kind == "drift" || kind.starts_with("break_glass") || outcome == "unknown")
    return "\x1b[33m";
  if (outcome == "error" || outcome == "not_executed") return "\x1b[35m";
  return "\x1b[32m";
}

// The request for records of commands, the kind for all others.
std::string what_of(const json::value& whole, const json::object& fields, std::string_view kind) {
  const std::string_view query = text_at(whole, "/query_info/query_string");
  if (!query.empty()) return log::printable(query, 512);
  std::string what(kind);
  if (const auto detail = text(fields, "detail"); !detail.empty())
    what += " " + log::printable(detail, 256);
  return what;
}

std::string who_of(const json::value& whole, const json::object& fields, bool session) {
  std::string_view who = text_at(whole, session ? "/user/name" : "/actor/user/name");
  if (who.empty()) who = text(fields, "principal");
  if (who.empty()) return fmt::format("({})", log::printable(text(fields, "stream"), 64));
  return log::printable(who, 64);
}

// A command that says nothing else went well.
std::string_view outcome_of(const json::object& fields, std::string_view kind) {
  if (kind == "denial") return "denied";
  if (kind == "intent") return "about to";
  const std::string_view outcome = text(fields, "outcome");
  return outcome.empty() ? "ok" : outcome;
}

// The complete lines of `file` behind `offset`, at most a block of them.
Result<> read_lines(const TrailFile& file, std::uint64_t& offset, std::vector<std::string>& lines) {
  auto segment = Segment::open(file.path);
  if (!segment) return segment.error();
  if (segment->size() <= offset) return {};
  const std::uint64_t end = std::min(segment->size(), offset + kBlock);
  const auto block = read_range(*segment, offset, end);
  if (!block) return Error(Errc::io, "audit file " + file.path + ": " + block.error().message());
  std::string_view rest = *block;
  for (std::size_t at = rest.find('\n'); at != std::string_view::npos; at = rest.find('\n')) {
    lines.emplace_back(rest.substr(0, at));
    rest.remove_prefix(at + 1);
    offset += at + 1;
  }
  if (rest.size() == kBlock) offset += rest.size();  // no record is that long: step over the damage
  return {};
}

// What a session is, for the records that follow, and what the trail says of itself; not events.
bool serves_the_trail(const std::string& line) {
  const auto head = parse_head(line);
  return head && (head->kind == "session" || head->kind == "segment" || head->kind == "checkpoint");
}

std::uint64_t time_of(const std::string& line) {
  const auto head = parse_head(line);
  return head ? head->time_us : 0;
}

void sort_by_time(std::vector<std::string>& lines) {
  std::vector<std::pair<std::uint64_t, std::string>> keyed;
  keyed.reserve(lines.size());
  for (std::string& line : lines) keyed.emplace_back(time_of(line), std::move(line));
  std::stable_sort(keyed.begin(), keyed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::transform(keyed.begin(), keyed.end(), lines.begin(),
                 [](auto& entry) { return std::move(entry.second); });
}

}  // namespace

std::string format_row(std::string_view line, bool colour) {
  const auto head = parse_head(line);
  json::error_code error;
  const json::value whole = json::parse(line, error);
  const json::value* keyward = error ? nullptr : whole.find_pointer("/unmapped/keyward", error);
  if (!head || keyward == nullptr || !keyward->is_object())
    return "(not an audit record) " + log::printable(line, 80);
  const json::object& fields = keyward->get_object();
  const std::string_view outcome = outcome_of(fields, head->kind);
  const bool session = head->kind.starts_with("login") || head->kind == "session_end";
  std::string row = fmt::format("{}  {}{:<12}{}  {:<24}  {}", time_text(head->time_us),
                                colour ? colour_of(outcome, head->kind) : "",
                                log::printable(outcome, 16), colour ? "\x1b[0m" : "",
                                who_of(whole, fields, session), what_of(whole, fields, head->kind));
  for (const std::string_view value :
       {text_at(whole, "/status_code"), text(fields, "rule"), text_at(whole, "/status_detail")}) {
    if (!value.empty()) row += "  [" + log::printable(value, 256) + "]";
  }
  if (const json::value* triggers = fields.if_contains("attested");
      triggers != nullptr && triggers->is_array()) {
    row += "  [attested for";
    for (const json::value& trigger : triggers->get_array()) {
      if (trigger.is_string()) row += ' ' + log::printable(trigger.get_string(), 64);
    }
    row += ']';
  }
  return row;
}

Follower::Follower(std::string directory, std::size_t last, Show show)
    : directory_(std::move(directory)), last_(last), show_(show) {}

// Places the offsets so that about the last `last_` lines of each newest segment, and of the one
// before it, remain; all older ones count as read.
Result<> Follower::skip_to_newest() {
  auto files = list_trail(directory_);
  if (!files) return files.error();
  for (std::size_t index = 0; index < files->size(); ++index) {
    const TrailFile& file = (*files)[index];
    auto segment = Segment::open(file.path);
    if (!segment) continue;
    const std::uint64_t size = segment->size();
    const bool old = index + 2 < files->size() && (*files)[index + 2].stream == file.stream &&
                     (*files)[index + 2].instance == file.instance;
    std::uint64_t offset = size;
    if (!old) {
      const std::uint64_t window =
          std::min<std::uint64_t>(size, std::max<std::uint64_t>(last_, 1) * 4096);
      offset = size - std::min<std::uint64_t>(window, kBlock);
    }
    if (offset > 0 && offset < size) {  // to the next line's beginning
      --offset;
      std::vector<std::string> partial;
      std::uint64_t end = offset;
      if (auto read = read_lines(file, end, partial); !read) return read.error();
      offset = partial.empty() ? size : offset + partial.front().size() + 1;
    }
    offsets_[file.name] = offset;
  }
  return {};
}

Result<std::vector<std::string>> Follower::poll() {
  const bool first = !started_;
  if (first) {
    if (auto placed = skip_to_newest(); !placed) return placed.error();
    started_ = true;
  }
  auto files = list_trail(directory_);
  if (!files) return files.error();
  std::vector<std::string> lines;
  std::set<std::string, std::less<>> there;
  for (std::size_t index = 0; index < files->size(); ++index) {
    const TrailFile& file = (*files)[index];
    there.insert(file.name);
    std::uint64_t& offset = offsets_[file.name];
    if (offset == kReadToItsEnd) continue;
    const std::uint64_t before = offset;
    if (auto read = read_lines(file, offset, lines); !read) return read.error();
    const bool closed = index + 1 < files->size() && (*files)[index + 1].stream == file.stream &&
                        (*files)[index + 1].instance == file.instance;
    if (closed && offset == before) offset = kReadToItsEnd;
  }
  std::erase_if(offsets_, [&](const auto& entry) { return !there.contains(entry.first); });
  if (show_ == Show::events) std::erase_if(lines, serves_the_trail);
  sort_by_time(lines);
  if (first && lines.size() > last_)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(last_));
  return lines;
}

}  // namespace keyward::audit
