#include "keyward/policy/trigger_places.h"

#include "keyward/base/diagnostics.h"
#include "keyward/base/log.h"
#include "keyward/base/text.h"

#include <algorithm>
#include <utility>

namespace keyward::policy {
namespace {

using Form = InputPiece::Form;

constexpr std::string_view kFields = "fields.";
constexpr std::size_t kMostPieces = 64;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// A form stands in front; names of fields may hold spaces.
Form take_form(std::string_view& inside) {
  constexpr std::pair<std::string_view, Form> kForms[] = {
      {"json ", Form::json}, {"number ", Form::number}, {"base64 ", Form::base64}};
  for (const auto& [word, form] : kForms) {
    if (!inside.starts_with(word)) continue;
    inside = trimmed(inside.substr(word.size()));
    return form;
  }
  return Form::text;
}

bool known(std::string_view name, TriggerSource::Kind source) {
  if (source == TriggerSource::Kind::stream && name.starts_with(kFields))
    return name.size() > kFields.size();
  const std::vector<std::string> names = place_names(source);
  return std::find(names.begin(), names.end(), name) != names.end();
}

Result<InputPiece> read_place(std::string_view inside, TriggerSource::Kind source) {
  const std::string_view whole = inside = trimmed(inside);
  InputPiece out;
  out.form = take_form(inside);
  out.name = inside;
  if (known(inside, source)) {
    if (inside != "fields" || out.form == Form::text) return out;
    return Error(Errc::invalid, "{{fields}} is all fields as an object and takes no other form");
  }
  return Error(Errc::invalid, "{{" + log::printable(whole, 64) + "}} is no place of an event of " +
                                  (source == TriggerSource::Kind::stream    ? "a stream"
                                   : source == TriggerSource::Kind::channel ? "a channel"
                                                                            : "an expiry") +
                                  "; there are " + joined(place_names(source), ", ") +
                                  ", each also as {{json x}}, {{number x}} or {{base64 x}}");
}

}  // namespace

std::vector<std::string> place_names(TriggerSource::Kind source) {
  std::vector<std::string> out = {"id",   "name",      "rule",  "stream",
                                  "time", "principal", "grant", "fields"};
  if (source == TriggerSource::Kind::stream) out.emplace_back("fields.NAME");
  if (source == TriggerSource::Kind::channel) out.insert(out.end(), {"channel", "message"});
  if (source == TriggerSource::Kind::expired) out.emplace_back("key");
  return out;
}

Result<std::vector<InputPiece>> input_pieces(std::string_view text, TriggerSource::Kind source) {
  std::vector<InputPiece> out;
  bool whole_only = false;
  while (!text.empty()) {
    const std::size_t open = text.find("{{");
    if (open != 0) {
      out.push_back({Form::literal, std::string(text.substr(0, open))});
      if (open == std::string_view::npos) break;
    }
    const std::size_t close = text.find("}}", open);
    if (close == std::string_view::npos)
      return Error(Errc::invalid, "a place that begins with {{ does not end with }}");
    Result<InputPiece> piece = read_place(text.substr(open + 2, close - open - 2), source);
    if (!piece) return piece.error();
    whole_only = whole_only || piece->form == Form::json || piece->form == Form::number ||
                 piece->name == "fields";
    out.push_back(std::move(*piece));
    text.remove_prefix(close + 2);
    if (out.size() > kMostPieces) return Error(Errc::invalid, "a text has at most 64 places");
  }
  if (whole_only && out.size() > 1)
    return Error(Errc::invalid,
                 "{{json x}}, {{number x}} and {{fields}} are values and stand alone in a text");
  return out;
}

}  // namespace keyward::policy
