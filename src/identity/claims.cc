#include "identity/claims.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>

namespace keyward::identity {

namespace {

namespace json = boost::json;

constexpr std::int64_t kMaxDate = 1LL << 53;  // beyond it a double no longer tells seconds apart

template <class Visit>
bool any_word(std::string_view text, Visit&& visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0 && visit(text.substr(0, end))) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

bool scalar_equals(const json::value& value, std::string_view wanted) {
  if (value.is_string()) return std::string_view(value.get_string()) == wanted;
  if (value.is_bool() || value.is_int64() || value.is_uint64()) {
    return json::serialize(value) == wanted;
  }
  return false;
}

}  // namespace

const json::value* find_claim(const json::object& claims, std::string_view path) {
  const json::object* level = &claims;
  while (!path.empty()) {
    const json::value* found = nullptr;
    std::size_t end = path.size();
    for (;;) {
      found = level->if_contains(json::string_view(path.data(), end));
      if (found != nullptr || end == 0) break;
      const std::size_t dot = path.substr(0, end).rfind('.');
      if (dot == std::string_view::npos) break;
      end = dot;
    }
    if (found == nullptr || end == path.size()) return found;
    level = found->if_object();
    if (level == nullptr) return nullptr;
    path.remove_prefix(end + 1);
  }
  return nullptr;
}

std::optional<std::string_view> text_claim(const json::object& claims, std::string_view path) {
  const json::value* const value = find_claim(claims, path);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string_view(value->get_string());
}

std::optional<std::int64_t> numeric_date(const json::value& value) {
  if (const std::int64_t* const whole = value.if_int64()) {
    if (*whole < 0 || *whole > kMaxDate) return std::nullopt;
    return *whole;
  }
  if (const double* const number = value.if_double()) {
    if (!std::isfinite(*number) || *number < 0 || *number > static_cast<double>(kMaxDate)) {
      return std::nullopt;
    }
    return static_cast<std::int64_t>(std::floor(*number));
  }
  return std::nullopt;
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxName) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == 0x7f) return false;
    // U+0080 to U+009F, the second set of control characters, in UTF-8.
    if (byte == 0xc2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xa0) {
      return false;
    }
  }
  return true;
}

std::optional<std::vector<std::string>> read_groups(const json::value& value) {
  std::vector<std::string> groups;
  const auto add = [&groups](std::string_view name) {
    if (!is_name(name) || groups.size() == kMaxGroups) return false;
    groups.emplace_back(name);
    return true;
  };
  if (const json::string* const text = value.if_string()) {
    if (any_word(std::string_view(*text), [&](std::string_view word) { return !add(word); })) {
      return std::nullopt;
    }
    return groups;
  }
  const json::array* const array = value.if_array();
  if (array == nullptr || array->size() > kMaxGroups) return std::nullopt;
  for (const json::value& element : *array) {
    if (!element.is_string() || !add(std::string_view(element.get_string()))) return std::nullopt;
  }
  return groups;
}

bool claim_equals(const json::object& claims, std::string_view path, std::string_view wanted) {
  const json::value* const value = find_claim(claims, path);
  if (value == nullptr) return false;
  if (const json::array* const array = value->if_array()) {
    return std::any_of(array->begin(), array->end(),
                       [&](const json::value& one) { return scalar_equals(one, wanted); });
  }
  if (value->is_string() && (path == "scope" || path == "scp")) {
    return any_word(std::string_view(value->get_string()),
                    [&](std::string_view word) { return word == wanted; });
  }
  return scalar_equals(*value, wanted);
}

}  // namespace keyward::identity
