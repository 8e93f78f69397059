#include "forward/dialect.h"

#include "keyward/base/log.h"

#include <boost/json.hpp>

namespace keyward::forward {
namespace {

namespace json = boost::json;

// What happened to one document.
struct Outcome {
  int status = 0;
  std::string why{};
};

// {"create": {"status": 201}} or {"create": {"status": 400, "error": {"type": ..., "reason": ...}}}
Outcome outcome_of(const json::value& item) {
  Outcome out;
  const json::object* wrapped = item.if_object();
  if (wrapped == nullptr || wrapped->size() != 1 || !wrapped->begin()->value().is_object())
    return out;
  const json::object& facts = wrapped->begin()->value().get_object();
  const json::value* status = facts.if_contains("status");
  if (status != nullptr && status->is_int64()) out.status = static_cast<int>(status->get_int64());
  if (const json::value* error = facts.if_contains("error"))
    out.why = log::printable(json::serialize(*error), 300);
  return out;
}

bool stored(int status) { return (status >= 200 && status < 300) || status == 409; }

// 400: the document does not fit the mapping. Others (404 index, 403 block, 429, 5xx) pass.
bool never(int status) { return status == 400 || status == 413; }

}  // namespace

Post encode_bulk(const ForwarderConfig& config, Items items) {
  Post out;
  out.url = config.url;
  if (!out.url.ends_with('/')) out.url += '/';
  out.url += config.index +
             "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason";
  out.content_type = "application/x-ndjson";
  for (const Item& item : items) {
    out.body += R"({"create":{"_id":")" + item.uid + "\"}}\n";
    // What a data stream cannot be without; ECS has it.
    const bool ocsf = item.shaped.empty();
    if (ocsf) out.body += R"({"@timestamp":")" + rfc3339(item.time_us) + "\",";
    out.body += item.document().substr(ocsf ? 1 : 0);
    out.body += '\n';
  }
  return out;
}

Answer judge_bulk(int status, std::string_view body, Items items) {
  if (status != 200) return judge_status(status, body, items);
  json::error_code failed;
  const json::value whole = json::parse(body, failed);
  const json::value* list =
      !failed && whole.is_object() ? whole.get_object().if_contains("items") : nullptr;
  if (list == nullptr || !list->is_array() || list->get_array().size() != items.size())
    return later("the answer does not tell of every document: " + log::printable(body, 200));
  Answer out = settled(items.size());
  for (std::size_t at = 0; at < items.size(); ++at) {
    Outcome outcome = outcome_of(list->get_array()[at]);
    if (stored(outcome.status)) continue;
    if (never(outcome.status)) {
      out.refused.push_back({at, std::to_string(outcome.status) + " " + outcome.why});
      continue;
    }
    out.done =
        at;  // this one and what follows come again; what is there already is refused as such
    out.why = "a document was answered with " + std::to_string(outcome.status) + " " + outcome.why;
    break;
  }
  if (out.done == 0) out.verdict = Answer::Verdict::later;
  return out;
}

}  // namespace keyward::forward
