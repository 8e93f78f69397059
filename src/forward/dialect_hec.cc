#include "forward/dialect.h"

#include <boost/json.hpp>

#include <fmt/format.h>

namespace keyward::forward {

namespace json = boost::json;

Post encode_hec(const ForwarderConfig& config, std::string_view instance, Items items) {
  Post out{config.url, "application/json", {}};
  std::string shared = R"(,"host":)" + json::serialize(json::string(instance)) +
                       R"(,"sourcetype":)" + json::serialize(json::string(config.sourcetype));
  if (!config.index.empty()) shared += R"(,"index":)" + json::serialize(json::string(config.index));
  for (const Item& item : items) {
    fmt::format_to(
        std::back_inserter(out.body),
        R"({{"time":{}.{:06}{},"source":"keyward:{}","fields":{{"keyward_uid":"{}"}},"event":)",
        item.time_us / 1'000'000, item.time_us % 1'000'000, shared, item.stream, item.uid);
    out.body += item.document();
    out.body += "}\n";
  }
  return out;
}

// Codes of the event collector: 6, 12, 13 and 15 are about an event; 7 and 10 (index, channel)
// about the settings, which somebody will mend.
Answer judge_hec(int status, std::string_view body, Items items) {
  if (status != 400) return judge_status(status, body, items);
  json::error_code failed;
  const json::value whole = json::parse(body, failed);
  const json::value* code =
      !failed && whole.is_object() ? whole.get_object().if_contains("code") : nullptr;
  if (code != nullptr && code->is_int64()) {
    const auto number = code->get_int64();
    if (number == 6 || number == 12 || number == 13 || number == 15)
      return unfit(said(status, body));
  }
  return later(said(status, body));
}

}  // namespace keyward::forward
