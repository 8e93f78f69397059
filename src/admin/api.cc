#include "admin/api.h"

#include "admin/answers.h"
#include "admin/call_record.h"
#include "admin/credentials_api.h"
#include "admin/policy_api.h"
#include "admin/revocations_api.h"

#include "keyward/base/same_secret.h"

#include <algorithm>
#include <optional>

namespace keyward::admin {
namespace {

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// "127.0.0.1:9380", "[::1]:9380" and "localhost:9380". A name that somebody's DNS made point here
// is none of them, whatever it looks like.
bool names_loopback(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  const bool has_port = colon != host.npos && host.find(']', colon) == host.npos;
  const std::string_view name = has_port ? host.substr(0, colon) : host;
  if (name == "localhost" || name == "[::1]") return true;
  return name.starts_with("127.") && name.find_first_not_of("0123456789.") == name.npos;
}

bool holds_token(std::string_view authorization, const Secret& token) {
  constexpr std::string_view kBearer = "Bearer ";
  if (!authorization.starts_with(kBearer)) return false;
  return same_secret(authorization.substr(kBearer.size()), token.reveal());
}

// Without a token whoever reaches the loopback address may ask, but no web page: those cannot set
// this header or content type for another site without being allowed to, and here they never are.
std::optional<Page> refuse_browser(const ApiRequest& request) {
  if (!names_loopback(request.host)) {
    return refusal(403, "the Host header names neither localhost nor a loopback address");
  }
  if (request.method == "GET" || request.method == "HEAD") return std::nullopt;
  if (request.from_browser_page) return refusal(403, "requests of web pages are refused here");
  if (request.own_header.empty() && !request.content_type.starts_with("application/json")) {
    return refusal(403,
                   "send the header 'X-Keyward-Request: 1' with a request that changes or asks "
                   "something");
  }
  return std::nullopt;
}

std::optional<Page> refuse(const ApiRequest& request, const Sources& sources) {
  if (sources.token) {
    const Result<Secret> token = sources.token();
    if (!token) return refusal(503, "admin.token_file cannot be read");
    if (holds_token(request.authorization, *token)) return std::nullopt;
    return refusal(401, "send the token of admin.token_file as 'Authorization: Bearer TOKEN'");
  }
  if (!request.loopback_listener) {
    return refusal(403, "/v1/ is answered beyond loopback only with admin.token_file");
  }
  return refuse_browser(request);
}

// A path that ends in "/" is of one thing below it: its name follows.
struct Route {
  std::string_view path, method;
  void (*answer)(const ApiRequest&, const Sources&, std::function<void(Page)>);
};
constexpr Route kRoutes[] = {{"/v1/policy", "GET", policy_status},
                             {"/v1/policy/reload", "POST", policy_reload},
                             {"/v1/policy/explain", "POST", policy_explain},
                             {"/v1/revocations", "GET", revocations_list},
                             {"/v1/revocations", "POST", revocations_add},
                             {"/v1/revocations/", "DELETE", revocations_lift},
                             {"/v1/sessions", "GET", sessions_list},
                             {"/v1/sessions/", "DELETE", sessions_end}};

bool leads_to(const Route& route, std::string_view path) {
  if (!route.path.ends_with('/')) return route.path == path;
  return path.starts_with(route.path) && path.size() > route.path.size() &&
         path.find('/', route.path.size()) == path.npos;
}

}  // namespace

bool is_api(std::string_view target) { return path_of(target).starts_with("/v1/"); }

void answer_api(const ApiRequest& request, const Sources& sources, std::function<void(Page)> done) {
  auto refused = refuse(request, sources);
  done = recorded(request, sources, !refused, std::move(done));
  if (is_credentials(path_of(request.target)))
    return credentials(request, sources, std::move(refused), std::move(done));
  if (refused) return done(std::move(*refused));
  std::string methods;  // of the path
  for (const Route& route : kRoutes) {
    if (!leads_to(route, path_of(request.target))) continue;
    const bool head = route.method == "GET" && request.method == "HEAD";
    if (route.method == request.method || head)
      return route.answer(request, sources, std::move(done));
    methods += (methods.empty() ? "" : ", ") + std::string(route.method) +
               (route.method == "GET" ? ", HEAD" : "");
  }
  if (!methods.empty()) {
    Page page = refusal(405, "use " + methods);
    page.allow = methods;
    return done(std::move(page));
  }
  done(refusal(404,
               "no such page: /v1/policy, /v1/policy/reload, /v1/policy/explain, "
               "/v1/revocations, /v1/sessions, /v1/credentials"));
}

}  // namespace keyward::admin
