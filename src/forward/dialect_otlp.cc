#include "forward/dialect.h"

#include "keyward/base/log.h"

#include <boost/json.hpp>

#include <charconv>
#include <fmt/format.h>

namespace keyward::forward {
namespace {

namespace json = boost::json;

struct Severity {
  int number;
  const char* text;
};

// SeverityNumber of the log data model: INFO 9, WARN 13, ERROR 17, FATAL 21.
Severity severity_of(const Item& item) {
  if (item.severity >= 5) return {21, "FATAL"};
  if (item.severity == 4) return {17, "ERROR"};
  if (item.severity == 3 || item.failed) return {13, "WARN"};
  return {9, "INFO"};
}

json::object attribute(std::string_view key, std::string_view value) {
  return {{"key", key}, {"value", json::object{{"stringValue", value}}}};
}

// 64-bit numbers are texts in this encoding; some receivers write plain ones.
std::uint64_t number_of(const json::value& value) {
  if (value.is_int64())
    return static_cast<std::uint64_t>(std::max<std::int64_t>(value.get_int64(), 0));
  std::uint64_t out = 0;
  if (value.is_string()) {
    const json::string& text = value.get_string();
    std::from_chars(text.data(), text.data() + text.size(), out);
  }
  return out;
}

}  // namespace

Post encode_otlp(const ForwarderConfig& config, std::string_view instance, Items items) {
  Post out{config.url, "application/json", {}};
  const json::object resource{
      {"attributes", json::array{attribute("service.name", "keyward"),
                                 attribute("service.version", KEYWARD_VERSION),
                                 attribute("service.instance.id", instance)}}};
  out.body = R"({"resourceLogs":[{"resource":)" + json::serialize(resource) +
             R"(,"scopeLogs":[{"scope":{"name":"keyward.audit","version":")" KEYWARD_VERSION
             R"("},"logRecords":[)";
  bool first = true;
  for (const Item& item : items) {
    const Severity severity = severity_of(item);
    if (!std::exchange(first, false)) out.body += ',';
    fmt::format_to(
        std::back_inserter(out.body),
        R"({{"timeUnixNano":"{}000","severityNumber":{},"severityText":"{}","eventName":"keyward.audit.{}","attributes":)",
        item.time_us, severity.number, severity.text, item.kind);
    out.body += json::serialize(json::array{
        attribute("log.record.uid", item.uid), attribute("keyward.stream", item.stream),
        attribute("keyward.kind", item.kind),
        json::object{{"key", "keyward.sequence"},
                     {"value", json::object{{"intValue", std::to_string(item.sequence)}}}}});
    out.body += R"(,"body":{"stringValue":)" + json::serialize(json::string(item.line)) + "}}";
  }
  out.body += "]}]}]}";
  return out;
}

// A partial success must not be sent again, and does not say which records were refused.
Answer judge_otlp(int status, std::string_view body, Items items) {
  Answer out = judge_status(status, body, items);
  if (out.verdict != Answer::Verdict::settled || body.empty()) return out;
  json::error_code failed;
  const json::value whole = json::parse(body, failed);
  if (failed || !whole.is_object()) return out;
  const json::value* partial = whole.get_object().if_contains("partialSuccess");
  if (partial == nullptr || !partial->is_object()) return out;
  if (const json::value* rejected = partial->get_object().if_contains("rejectedLogRecords"))
    out.rejected = number_of(*rejected);
  if (const json::value* text = partial->get_object().if_contains("errorMessage");
      text != nullptr && text->is_string() && out.rejected > 0)
    out.why = log::printable(text->get_string(), 200);
  return out;
}

}  // namespace keyward::forward
