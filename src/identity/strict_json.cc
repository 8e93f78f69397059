#include "identity/strict_json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_stack.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

namespace keyward::identity {

namespace {

namespace json = boost::json;
using json::error_code;
using json::string_view;

constexpr std::size_t kOnStack = 4096;  // what usual tokens take while they are parsed

// What Boost's own handler does, and a refusal of what it lets through.
class Builder {
 public:
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();

  Builder() : stack_({}, room_.data(), room_.size()) { stack_.reset(); }

  [[nodiscard]] json::value release() { return stack_.release(); }
  [[nodiscard]] std::size_t members() const { return members_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return true; }
  bool on_object_end(std::size_t count, error_code&) {
    members_ += count;
    stack_.push_object(count);
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t count, error_code&) {
    stack_.push_array(count);
    return true;
  }
  bool on_key_part(string_view text, std::size_t, error_code& error) { return part(text, error); }
  bool on_key(string_view text, std::size_t, error_code& error) {
    if (has_nul(text)) return refuse(error);
    stack_.push_key(text);
    return true;
  }
  bool on_string_part(string_view text, std::size_t, error_code& error) {
    return part(text, error);
  }
  bool on_string(string_view text, std::size_t, error_code& error) {
    if (has_nul(text)) return refuse(error);
    stack_.push_string(text);
    return true;
  }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t number, string_view, error_code&) {
    stack_.push_int64(number);
    return true;
  }
  // Above what others hold in a signed integer.
  bool on_uint64(std::uint64_t, string_view, error_code& error) { return refuse(error); }
  bool on_double(double number, string_view text, error_code& error) {
    // An integer comes here when no integer holds it.
    const bool whole = text.find_first_of(".eE") == string_view::npos;
    if (whole || !std::isfinite(number)) return refuse(error);
    stack_.push_double(number);
    return true;
  }
  bool on_bool(bool truth, error_code&) {
    stack_.push_bool(truth);
    return true;
  }
  bool on_null(error_code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(string_view, error_code& error) { return refuse(error); }
  bool on_comment(string_view, error_code& error) { return refuse(error); }

 private:
  static bool has_nul(string_view text) { return text.find('\0') != string_view::npos; }
  static bool refuse(error_code& error) {
    error = json::error::syntax;
    return false;
  }
  bool part(string_view text, error_code& error) {
    if (has_nul(text)) return refuse(error);
    stack_.push_chars(text);
    return true;
  }

  std::array<unsigned char, kOnStack> room_;  // before the stack, which points into it
  json::value_stack stack_;
  std::size_t members_ = 0;
};

std::size_t count_members(const json::value& value) {  // recursion bounded by the parser's depth
  std::size_t count = 0;
  if (const json::array* const array = value.if_array()) {
    for (const json::value& one : *array) count += count_members(one);
  } else if (const json::object* const object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += count_members(member.value());
  }
  return count;
}

}  // namespace

std::optional<json::object> parse_object(std::string_view text, std::size_t depth) {
  json::parse_options strict;  // no comments, no trailing commas, valid UTF-8
  strict.max_depth = depth;
  json::basic_parser<Builder> parser(strict);
  error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (error || read != text.size()) return std::nullopt;
  json::value value = parser.handler().release();
  json::object* const object = value.if_object();
  // Of members with one name Boost keeps the last: then fewer are there than were read.
  if (object == nullptr || count_members(value) != parser.handler().members()) return std::nullopt;
  return std::move(*object);
}

std::string_view string_member(const json::object& object, std::string_view name) {
  const json::value* const member = object.if_contains(name);
  const json::string* const text = member == nullptr ? nullptr : member->if_string();
  if (text == nullptr) return {};
  return {text->data(), text->size()};
}

}  // namespace keyward::identity
