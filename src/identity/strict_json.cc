#include "identity/strict_json.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

namespace keyward::identity {

bool nests_within(std::string_view text, std::size_t limit) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char byte = text[at];
    if (quoted) {
      if (byte == '\\') {
        ++at;
      } else if (byte == '"') {
        quoted = false;
      }
    } else if (byte == '"') {
      quoted = true;
    } else if (byte == '{' || byte == '[') {
      if (++depth > limit) return false;
    } else if ((byte == '}' || byte == ']') && depth > 0) {
      --depth;
    }
  }
  return true;
}

JsonPtr parse_object(std::string_view text, std::size_t depth) {
  if (!nests_within(text, depth)) return nullptr;
  json_error_t error;
  // Without JSON_ALLOW_NUL, \u0000 is an error; without JSON_DISABLE_EOF_CHECK, so are trailing
  // bytes.
  JsonPtr parsed(json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES, &error));
  if (parsed && !json_is_object(parsed.get())) parsed.reset();
  return parsed;
}

std::string_view string_member(const json_t* object, const char* name) {
  const json_t* const member = json_object_get(object, name);
  if (!json_is_string(member)) return {};
  return {json_string_value(member), json_string_length(member)};
}

namespace {

boost::json::value convert(const json_t* json) {  // recursion bounded by nests_within()
  switch (json_typeof(json)) {
    case JSON_OBJECT:
      return to_boost(json);
    case JSON_ARRAY: {
      boost::json::array array;
      array.reserve(json_array_size(json));
      for (std::size_t at = 0; at < json_array_size(json); ++at) {
        array.push_back(convert(json_array_get(json, at)));
      }
      return array;
    }
    case JSON_STRING:
      return boost::json::string(
          boost::json::string_view(json_string_value(json), json_string_length(json)));
    case JSON_INTEGER:
      return boost::json::value(static_cast<std::int64_t>(json_integer_value(json)));
    case JSON_REAL:
      return boost::json::value(json_real_value(json));
    case JSON_TRUE:
      return boost::json::value(true);
    case JSON_FALSE:
      return boost::json::value(false);
    case JSON_NULL:
      break;
  }
  return nullptr;
}

}  // namespace

boost::json::object to_boost(const json_t* object) {
  boost::json::object result;
  result.reserve(json_object_size(object));
  // jansson iterates mutable objects only, although reading changes nothing.
  json_t* const source = const_cast<json_t*>(object);
  for (void* at = json_object_iter(source); at != nullptr; at = json_object_iter_next(source, at)) {
    result.emplace(json_object_iter_key(at), convert(json_object_iter_value(at)));
  }
  return result;
}

}  // namespace keyward::identity
