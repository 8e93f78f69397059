#include "trigger/search.h"

#include "keyward/base/json_member.h"

#include <boost/json/parse.hpp>

#include <chrono>

namespace keyward::trigger {
namespace {

using net::sigv4::uri_encode;
using std::chrono::milliseconds;

// Each is a question of its own, within the timeout of one call.
constexpr std::size_t kMostLookedAt = 200;
constexpr milliseconds kClocksDiffer{60'000};

std::string ms(WallTime time) {
  return std::to_string(std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count());
}

}  // namespace

std::optional<Search> Search::of(const Rule& rule, const Connection& connection, const Start& what,
                                 WallTime now) {
  if (rule.target.kind != TargetKind::conductor) return std::nullopt;
  return Search(rule, connection, what, now);
}

Search::Search(const Rule& rule, const Connection& connection, const Start& what, WallTime now)
    : rule_(&rule),
      connection_(&connection),
      name_(what.name),
      caused_(what.time),
      now_(now),
      version_(rule.target.version) {}

Outgoing Search::question() const {
  const std::string flow = uri_encode(rule_->target.resource);
  std::string path;
  switch (step_) {
    case Step::correlated:
      path = "/api/workflow/" + flow + "/correlated/" + uri_encode(name_) +
             "?includeClosed=true&includeTasks=false";
      break;
    case Step::version:
      path = "/api/metadata/workflow/" + flow;
      break;
    case Step::day:  // with a time it names those that ended as well
      path = "/api/workflow/running/" + flow + "?version=" + std::to_string(version_) +
             "&startTime=" + ms(caused_ - kClocksDiffer) + "&endTime=" + ms(now_ + kClocksDiffer);
      break;
    case Step::one:
      path = "/api/workflow/" + uri_encode(started_[looked_]) + "?includeTasks=false";
      break;
  }
  Outgoing out;
  out.method = "GET";
  out.url = url_of(connection_->url, path);
  out.headers = {{"Accept", "application/json"}};
  return out;
}

Search::State Search::next(Step step) {
  step_ = step;
  return State::asks;
}

Search::State Search::too_long() {
  if (step_ == Step::one && ++looked_ < started_.size()) return State::asks;
  return step_ == Step::correlated ? State::there : State::absent;
}

// Redis without an index finds nothing by correlation id (ExecutionDAOFacade); it keeps the
// workflows of each day, and what an index learns late stands there at once.
Search::State Search::answered(int status, std::string_view body) {
  boost::system::error_code bad;
  const boost::json::value value =
      status == 200 ? boost::json::parse(body, bad) : boost::json::value();
  const bool good = status == 200 && !bad;
  // What an edition of the server does not have, or does not let us see, tells nothing.
  const bool unknown = status == 403 || status == 404;
  switch (step_) {
    case Step::correlated:
      if (good && value.is_array() && !value.get_array().empty()) return State::there;
      if (status != 404 && !(good && value.is_array())) return State::failed;
      return next(version_ > 0 ? Step::day : Step::version);
    case Step::version: {
      if (unknown) return State::absent;
      const auto* found =
          good && value.is_object() ? value.get_object().if_contains("version") : nullptr;
      if (found == nullptr || !found->is_int64()) return State::failed;
      version_ = found->get_int64();
      return next(Step::day);
    }
    case Step::day:
      if (unknown) return State::absent;
      if (!good || !value.is_array()) return State::failed;
      for (const auto& id : value.get_array())
        if (id.is_string()) started_.emplace_back(id.get_string().c_str(), id.get_string().size());
      if (started_.empty() || started_.size() > kMostLookedAt) return State::absent;
      return next(Step::one);
    case Step::one:
      break;
  }
  if (!unknown && (!good || !value.is_object())) return State::failed;
  if (good && text_of(value.get_object(), "correlationId") == name_) return State::there;
  return ++looked_ < started_.size() ? State::asks : State::absent;
}

}  // namespace keyward::trigger
