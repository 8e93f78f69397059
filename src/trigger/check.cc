// `keyward check --connect`: whether what a rule names is there, and the credential is good for it.
#include "keyward/trigger/check.h"

#include "trigger/caller.h"
#include "trigger/outgoing.h"

namespace keyward::trigger {

std::optional<Outgoing> compose_check(const Rule& rule, const Connection& connection) {
  if (at_aws(rule.target.kind)) return compose_check_aws(rule, connection);
  const std::string resource = net::sigv4::uri_encode(rule.target.resource);
  std::string path;
  switch (rule.target.kind) {
    case TargetKind::airflow:
      path = "/api/" + rule.target.api + "/dags/" + resource;
      break;
    case TargetKind::prefect:
      path = "/deployments/" + resource;
      break;
    case TargetKind::conductor:
      path = "/api/metadata/workflow/" + resource;
      if (rule.target.version > 0) path += "?version=" + std::to_string(rule.target.version);
      break;
    default:  // what a webhook gets is an event
      return std::nullopt;
  }
  Outgoing out;
  out.method = "GET";
  out.url = url_of(connection.url, path);
  out.headers = {{"Accept", "application/json"}};
  return out;
}

Result<> judge_check(const Rule& rule, int status, std::string_view body) {
  if (status >= 200 && status < 300) return {};
  const Answer said = judge(rule.target.kind, status, body);
  const std::string text = said.detail.empty() ? said.reason : said.reason + ": " + said.detail;
  if (status == 401 || about_credentials(said))
    return Error(Errc::unauthorized, "the credential is not taken; " + text);
  // Who may start it need not be allowed to look at it.
  const bool known =
      at_aws(rule.target.kind) ? said.reason.starts_with("AccessDenied") : status == 403;
  if (known) return {};
  if (said.verdict == Answer::Verdict::dead)
    return Error(Errc::not_found, "it does not have what the rule names; " + text);
  return Error(Errc::unavailable, text);
}

std::optional<Result<>> try_target(const Rule& rule, const Connection& connection) {
  auto request = compose_check(rule, connection);
  if (!request) return std::nullopt;
  boost::asio::io_context io{1};
  Caller caller(io, rule, connection);
  std::optional<Result<>> out;
  caller.ask(std::move(*request), [&](const Result<net::HttpResponse>& got) {
    if (got.has_error())
      out.emplace(got.error());
    else
      out.emplace(judge_check(rule, got->status, got->body));
    io.stop();
  });
  io.run();
  if (!out) out.emplace(Error(Errc::internal, "it was not asked"));
  return out;
}

}  // namespace keyward::trigger
