#include "admin/credentials_api.h"

#include "admin/answers.h"

#include "keyward/base/yaml.h"
#include "keyward/credential/desk.h"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <variant>

namespace keyward::admin {
namespace {

namespace json = boost::json;
using credential::Given;
using credential::Record;
using credential::Refused;
using identity::Vended;
using std::chrono::seconds;

constexpr std::string_view kPath = "/v1/credentials";
constexpr std::size_t kMostGrants = 64;

struct Body {
  std::string token, user;
  credential::Wish wish;
  std::string wrong;  // what is wrong with it; empty = nothing
};

// "90s", "15m", "1h" as in configuration files, or seconds as a number.
bool read_ttl(const json::value& value, seconds& out) {
  if (value.is_int64()) {
    out = seconds(std::clamp<std::int64_t>(value.get_int64(), 0, 1'000'000));
    return out.count() > 0;
  }
  if (!value.is_string()) return false;
  const std::string text(value.get_string());
  const bool plain = text.size() <= 16 && std::ranges::all_of(text, [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
                     });
  if (!plain) return false;
  Diagnostics found;
  const auto read = yaml::parse("ttl", "ttl: " + text, found).get("ttl").duration();
  if (!read || found.failed() || *read < seconds(1)) return false;
  out = std::chrono::floor<seconds>(*read);
  return true;
}

bool read_grants(const json::value& value, std::vector<std::string>& out) {
  if (!value.is_array() || value.get_array().empty() || value.get_array().size() > kMostGrants)
    return false;
  for (const json::value& one : value.get_array()) {
    if (!one.is_string()) return false;
    out.emplace_back(one.get_string());
  }
  return true;
}

bool read_text(const json::value& value, std::string& out) {
  if (!value.is_string()) return false;
  out = std::string(value.get_string());
  return !out.empty();
}

bool read_mode(const json::value& value, Vended::Mode& out) {
  std::string text;
  if (!read_text(value, text) || (text != "proxy" && text != "direct")) return false;
  out = text == "direct" ? Vended::Mode::direct : Vended::Mode::proxy;
  return true;
}

Body read_body(std::string_view text, bool renews) {
  Body out;
  if (text.empty()) return out;
  boost::system::error_code bad;
  json::parse_options rules;
  rules.max_depth = 4;
  const json::value value =
      json::parse(json::string_view(text.data(), text.size()), bad, {}, rules);
  if (bad || !value.is_object()) {
    out.wrong = "the body is no JSON object";
    return out;
  }
  for (const auto& [key, member] : value.get_object()) {
    const std::string_view name(key.data(), key.size());
    std::string wrong;
    if (name == "token") {
      if (!read_text(member, out.token)) wrong = "`token` is a text";
    } else if (name == "ttl") {
      if (!read_ttl(member, out.wish.ttl)) wrong = "`ttl` is a time such as \"15m\", or seconds";
    } else if (renews && name == "lease_id") {
      if (!read_text(member, out.user)) wrong = "`lease_id` is a text";
    } else if (!renews && name == "mode") {
      if (!read_mode(member, out.wish.mode)) wrong = "`mode` is \"proxy\" or \"direct\"";
    } else if (!renews && name == "grants") {
      if (!read_grants(member, out.wish.grants)) wrong = "`grants` is a list of 1 to 64 names";
    } else {
      wrong = std::string("this is not understood here; it knows `token`, `ttl`") +
              (renews ? " and `lease_id`" : ", `mode` and `grants`");
    }
    if (!wrong.empty()) out.wrong += (out.wrong.empty() ? "" : "; ") + wrong;
  }
  return out;
}

std::string_view bearer(const ApiRequest& request) {
  constexpr std::string_view kBearer = "Bearer ";
  return request.authorization.starts_with(kBearer) ? request.authorization.substr(kBearer.size())
                                                    : std::string_view();
}

Page refused_page(const Refused& refused) {
  switch (refused.why) {
    case Refused::Why::unauthenticated:
      return refusal(401, refused.text);
    case Refused::Why::forbidden:
      return refusal(403, refused.text);
    case Refused::Why::not_found:
      return refusal(404, refused.text);
    case Refused::Why::too_many:
      return refusal(429, refused.text);
    case Refused::Why::unavailable:
      break;
  }
  return refusal(503, refused.text);
}

std::int64_t whole_seconds(WallTime::duration time) {
  return std::max<std::int64_t>(std::chrono::floor<seconds>(time).count(), 0);
}

json::object shown(const Record& record) {
  const identity::Principal& who = record.principal;
  const bool direct = who.vended.mode == Vended::Mode::direct;
  return {{"lease_id", who.vended.user},
          {"user", who.vended.user},
          {"mode", direct ? "direct" : "proxy"},
          {"principal", who.id},
          {"grants", list(who.vended.grants)},
          {"issued_at", time_text(record.issued)},
          {"expires_at", time_text(who.expires_at)},
          {"max_ttl", whole_seconds(record.last - record.issued)},
          {"renewable", direct && record.last - who.expires_at >= seconds(1)}};
}

Page given_page(const Given& given, WallTime now) {
  const Record& record = given.record;
  json::object body = shown(record);
  body["ok"] = true;
  body["ttl"] = whole_seconds(record.principal.expires_at - now);
  body["limited_by"] = given.limited_by;
  if (!given.password.empty()) body["password"] = given.password.reveal();
  json::array notes = list(given.notes);
  if (!given.name_space.empty()) {
    body["namespace"] = given.name_space;
    if (record.principal.vended.mode == Vended::Mode::direct) {
      notes.emplace_back("Redis knows no namespaces: write full names, " + given.name_space +
                         "KEY instead of KEY");
    }
  }
  if (!notes.empty()) body["notes"] = std::move(notes);
  return page_of(200, body);
}

void give(const ApiRequest& request, const Sources& sources, bool renews,
          std::function<void(Page)> done) {
  Body body = read_body(request.body, renews);
  const std::string_view in_header = bearer(request);
  if (body.wrong.empty() && !body.token.empty() && !in_header.empty())
    body.wrong = "the token is there twice; send it in the header or in the body";
  if (body.wrong.empty() && renews && body.user.empty())
    body.wrong = "name the credential: {\"lease_id\": \"kwd_...\"}";
  if (!body.wrong.empty()) return done(refusal(400, body.wrong));
  const Secret token(body.token.empty() ? std::string(in_header) : std::move(body.token));
  if (token.empty()) {
    return done(refusal(401,
                        "send a token that logs in: 'Authorization: Bearer TOKEN', or "
                        "{\"token\": \"TOKEN\"}"));
  }
  const auto answer = [done = std::move(done),
                       clock = sources.clock](credential::Answer<Given> answered) {
    if (const auto* refused = std::get_if<Refused>(&answered)) return done(refused_page(*refused));
    done(given_page(std::get<Given>(answered), clock->wall()));
  };
  if (renews) {
    return sources.credentials->renew(token, request.caller, body.user, body.wish.ttl, answer);
  }
  sources.credentials->give(token, request.caller, std::move(body.wish), answer);
}

void end(const ApiRequest& request, const Sources& sources, std::optional<Page> not_operator,
         const std::string& user, std::function<void(Page)> done) {
  const std::string_view token = bearer(request);
  // With admin.token_file the header may hold either token; without it whoever sends one means
  // their own.
  const bool is_operator = !not_operator && (sources.token || token.empty());
  if (!is_operator && token.empty()) return done(std::move(*not_operator));
  sources.credentials->end(Secret(is_operator ? std::string() : std::string(token)), request.caller,
                           user, "admin " + std::string(request.peer),
                           [done = std::move(done)](credential::Answer<Record> answer) {
                             if (const auto* refused = std::get_if<Refused>(&answer))
                               return done(refused_page(*refused));
                             const auto& record = std::get<Record>(answer);
                             done(page_of(200, {{"ok", true},
                                                {"ended", record.principal.vended.user},
                                                {"principal", record.principal.id}}));
                           });
}

void show_all(const Sources& sources, std::function<void(Page)> done) {
  sources.credentials->list(
      [done = std::move(done)](credential::Answer<std::vector<Record>> answer) {
        if (const auto* refused = std::get_if<Refused>(&answer))
          return done(refused_page(*refused));
        json::array all;
        for (const Record& record : std::get<std::vector<Record>>(answer)) {
          json::object one = shown(record);
          one["instance"] = record.instance;
          all.push_back(std::move(one));
        }
        done(page_of(200, {{"ok", true}, {"credentials", std::move(all)}}));
      });
}

Page wrong_method(std::string_view allowed) {
  Page page = refusal(405, std::string("use ").append(allowed));
  page.allow = allowed;
  return page;
}

}  // namespace

bool is_credentials(std::string_view path) {
  return path.starts_with(kPath) && (path.size() == kPath.size() || path[kPath.size()] == '/');
}

void credentials(const ApiRequest& request, const Sources& sources,
                 std::optional<Page> not_operator, std::function<void(Page)> done) {
  if (sources.credentials == nullptr || sources.clock == nullptr)
    return done(refusal(503, "not serving yet"));
  if (request.from_browser_page)
    return done(refusal(403, "requests of web pages are refused here"));
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  if (path == kPath) {
    if (request.method == "POST") return give(request, sources, false, std::move(done));
    if (request.method != "GET") return done(wrong_method("GET, POST"));
    if (not_operator) return done(std::move(*not_operator));
    return show_all(sources, std::move(done));
  }
  const std::string rest(path.substr(kPath.size() + 1));
  if (rest == "renew") {
    if (request.method != "POST") return done(wrong_method("POST"));
    return give(request, sources, true, std::move(done));
  }
  if (request.method != "DELETE") return done(wrong_method("DELETE"));
  end(request, sources, std::move(not_operator), rest, std::move(done));
}

}  // namespace keyward::admin
