#include "forward/item.h"

#include <boost/json.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace keyward::forward {
namespace {

namespace json = boost::json;

// The digit behind `field` in a line of ours. Inside a text every quote is escaped, so no name can
// pass for the field.
int small_number(std::string_view line, std::string_view field, int otherwise) {
  const std::size_t at = line.find(field);
  if (at == std::string_view::npos || at + field.size() >= line.size()) return otherwise;
  const char digit = line[at + field.size()];
  return digit >= '0' && digit <= '9' ? digit - '0' : otherwise;
}

}  // namespace

Item make_item(audit::FedRecord&& record, std::string_view instance) {
  Item out;
  out.uid = fmt::format("{}.{}.{}", instance, record.stream, record.sequence);
  out.severity = small_number(record.line, R"("severity_id":)", 1);
  out.failed = record.kind == "denial" || small_number(record.line, R"("status_id":)", 1) == 2;
  out.place = {record.segment, record.end, record.sequence, {}};
  out.line = std::move(record.line);
  out.stream = std::move(record.stream);
  out.kind = std::move(record.kind);
  out.sequence = record.sequence;
  out.time_us = record.time_us;
  return out;
}

Item gap_item(const Gap& gap) {
  Item out;
  out.uid = fmt::format("{}.{}.{}.gap.{}", gap.instance, gap.stream, gap.forwarder, gap.before);
  out.stream = gap.stream;
  out.kind = "forward_gap";
  out.sequence = gap.before;
  out.time_us = gap.time_us;
  out.severity = 4;
  out.failed = true;
  out.in_trail = false;
  const json::object product{{"name", "Keyward"}, {"version", KEYWARD_VERSION}};
  json::object facts{
      {"kind", out.kind},           {"instance", gap.instance},      {"stream", gap.stream},
      {"forwarder", gap.forwarder}, {"before_sequence", gap.before}, {"reason", gap.why}};
  if (gap.missed > 0) facts["missed"] = gap.missed;
  out.line = json::serialize(json::object{
      {"class_uid", 6002},
      {"category_uid", 6},
      {"activity_id", 99},
      {"activity_name", "Audit forwarding gap"},
      {"type_uid", 600299},
      {"severity_id", out.severity},
      {"time", gap.time_us / 1000},
      {"status_id", 2},
      {"status_detail", gap.why},
      {"metadata", json::object{{"version", "1.8.0"}, {"product", product}, {"uid", out.uid}}},
      {"app", product},
      {"unmapped", json::object{{"keyward", std::move(facts)}}}});
  return out;
}

std::string rfc3339(std::uint64_t time_us) {
  const auto seconds = static_cast<std::time_t>(time_us / 1'000'000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(seconds), time_us % 1'000'000);
}

}  // namespace keyward::forward
