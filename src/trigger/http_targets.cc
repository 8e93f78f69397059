// CloudEvents 1.0 by HTTP, and the APIs of Airflow, Prefect and Conductor.
#include "trigger/outgoing.h"

#include "keyward/base/log.h"

namespace keyward::trigger {
namespace {

using net::sigv4::uri_encode;

const std::string kJson = "application/json";

std::string source_of(const Rule& rule) { return "urn:keyward:trigger:" + uri_encode(rule.name); }

// CloudEvents 1.0, HTTP binding, 3.1.3.2: all but U+0021 to U+007E, and the quote and the percent
// sign, in UTF-8 as %XX.
std::string header_text(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (c > ' ' && c <= '~' && c != '"' && c != '%') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

// Attributes in the order of the specification. `authtype` and `authid` are its documented
// extension "Auth Context": who caused it.
net::sigv4::Pairs attributes(const Rule& rule, const Start& what) {
  return {{"specversion", "1.0"},     {"id", what.name},         {"source", source_of(rule)},
          {"type", rule.target.type}, {"subject", what.subject}, {"time", rfc3339(what.time)},
          {"authtype", "unknown"},    {"authid", what.principal}};
}

std::string structured(const net::sigv4::Pairs& attributes, const std::string& input) {
  std::string body = "{";
  for (const auto& [name, value] : attributes)
    if (!value.empty()) body += json_string(name) + ":" + json_string(value) + ",";
  return body + "\"datacontenttype\":\"application/json\",\"data\":" + input + "}";
}

std::string airflow_body(const Rule& rule, const Start& what) {
  // v2 wants to be told that there is no logical date; two runs may not share one.
  const char* none = rule.target.api == "v2" ? "\"logical_date\":null," : "";
  return "{\"dag_run_id\":" + json_string(what.name) + "," + none + "\"conf\":" + what.input + "}";
}

std::string prefect_body(const Start& what) {
  return "{\"name\":" + json_string(what.name) + ",\"idempotency_key\":" + json_string(what.name) +
         ",\"parameters\":" + what.input + "}";
}

// Orkes honours the key; the open-source server does for agents only, see Search.
std::string conductor_body(const Rule& rule, const Start& what) {
  std::string body = "{\"name\":" + json_string(rule.target.resource);
  if (rule.target.version > 0) body += ",\"version\":" + std::to_string(rule.target.version);
  const std::string name = json_string(what.name);
  return body + ",\"correlationId\":" + name + ",\"idempotencyKey\":" + name +
         ",\"idempotencyStrategy\":\"RETURN_EXISTING\",\"input\":" + what.input + "}";
}

Answer already(std::string_view detail) {
  Answer out = answer(Answer::Verdict::done, "already_started", detail);
  out.already = true;
  return out;
}

std::string said(int status, std::string_view body) {
  std::string out = "answered " + std::to_string(status);
  return body.empty() ? out : out + ": " + log::printable(body, 200);
}

}  // namespace

Result<Outgoing> compose_cloud_event(const Rule& rule, const Connection& connection,
                                     const Start& what) {
  Outgoing out;
  out.url = url_of(connection.url, rule.target.resource);
  const net::sigv4::Pairs facts = attributes(rule, what);
  if (rule.target.binary) {
    out.headers = {{"Content-Type", kJson}};
    for (const auto& [name, value] : facts)
      if (!value.empty()) out.headers.emplace_back("ce-" + name, header_text(value));
    out.body = what.input;
  } else {
    out.headers = {{"Content-Type", "application/cloudevents+json"}};
    out.body = structured(facts, what.input);
  }
  // A structured-field string (draft-ietf-httpapi-idempotency-key-header).
  out.headers.emplace_back("Idempotency-Key", "\"" + what.name + "\"");
  return out;
}

Result<Outgoing> compose_workflow(const Rule& rule, const Connection& connection,
                                  const Start& what) {
  if (!what.input.starts_with('{'))
    return Error(Errc::invalid, "the input of a workflow must be a JSON object");
  Outgoing out;
  out.headers = {{"Content-Type", kJson}, {"Accept", "application/json, text/plain"}};
  const std::string resource = uri_encode(rule.target.resource);
  if (rule.target.kind == TargetKind::airflow) {
    out.url = url_of(connection.url, "/api/" + rule.target.api + "/dags/" + resource + "/dagRuns");
    out.body = airflow_body(rule, what);
  } else if (rule.target.kind == TargetKind::prefect) {
    // The connection's URL ends in /api, as PREFECT_API_URL does.
    out.url = url_of(connection.url, "/deployments/" + resource + "/create_flow_run");
    out.body = prefect_body(what);
  } else {
    out.url = url_of(connection.url, "/api/workflow");
    out.body = conductor_body(rule, what);
    out.once = true;
  }
  return out;
}

Answer judge_http(TargetKind kind, int status, std::string_view body) {
  const std::string detail = said(status, body);
  const std::string code = "http_" + std::to_string(status);
  // A flow run that was there is answered with 200, a new one with 201 (deployments API).
  if (kind == TargetKind::prefect && status == 200) return already({});
  if (status >= 200 && status < 300) return answer(Answer::Verdict::done, "started");
  if (status == 429) return answer(Answer::Verdict::retry, "throttled", detail);
  if (status == 409 && kind == TargetKind::airflow) {
    // v1 says the same of another run at the same moment; a later attempt has another moment.
    const bool moment = body.find("logical date") != body.npos;
    return moment ? answer(Answer::Verdict::retry, code, detail) : already(detail);
  }
  // 401: credentials are renewed; 408, 409, 425: not now; 5xx: not well.
  const bool again = status >= 500 || status == 401 || status == 408 || status == 409 ||
                     status == 425 || status < 200;
  return answer(again ? Answer::Verdict::retry : Answer::Verdict::dead, code, detail);
}

}  // namespace keyward::trigger
