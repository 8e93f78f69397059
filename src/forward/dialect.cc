#include "forward/dialect.h"

#include "keyward/base/log.h"

namespace keyward::forward {

std::string said(int status, std::string_view body) {
  std::string out = "answered " + std::to_string(status);
  if (!body.empty()) out += ": " + log::printable(body, 200);
  return out;
}

Post encode(const ForwarderConfig& config, std::string_view instance, Items items) {
  switch (config.kind) {
    case Kind::splunk_hec:
      return encode_hec(config, instance, items);
    case Kind::opensearch:
      return encode_bulk(config, items);
    case Kind::otlp:
      return encode_otlp(config, instance, items);
    case Kind::http:
    case Kind::syslog:
      break;
  }
  return encode_lines(config, items);
}

Answer judge(const ForwarderConfig& config, int status, std::string_view body, Items items) {
  switch (config.kind) {
    case Kind::splunk_hec:
      return judge_hec(status, body, items);
    case Kind::opensearch:
      return judge_bulk(status, body, items);
    case Kind::otlp:
      return judge_otlp(status, body, items);
    case Kind::http:
    case Kind::syslog:
      break;
  }
  return judge_status(status, body, items);
}

Post encode_lines(const ForwarderConfig& config, Items items) {
  Post out{config.url, config.array ? "application/json" : "application/x-ndjson", {}};
  if (config.array) out.body = "[";
  for (const Item& item : items) {
    if (config.array && out.body.size() > 1) out.body += ',';
    out.body += item.document();
    if (!config.array) out.body += '\n';
  }
  if (config.array) out.body += ']';
  return out;
}

Answer judge_status(int status, std::string_view body, Items items) {
  if (status >= 200 && status < 300) return settled(items.size());
  if (status == 400 || status == 413 || status == 422) return unfit(said(status, body));
  return later(said(status, body));
}

}  // namespace keyward::forward
