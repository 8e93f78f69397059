#include "audit/previous_run.h"

#include "keyward/audit/json_text.h"

#include "keyward/audit/line_head.h"
#include "keyward/audit/segment.h"

#include <boost/json.hpp>

#include <algorithm>

namespace keyward::audit {
namespace {

namespace json = boost::json;

// A crash cuts at most what one flush held; more damage than this is a case for a person.
constexpr std::uint64_t kTailLimit = std::uint64_t{128} << 20;

// The last whole record that lies entirely in `tail`; `from_start` when the tail is the whole file.
bool find_last_record(std::string_view tail, bool from_start, PreviousRun& run) {
  std::size_t newline = tail.rfind('\n');
  while (newline != std::string_view::npos) {
    const std::size_t before =
        newline == 0 ? std::string_view::npos : tail.rfind('\n', newline - 1);
    if (before == std::string_view::npos && !from_start) return false;
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    const std::string_view line = tail.substr(begin, newline - begin);
    if (const auto head = parse_head(line)) {
      const std::string_view torn = tail.substr(newline + 1);
      run.sequence = head->sequence;
      run.time_us = head->time_us;
      run.hash = hash_of(line);
      run.stopped = head->kind == "stop" && torn.empty();
      run.torn_bytes = torn.size();
      if (!torn.empty()) run.torn_hash = hash_of(torn);
      return true;
    }
    newline = before;
  }
  return false;
}

bool read_hash(const json::object& from, std::string_view name, HexDigest& hash) {
  const json::value* found = from.if_contains(name);
  const json::string* text = found == nullptr ? nullptr : found->if_string();
  if (text == nullptr || text->size() != hash.size()) return false;
  std::copy(text->begin(), text->end(), hash.begin());
  return true;
}

bool read_number(const json::object& from, std::string_view name, std::uint64_t& number) {
  const json::value* found = from.if_contains(name);
  if (found == nullptr || !found->is_number()) return false;
  json::error_code error;
  number = found->to_number<std::uint64_t>(error);
  return !error;
}

bool read_text(const json::object& from, std::string_view name, std::string& text) {
  const json::value* found = from.if_contains(name);
  if (found == nullptr || !found->is_string()) return false;
  text = found->get_string();
  return true;
}

bool read_previous(const json::value& value, PreviousRun& run) {
  if (value.is_null()) return true;
  const json::object* from = value.if_object();
  std::string end;
  if (from == nullptr || !read_text(*from, "file", run.file) || !read_text(*from, "end", end))
    return false;
  run.stopped = end == "stop";
  run.rotated = end == "rotated";
  if (!read_number(*from, "sequence", run.sequence) || !read_hash(*from, "hash", run.hash))
    return false;
  if (!from->contains("torn_bytes")) return true;
  return read_number(*from, "torn_bytes", run.torn_bytes) &&
         read_hash(*from, "torn_sha256", run.torn_hash);
}

}  // namespace

std::string PreviousRun::claim(std::string_view own_file) const {
  std::string out;
  append_filled(out, 8 * kTextLimit * kGrowth, [&](char* at) {
    at = put_text(at, "file", own_file);
    if (file.empty()) return put(at, ",\"previous\":null");
    at = put(at, R"(,"previous":{"end":)");
    at = put(at, rotated ? "\"rotated\"" : stopped ? "\"stop\"" : "\"crash\"");
    at = put_text(at, "file", file);
    at = put_text(put_number(at, "sequence", sequence), "hash", view(hash));
    if (torn_bytes > 0) {
      at = put_text(put_number(at, "torn_bytes", torn_bytes), "torn_sha256", view(torn_hash));
    }
    return put(at, '}');
  });
  return out;
}

Result<PreviousRun> read_previous_run(const TrailFile& file) {
  auto segment = Segment::open(file.path);
  if (!segment) return segment.error();
  const std::uint64_t size = segment->size();
  PreviousRun run;
  run.file = file.name;
  for (std::uint64_t window = 64 << 10;; window *= 8) {
    const std::uint64_t begin = size > window ? size - window : 0;
    auto tail = read_range(*segment, begin, size);
    if (!tail) return Error(Errc::io, "audit file " + file.path + ": " + tail.error().message());
    if (find_last_record(*tail, begin == 0, run)) return run;
    if (begin == 0 || window > kTailLimit) break;
  }
  return Error(
      Errc::invalid,
      "audit file " + file.path +
          " does not end in a whole record; run `keyward audit verify`, keep a copy, move it away");
}

std::optional<StartClaim> parse_claim(std::string_view line) {
  const auto head = parse_head(line);
  if (!head || (head->kind != "start" && head->kind != "segment")) return {};
  json::error_code error;
  const json::value whole = json::parse(line, error);
  if (error) return {};
  const json::value* keyward = whole.find_pointer("/unmapped/keyward", error);
  const json::object* fields = keyward == nullptr ? nullptr : keyward->if_object();
  StartClaim claim;
  if (fields == nullptr || !read_text(*fields, "file", claim.own_file)) return {};
  if (fields->contains("signed_by") && !read_text(*fields, "signed_by", claim.signed_by)) return {};
  const json::value* previous = fields->if_contains("previous");
  if (previous == nullptr || !read_previous(*previous, claim.previous)) return {};
  if (claim.previous.rotated != (head->kind == "segment")) return {};
  return claim;
}

}  // namespace keyward::audit
