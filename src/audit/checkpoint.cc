#include "audit/checkpoint.h"

#include "keyward/audit/json_text.h"
#include "keyward/audit/line_head.h"
#include "keyward/base/hash.h"

#include <boost/json.hpp>

#include <algorithm>

namespace keyward::audit {
namespace {

namespace json = boost::json;

constexpr std::string_view kOpening = R"(,"signature":")";
constexpr std::size_t kSignatureDigits = 128;

// A quote inside a text is escaped, so the opening occurs once at most.
std::size_t find_digits(std::string_view line) {
  const std::size_t found = line.find(kOpening);
  if (found == std::string_view::npos || line.size() - found < kOpening.size() + kSignatureDigits)
    return std::string_view::npos;
  return found + kOpening.size();
}

std::string open_line(std::string_view line, std::size_t digits) {
  std::string text(line);
  text.replace(digits, kSignatureDigits, kSignatureDigits, '0');
  return text;
}

char* put_mark(char* at, const StreamMark& mark) {
  at = put_bounded(put(at, R"({"stream":")"), mark.stream);
  at = put(at, '"');
  at = put_number(at, "number", mark.number);
  at = put_number(at, "first", mark.first);
  at = put_number(at, "sequence", mark.sequence);
  at = put_text(at, "hash", view(mark.hash));
  at = put_number(at, "denied", mark.denied);
  at = put_number(at, "lost", mark.lost);
  at = put(at, mark.open ? R"(,"open":true)" : R"(,"open":false)");
  if (mark.from.number > 1) {
    at = put(put(at, R"(,"from":{"number":)"), mark.from.number);
    at = put_number(at, "sequence", mark.from.sequence);
    at = put(put_text(at, "prev", view(mark.from.prev)), '}');
  }
  return put(at, '}');
}

bool read(const json::object& from, std::string_view name, std::uint64_t& out) {
  const json::value* found = from.if_contains(name);
  if (found == nullptr || !found->is_number()) return false;
  json::error_code error;
  out = found->to_number<std::uint64_t>(error);
  return !error;
}

bool read(const json::object& from, std::string_view name, std::string& out) {
  const json::value* found = from.if_contains(name);
  if (found == nullptr || !found->is_string()) return false;
  out = found->get_string();
  return true;
}

bool read(const json::object& from, std::string_view name, HexDigest& out) {
  std::string text;
  if (!read(from, name, text) || text.size() != out.size()) return false;
  std::copy(text.begin(), text.end(), out.begin());
  return true;
}

std::optional<StreamMark> mark_of(const json::value& value) {
  StreamMark mark;
  const json::object* from = value.if_object();
  if (from == nullptr || !read(*from, "stream", mark.stream) ||
      !read(*from, "number", mark.number) || !read(*from, "first", mark.first) ||
      !read(*from, "sequence", mark.sequence) || !read(*from, "hash", mark.hash) ||
      !read(*from, "denied", mark.denied) || !read(*from, "lost", mark.lost))
    return {};
  const json::value* open = from->if_contains("open");
  mark.open = open != nullptr && open->is_bool() && open->get_bool();
  const json::value* origin = from->if_contains("from");
  if (origin == nullptr) return mark;
  const json::object* place = origin->if_object();
  if (place == nullptr || !read(*place, "number", mark.from.number) ||
      !read(*place, "sequence", mark.from.sequence) || !read(*place, "prev", mark.from.prev))
    return {};
  return mark;
}

}  // namespace

std::string fields_of(const Checkpoint& checkpoint) {
  std::string out;
  const std::size_t room = (checkpoint.streams.size() + 2) * 2 * kTextLimit * kGrowth;
  append_filled(out, room, [&](char* at) {
    at = put_text(at, "key", checkpoint.key);
    at = put_text(at, "policy_version", checkpoint.policy_version);
    at = put_number(at, "every_ms", checkpoint.every_ms);
    at = put_number(at, "mono_us", checkpoint.mono_us);
    at = put(at, R"(,"streams":[)");
    for (const StreamMark& mark : checkpoint.streams) {
      if (&mark != &checkpoint.streams.front()) at = put(at, ',');
      at = put_mark(at, mark);
    }
    at = put(put(at, ']'), kOpening);
    at = std::fill_n(at, kSignatureDigits, '0');
    return put(at, '"');
  });
  return out;
}

void sign_line(std::span<char> line, const PrivateKey& key) {
  const std::string_view text(line.data(), line.size());
  const std::size_t digits = find_digits(text);
  if (digits == std::string_view::npos) return;
  const std::string signature = hex(key.sign(open_line(text, digits)));
  std::copy(signature.begin(), signature.end(), line.begin() + static_cast<std::ptrdiff_t>(digits));
}

bool signature_holds(std::string_view line, const PublicKey& key) {
  const std::size_t digits = find_digits(line);
  if (digits == std::string_view::npos) return false;
  const auto signature = unhex(line.substr(digits, kSignatureDigits));
  return signature && key.accepts(open_line(line, digits), *signature);
}

std::optional<Checkpoint> parse_checkpoint(std::string_view line) {
  const auto head = parse_head(line);
  if (!head || head->kind != "checkpoint") return {};
  json::error_code error;
  const json::value whole = json::parse(line, error);
  if (error) return {};
  const json::value* keyward = whole.find_pointer("/unmapped/keyward", error);
  const json::object* fields = keyward == nullptr ? nullptr : keyward->if_object();
  Checkpoint out;
  if (fields == nullptr || !read(*fields, "key", out.key) ||
      !read(*fields, "every_ms", out.every_ms) || !read(*fields, "mono_us", out.mono_us))
    return {};
  static_cast<void>(read(*fields, "instance", out.instance));
  static_cast<void>(read(*fields, "policy_version", out.policy_version));
  const json::value* streams = fields->if_contains("streams");
  if (streams == nullptr || !streams->is_array()) return {};
  for (const json::value& value : streams->get_array()) {
    auto mark = mark_of(value);
    if (!mark) return {};
    out.streams.push_back(*std::move(mark));
  }
  return out;
}

}  // namespace keyward::audit
