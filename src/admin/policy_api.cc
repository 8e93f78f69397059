#include "admin/policy_api.h"

#include "admin/answers.h"

#include "keyward/base/diagnostics_json.h"
#include "keyward/policy/explain_case.h"

#include <boost/json/object.hpp>

namespace keyward::admin {
namespace {

namespace json = boost::json;

json::object status_object(const PolicyStatus& status) {
  const PolicyStatus::Attempt& last = status.last_attempt;
  return {{"version", status.version},
          {"commit", status.commit.empty() ? json::value(nullptr) : json::value(status.commit)},
          {"number", status.number},
          {"loaded_at", time_text(status.loaded_at)},
          {"loaded_by", status.loaded_by},
          {"folder", status.folder},
          {"grants", status.grants},
          {"expectations", status.expectations},
          {"signed_by", list(status.signed_by)},
          {"watching", status.watching},
          {"reloads", status.reloads},
          {"failures", status.failures},
          {"last_attempt", json::object{{"at", time_text(last.at)},
                                        {"ok", last.ok},
                                        {"changed", last.changed},
                                        {"trigger", last.trigger},
                                        {"took_ms", last.took.count()},
                                        {"diagnostics", keyward::to_json(last.diagnostics)}}}};
}

}  // namespace

void policy_status(const ApiRequest&, const Sources& sources, std::function<void(Page)> done) {
  if (!sources.policy) return done(page_of(503, {{"ok", false}, {"error", "not serving yet"}}));
  done(page_of(200, status_object(sources.policy())));
}

void policy_reload(const ApiRequest& request, const Sources& sources,
                   std::function<void(Page)> done) {
  const auto tell = [policy = sources.policy, done] {
    const PolicyStatus status = policy();
    json::object body = status_object(status);
    body["ok"] = status.last_attempt.ok;
    done(page_of(status.last_attempt.ok ? 200 : 422, body));
  };
  if (!sources.reload || !sources.reload("api " + std::string(request.peer), tell)) {
    done(page_of(503, {{"ok", false}, {"error", "too many reloads wait already"}}));
  }
}

void policy_explain(const ApiRequest& request, const Sources& sources,
                    std::function<void(Page)> done) {
  const auto question = policy::parse_case(request.body);
  if (!question) return done(page_of(400, policy::error_answer(question.error().message())));
  const auto snapshot = sources.snapshot ? sources.snapshot() : nullptr;
  if (snapshot == nullptr) return done(page_of(503, policy::error_answer("no policy is loaded")));
  const auto answer = policy::Explainer(snapshot).answer(*question);
  if (!answer) return done(page_of(404, policy::error_answer(answer.error().message())));
  done(page_of(200, policy::to_json(*answer)));
}

}  // namespace keyward::admin
