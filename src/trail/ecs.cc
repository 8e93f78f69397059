#include "keyward/trail/ecs.h"

#include "trail/json_out.h"

#include "keyward/trail/times.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>

namespace keyward::trail {
namespace {

// event.category and event.type of a kind, from the lists that ECS allows (schemas/event.yml).
struct Shape {
  std::string_view kind, category, type;
};
constexpr std::array<Shape, 26> kShapes{{
    {"login", R"(["authentication"])", R"(["start"])"},
    {"login_refused", R"(["authentication"])", R"(["start","denied"])"},
    {"session_end", R"(["authentication"])", R"(["end"])"},
    {"session", R"(["iam"])", R"(["info"])"},
    {"break_glass", R"(["iam"])", R"(["admin","change"])"},
    {"break_glass_end", R"(["iam"])", R"(["admin","change"])"},
    {"lease_create", R"(["iam"])", R"(["user","creation"])"},
    {"lease_delete", R"(["iam"])", R"(["user","deletion"])"},
    {"credential_issue", R"(["iam"])", R"(["user","creation"])"},
    {"credential_renew", R"(["iam"])", R"(["user","change"])"},
    {"credential_end", R"(["iam"])", R"(["user","deletion"])"},
    {"revocation", R"(["iam"])", R"(["admin","change"])"},
    {"revocation_lifted", R"(["iam"])", R"(["admin","change"])"},
    {"policy_loaded", R"(["configuration"])", R"(["change"])"},
    {"admin_call", R"(["configuration"])", R"(["access"])"},
    {"trigger_started", R"(["process"])", R"(["start"])"},
    {"trigger_refused", R"(["process"])", R"(["start","denied"])"},
    {"trigger_dead", R"(["process"])", R"(["info"])"},
    {"drift", R"(["configuration"])", R"(["change"])"},
    {"script", R"(["configuration"])", R"(["creation"])"},
    {"start", R"(["process"])", R"(["start"])"},
    {"stop", R"(["process"])", R"(["end"])"},
    {"segment", R"(["process"])", R"(["info"])"},
    {"checkpoint", R"(["process"])", R"(["info"])"},
    {"gap", R"(["process"])", R"(["info"])"},
    {"", R"(["process"])", R"(["info"])"},  // a kind that a later Keyward wrote
}};

const Shape& shape_of(std::string_view kind) {
  const auto found = std::find_if(kShapes.begin(), kShapes.end(),
                                  [kind](const Shape& shape) { return shape.kind == kind; });
  return found == kShapes.end() ? kShapes.back() : *found;
}

// By OCSF's activities of class 6005: 1 Read, 4 Query, 6 Create, 7 Delete, 8 List.
std::string_view data_type(const Record& record) {
  const bool denied = record.outcome == Outcome::denied;
  switch (record.activity_id) {
    case 1:
    case 8:
    case 99:
      return denied ? R"(["access","denied"])" : R"(["access"])";
    case 4:
      return denied ? R"(["access","change","denied"])" : R"(["access","change"])";
    case 6:
      return denied ? R"(["creation","denied"])" : R"(["creation"])";
    case 7:
      return denied ? R"(["deletion","denied"])" : R"(["deletion"])";
    default:
      return denied ? R"(["change","denied"])" : R"(["change"])";
  }
}

std::string_view outcome_text(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return "success";
    case Outcome::error:
    case Outcome::denied:
    case Outcome::not_executed:
      return "failure";
    default:
      return "unknown";
  }
}

void put_event(JsonOut& json, const Record& record, std::string_view id) {
  json.object("event", [&] {
    json.text("kind", "event");
    json.raw("category", record.data() ? R"(["database"])" : shape_of(record.kind).category);
    json.raw("type", record.data() ? data_type(record) : shape_of(record.kind).type);
    json.text("action", record.data() && !record.command.empty() ? record.command : record.kind);
    json.text("outcome", outcome_text(record.outcome));
    json.text("module", "keyward");
    json.text("dataset", "keyward.audit");
    json.text("id", id);
    json.number("sequence", static_cast<std::int64_t>(record.sequence));
    json.text("reason", record.reason);
    if (record.latency_us >= 0 && record.latency_us < INT64_MAX / 1000)
      json.number("duration", record.latency_us * 1000);  // nanoseconds
  });
}

void put_user(JsonOut& json, const Record& record) {
  json.object("user", [&] {
    json.text("id", record.principal);
    json.text("name", record.user.empty() ? record.by : record.user);
    json.text("domain", record.issuer);
    json.names("roles", record.grants);
    json.object("target", [&] { json.text("name", record.account); });
  });
}

// The type `ip` takes an address and nothing else: a zone (fe80::1%eth0) would lose the whole
// record.
bool is_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> name{};
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  if (text.empty() || text.size() >= name.size()) return false;
  text.copy(name.data(), text.size());
  return ::inet_pton(AF_INET, name.data(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, name.data(), bytes.data()) == 1;
}

void put_source(JsonOut& json, const Record& record) {
  json.object("source", [&] {
    json.text("address", record.source_ip);
    if (is_address(record.source_ip)) json.text("ip", record.source_ip);
    json.count("port", record.source_port);
  });
}

// "TLSv1.3" is the version 1.3 of the protocol tls.
void put_tls(JsonOut& json, const Record& record) {
  if (record.tls_version.empty()) return;
  json.object("tls", [&] {
    const bool known = record.tls_version.starts_with("TLSv");
    json.text("version", known ? record.tls_version.substr(4) : record.tls_version);
    json.text("version_protocol", "tls");
    json.text("cipher", record.tls_cipher);
    json.yes("established");
  });
}

void put_rule(JsonOut& json, const Record& record) {
  json.object("rule", [&] {
    json.text("id", record.rule);
    json.text("name", record.grant);
    if (!record.rule.empty()) json.text("version", record.policy_version);
  });
}

void put_related(JsonOut& json, const Record& record) {
  json.object("related", [&] {
    std::array<std::string_view, 4> users{};
    std::size_t count = 0;
    for (const std::string_view user :
         {record.principal, record.user, record.user_alt, record.account}) {
      if (!user.empty() &&
          std::find(users.begin(), users.begin() + count, user) == users.begin() + count)
        users[count++] = user;
    }
    json.names("user", std::span(users).first(count));
    if (is_address(record.source_ip)) json.names("ip", std::span(&record.source_ip, 1));
  });
}

void put_keyward(JsonOut& json, const Record& record) {
  json.object("keyward", [&] {
    json.text("kind", record.kind);
    json.text("outcome", name_of(record.outcome));
    json.text("instance", record.instance);
    json.text("stream", record.stream);
    json.text("session", record.session);
    json.count("connection_id", record.connection);
    json.text("listener", record.listener);
    json.text("lease_user", record.lease_user);
    json.text("policy_version", record.policy_version);
    json.text("token_digest", record.token_digest);
    json.text("token_id", record.token_id);
    json.names("groups", record.groups);
    json.text("issuer", record.issuer_url);
    json.text("client_name", record.client_name);
    json.text("client_library", record.client_library);
    if (record.has_db) json.number("db", record.db);
    json.text("command", record.command);
    json.names("keys", record.keys);
    json.count("key_count", record.key_count);
    json.names("channels", record.channels);
    json.count("channel_count", record.channel_count);
    json.names("calls", record.calls);
    json.names("attested", record.attested);
    json.count("command_number", record.command_number);
    json.count("multi_id", record.multi_id);
    json.count("repeated", record.repeated);
    json.text("script_sha1", record.script_sha1);
    json.text("function", record.function);
    json.text("library", record.library);
    json.text("operation", record.operation);
    if (record.affected) json.number("affected", *record.affected);
    json.text("request_id", record.request_id);
    json.text("would_deny", record.would_deny);
    json.text("nearest_grant", record.nearest_grant);
    json.text("nearest_rule", record.nearest_rule);
    json.text("detail", record.detail);
    json.text("revocation", record.revocation);
    json.text("by", record.by);
  });
}

}  // namespace

void append_ecs(const Record& record, std::string& out) {
  std::string id(record.instance);
  id.append(".").append(record.stream).append(".").append(std::to_string(record.sequence));
  JsonOut json(out);
  json.text("@timestamp", time_text(record.time_us));
  json.object("ecs", [&] { json.text("version", kEcsVersion); });
  json.text("message", !record.query.empty()    ? record.query
                       : !record.detail.empty() ? record.detail
                       : !record.reason.empty() ? record.reason
                                                : record.kind);
  put_event(json, record, id);
  put_user(json, record);
  put_source(json, record);
  put_tls(json, record);
  put_rule(json, record);
  if (!record.status_code.empty())
    json.object("error", [&] { json.text("code", record.status_code); });
  if (!record.node.empty()) json.object("server", [&] { json.text("address", record.node); });
  json.object("service", [&] { json.text("type", "redis"); });
  json.object("observer", [&] {
    json.text("vendor", "Keyward");
    json.text("product", "Keyward");
    json.text("type", "proxy");
    json.text("name", record.instance);
  });
  put_related(json, record);
  put_keyward(json, record);
  json.finish();
}

}  // namespace keyward::trail
