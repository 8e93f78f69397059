#include "keyward/trigger/input.h"

#include "trigger/outgoing.h"

#include "keyward/base/hash.h"
#include "keyward/base/log.h"
#include "keyward/base/utf8.h"
#include "keyward/policy/trigger_places.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace keyward::trigger {
namespace {

namespace json = boost::json;
using policy::InputPiece;
using Form = InputPiece::Form;

constexpr std::string_view kFields = "fields.";

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t step = utf8_step(text, at);
    if (step == 0) return false;
    at += step;
  }
  return true;
}

Error cannot(std::string_view place, const char* why) {
  return {Errc::invalid, "{{" + log::printable(place, 64) + "}} " + why};
}

Result<std::string> field(const Event& event, std::string_view name, std::string_view place) {
  // A field may stand more than once in an entry; the last one counts, as in a map.
  const auto found = std::find_if(event.fields.rbegin(), event.fields.rend(),
                                  [&](const Field& one) { return one.name == name; });
  if (found == event.fields.rend()) return cannot(place, "is not in the event");
  return found->value;
}

Result<std::string> value_of(const Rule& rule, const Event& event, std::string_view name) {
  if (name.starts_with(kFields)) return field(event, name.substr(kFields.size()), name);
  if (name == kChannelField || name == kMessageField || name == kKeyField)
    return field(event, name, name);
  if (name == "id") return event.id.text();
  if (name == "name") return execution_name(rule.name, event.id);
  if (name == "rule") return rule.name;
  if (name == "stream") return event.stream;
  if (name == "time") return rfc3339(event.by.at);
  if (name == "principal") return event.by.principal;
  if (name == "grant") return event.by.grant;
  return cannot(name, "is not known");
}

Result<json::value> all_fields(const Event& event) {
  json::object out;
  for (const Field& one : event.fields) {
    if (!is_utf8(one.name) || !is_utf8(one.value))
      return cannot("fields", "holds bytes that are no UTF-8; take them as {{base64 fields.NAME}}");
    out[one.name] = one.value;
  }
  return json::value(std::move(out));
}

Result<std::string> as_text(const InputPiece& piece, const Rule& rule, const Event& event) {
  if (piece.form == Form::literal) return piece.name;
  Result<std::string> value = value_of(rule, event, piece.name);
  if (!value) return value;
  if (piece.form == Form::base64) return base64_encode(*value);
  if (!is_utf8(*value)) return cannot(piece.name, "is no UTF-8; take it as {{base64 NAME}}");
  return value;
}

// A text that is one {{json x}}, {{number x}} or {{fields}} becomes that value.
Result<json::value> as_value(const InputPiece& piece, const Rule& rule, const Event& event) {
  if (piece.name == "fields") return all_fields(event);
  const Result<std::string> value = value_of(rule, event, piece.name);
  if (!value) return value.error();
  boost::system::error_code code;
  json::value out = json::parse(*value, code, {}, {.max_depth = 32});
  if (code) return cannot(piece.name, "is no JSON");
  if (piece.form == Form::number && !out.is_number()) return cannot(piece.name, "is no number");
  return out;
}

Result<json::value> fill_text(std::string_view text, const Rule& rule, const Event& event) {
  const Result<std::vector<InputPiece>> pieces = policy::input_pieces(text, rule.source.kind);
  if (!pieces) return pieces.error();
  if (pieces->size() == 1) {
    const InputPiece& only = pieces->front();
    if (only.form == Form::json || only.form == Form::number ||
        (only.form == Form::text && only.name == "fields"))
      return as_value(only, rule, event);
  }
  std::string out;
  for (const InputPiece& piece : *pieces) {
    Result<std::string> part = as_text(piece, rule, event);
    if (!part) return part.error();
    out += *part;
  }
  return json::value(std::move(out));
}

Result<json::value> fill(const json::value& node, const Rule& rule, const Event& event) {
  if (node.is_string()) return fill_text(node.get_string(), rule, event);
  if (node.is_array()) {
    json::array out;
    for (const json::value& child : node.get_array()) {
      Result<json::value> filled = fill(child, rule, event);
      if (!filled) return filled;
      out.push_back(std::move(*filled));
    }
    return json::value(std::move(out));
  }
  if (node.is_object()) {
    json::object out;
    for (const auto& [key, child] : node.get_object()) {
      Result<json::value> filled = fill(child, rule, event);
      if (!filled) return filled;
      out[key] = std::move(*filled);
    }
    return json::value(std::move(out));
  }
  return node;
}

Result<json::value> whole_event(const Rule& rule, const Event& event) {
  Result<json::value> fields = all_fields(event);
  if (!fields) return fields;
  const std::string subject = subject_of(rule, event);
  if (!is_utf8(subject)) return cannot("source", "is no UTF-8");
  json::object out;
  out["id"] = event.id.text();
  out["rule"] = rule.name;
  out["source"] = subject;
  out["time"] = rfc3339(event.by.at);
  out["principal"] = event.by.principal;
  out["grant"] = event.by.grant;
  out["fields"] = std::move(*fields);
  return json::value(std::move(out));
}

}  // namespace

Result<std::string> render_input(const Rule& rule, const Event& event) {
  const Result<json::value> filled =
      rule.input ? fill(*rule.input, rule, event) : whole_event(rule, event);
  if (!filled) return filled.error();
  std::string out = json::serialize(*filled);
  if (out.size() > kMostInput)
    return Error(Errc::invalid, "the input has " + std::to_string(out.size()) +
                                    " bytes, more than 262144; pass a reference instead");
  return out;
}

std::string subject_of(const Rule& rule, const Event& event) {
  if (rule.source.kind == SourceKind::stream) return rule.source.name;
  const std::string_view wanted =
      rule.source.kind == SourceKind::channel ? kChannelField : kKeyField;
  for (const Field& one : event.fields) {
    if (one.name == wanted) return one.value;
  }
  return rule.source.name;
}

}  // namespace keyward::trigger
