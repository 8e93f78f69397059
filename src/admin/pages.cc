#include "admin/pages.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <prometheus/text_serializer.h>

#include <algorithm>

namespace keyward::admin {
namespace {

Page health(const PageRequest&, const Sources&) {
  Page page;
  page.body = "ok\n";
  return page;
}

bool wants_json(std::string_view accept) {
  return accept.find("application/json") != std::string_view::npos;
}

Page readiness_as_json(const std::vector<ReadyCheck>& checks, bool ready) {
  boost::json::array list;
  for (const ReadyCheck& check : checks) {
    boost::json::object entry{{"name", check.name}, {"ok", check.ok}};
    if (!check.detail.empty()) entry["detail"] = check.detail;
    list.push_back(std::move(entry));
  }
  Page page;
  page.content_type = "application/json";
  page.body =
      boost::json::serialize(boost::json::object{{"ready", ready}, {"checks", list}}) + "\n";
  return page;
}

// Without a check nothing is known to work, so nothing is ready.
Page readiness(const PageRequest& request, const Sources& sources) {
  const auto checks = sources.readiness ? sources.readiness() : std::vector<ReadyCheck>{};
  const bool ready =
      !checks.empty() &&
      std::all_of(checks.begin(), checks.end(), [](const ReadyCheck& check) { return check.ok; });
  Page page;
  if (wants_json(request.accept)) {
    page = readiness_as_json(checks, ready);
  } else {
    for (const ReadyCheck& check : checks) {
      page.body += (check.ok ? "ok   " : "FAIL ") + check.name;
      if (!check.detail.empty()) page.body += ": " + check.detail;
      page.body += '\n';
    }
    page.body += ready ? "ready\n" : "not ready\n";
  }
  page.status = ready ? 200 : 503;
  return page;
}

Page metrics(const PageRequest&, const Sources& sources) {
  Page page;
  page.content_type = "text/plain; version=0.0.4; charset=utf-8";
  const auto families =
      sources.metrics ? sources.metrics() : std::vector<prometheus::MetricFamily>{};
  page.body = prometheus::TextSerializer().Serialize(families);
  return page;
}

Page index(const PageRequest&, const Sources&) {
  Page page;
  page.body =
      "/healthz            the process runs\n"
      "/readyz             every check, 200 or 503\n"
      "/metrics            Prometheus\n"
      "/v1/policy          the version in force and the last attempt to replace it\n"
      "/v1/policy/reload   POST: read the folder again\n"
      "/v1/policy/explain  POST {\"grant\"|\"as\", \"argv\"}: allowed or refused, and by which "
      "rule\n"
      "/v1/credentials     POST: a user and password for a token; GET: those that live\n";
  return page;
}

struct PageRoute {
  std::string_view path;
  Page (*render)(const PageRequest&, const Sources&);
};
constexpr PageRoute kPageRoutes[] = {
    {"/", index}, {"/healthz", health}, {"/readyz", readiness}, {"/metrics", metrics}};

}  // namespace

Page render(const PageRequest& request, const Sources& sources) {
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  for (const PageRoute& route : kPageRoutes) {
    if (route.path != path) continue;
    if (request.method == "GET" || request.method == "HEAD") return route.render(request, sources);
    Page page;
    page.status = 405;
    page.allow = "GET, HEAD";
    page.body = "only GET and HEAD are answered here\n";
    return page;
  }
  Page page;
  page.status = 404;
  page.body = "no such page: /healthz, /readyz, /metrics, /v1/policy\n";
  return page;
}

}  // namespace keyward::admin
