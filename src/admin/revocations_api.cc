#include "admin/revocations_api.h"

#include "admin/answers.h"
#include "admin/revocation_request.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <optional>

namespace keyward::admin {
namespace {

namespace json = boost::json;

constexpr std::string_view kSession = "session";

std::string asked_from(const ApiRequest& request) { return "api " + std::string(request.peer); }

// The last part of the path, decoded; nothing when there is something wrong with it.
std::string last_part(std::string_view target) {
  target = target.substr(0, target.find('?'));
  return std::string(target.substr(target.rfind('/') + 1));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    const int high = at + 2 < text.size() ? hex_digit(text[at + 1]) : -1;
    const int low = at + 2 < text.size() ? hex_digit(text[at + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return out;
}

// ?principal=ID and nothing else; nothing when there is.
std::optional<SessionQuery> query_of(std::string_view target) {
  SessionQuery query;
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return query;
  constexpr std::string_view kPrincipal = "principal=";
  const std::string_view text = target.substr(mark + 1);
  if (!text.starts_with(kPrincipal) || text.find('&') != std::string_view::npos)
    return std::nullopt;
  const auto value = decoded(text.substr(kPrincipal.size()));
  if (!value || value->empty()) return std::nullopt;
  query.principal = *value;
  return query;
}

json::object to_json(const fleet::RevocationEntry& entry) {
  const identity::Revocation& what = entry.what;
  json::object out{{"id", what.id},
                   {identity::name(what.target), what.value},
                   {"reason", what.reason},
                   {"by", what.by},
                   {"at", time_text(what.at)},
                   {"until", time_text(what.until)}};
  if (what.issued_before != WallTime::max()) out["issued_before"] = time_text(what.issued_before);
  if (entry.lifted) {
    out["lifted"] = json::object{{"at", time_text(entry.lifted->at)},
                                 {"by", entry.lifted->by},
                                 {"reason", entry.lifted->reason}};
  }
  return out;
}

json::object to_json(const proxy::SessionFacts& facts) {
  return {{"id", facts.id},
          {"principal", facts.principal},
          {"label", facts.label},
          {"grants", list(facts.grants)},
          {"redis_user", facts.redis_user},
          {"address", facts.address},
          {"listener", facts.listener},
          {"name", facts.name},
          {"library", facts.library},
          {"since", time_text(facts.since)},
          {"ends", time_text(facts.ends)},
          {"state", facts.state},
          {"db", facts.db},
          {"protocol", facts.protocol},
          {"commands", facts.commands}};
}

unsigned status_of(const Error& error) {
  if (error.code() == Errc::not_found) return 404;
  if (error.code() == Errc::invalid) return 400;
  return error.code() == Errc::limit ? 409 : 503;
}

Page answer_of(unsigned status, const Result<RevocationDone>& result) {
  if (!result) return refusal(status_of(result.error()), result.error().message());
  json::object body = to_json(result->entry);
  body["ok"] = true;
  body["ended_here"] = result->ended;
  body["shared"] = result->shared;
  if (!result->shared)
    body["note"] =
        "Redis is away or refuses it: this instance holds to it and passes it on when it can";
  return page_of(status, body);
}

}  // namespace

void revocations_list(const ApiRequest&, const Sources& sources, std::function<void(Page)> done) {
  if (!sources.revocations.list) return done(refusal(503, "not serving yet"));
  json::array all;
  for (const auto& entry : sources.revocations.list()) all.emplace_back(to_json(entry));
  done(page_of(200, {{"revocations", std::move(all)}}));
}

void revocations_add(const ApiRequest& request, const Sources& sources,
                     std::function<void(Page)> done) {
  const RevocationSource& source = sources.revocations;
  if (!source.add || source.clock == nullptr) return done(refusal(503, "not serving yet"));
  auto what =
      read_revocation(request.body, asked_from(request), source.issuers, source.clock->wall());
  if (!what) return done(refusal(400, what.error().message()));
  source.add(std::move(*what), [done = std::move(done)](const Result<RevocationDone>& result) {
    done(answer_of(201, result));
  });
}

void revocations_lift(const ApiRequest& request, const Sources& sources,
                      std::function<void(Page)> done) {
  if (!sources.revocations.lift) return done(refusal(503, "not serving yet"));
  const auto why = read_lift(request.body, asked_from(request));
  if (!why) return done(refusal(400, why.error().message()));
  sources.revocations.lift(last_part(request.target), why->by, why->reason,
                           [done = std::move(done)](const Result<RevocationDone>& result) {
                             done(answer_of(200, result));
                           });
}

void sessions_list(const ApiRequest& request, const Sources& sources,
                   std::function<void(Page)> done) {
  if (!sources.sessions) return done(refusal(503, "not serving yet"));
  const auto query = query_of(request.target);
  if (!query)
    return done(refusal(400, "write /v1/sessions or /v1/sessions?principal=ALIAS:SUBJECT"));
  sources.sessions(*query, [done = std::move(done),
                            instance = sources.instance](std::vector<proxy::SessionFacts> found) {
    std::sort(found.begin(), found.end(),
              [](const auto& one, const auto& other) { return one.since < other.since; });
    json::array all;
    for (const auto& facts : found) all.emplace_back(to_json(facts));
    done(page_of(200, {{"instance", instance}, {"sessions", std::move(all)}}));
  });
}

void sessions_end(const ApiRequest& request, const Sources& sources,
                  std::function<void(Page)> done) {
  const RevocationSource& source = sources.revocations;
  if (!source.add || source.clock == nullptr) return done(refusal(503, "not serving yet"));
  const std::string id = last_part(request.target);
  const bool fits = id.size() == 12 && id.find_first_not_of("0123456789abcdef") == id.npos;
  if (!fits) return done(refusal(404, "a session's id has 12 hex digits: /v1/sessions shows it"));
  const auto why = read_lift(request.body, asked_from(request));
  if (!why) return done(refusal(400, why.error().message()));
  const json::object body{{kSession, id},
                          {"reason", why->reason.empty() ? "ended by hand" : why->reason}};
  auto what = read_revocation(json::serialize(body), why->by, source.issuers, source.clock->wall());
  if (!what) return done(refusal(400, what.error().message()));
  source.add(std::move(*what), [done = std::move(done)](const Result<RevocationDone>& result) {
    done(answer_of(200, result));
  });
}

}  // namespace keyward::admin
