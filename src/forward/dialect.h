// What the receivers that are spoken to by HTTP want to be sent, and what their answers mean. Pure.
#pragma once

#include "forward/answer.h"
#include "forward/item.h"

#include "keyward/forward/config.h"

#include <string>
#include <string_view>

namespace keyward::forward {

struct Post {
  std::string url{}, content_type{}, body{};
};

[[nodiscard]] Post encode(const ForwarderConfig& config, std::string_view instance, Items items);
[[nodiscard]] Answer judge(const ForwarderConfig& config, int status, std::string_view body,
                           Items items);

// One kind each; the two above choose among them.
// Splunk: the event endpoint, JSON objects behind each other, the time in seconds.
[[nodiscard]] Post encode_hec(const ForwarderConfig& config, std::string_view instance,
                              Items items);
[[nodiscard]] Answer judge_hec(int status, std::string_view body, Items items);
// OpenSearch and Elasticsearch: `create` with the record's uid as _id, so that what was there
// before is answered with 409 and never stored twice.
[[nodiscard]] Post encode_bulk(const ForwarderConfig& config, Items items);
[[nodiscard]] Answer judge_bulk(int status, std::string_view body, Items items);
// OTLP/HTTP in its JSON encoding (OTLP 1.x, "JSON Protobuf Encoding").
[[nodiscard]] Post encode_otlp(const ForwarderConfig& config, std::string_view instance,
                               Items items);
[[nodiscard]] Answer judge_otlp(int status, std::string_view body, Items items);
// Lines, or one array.
[[nodiscard]] Post encode_lines(const ForwarderConfig& config, Items items);
// 2xx is received, 400, 413 and 422 are about the contents, all others come again later.
[[nodiscard]] Answer judge_status(int status, std::string_view body, Items items);

// The beginning of an answer for log lines.
[[nodiscard]] std::string said(int status, std::string_view body);

}  // namespace keyward::forward
