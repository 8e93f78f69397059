#include "audit/ocsf.h"

#include "audit/activity.h"
#include "audit/json_text.h"
#include "audit/redact.h"
#include "audit/subject_json.h"

#include <algorithm>
#include <array>

namespace keyward::audit {
namespace {

constexpr std::string_view kProduct = R"({"name":"Keyward","version":")" KEYWARD_VERSION R"("})";

// What a kind is in OCSF. Severity 1 informational, 2 low, 3 medium, 4 high.
struct Shape {
  std::string_view name;
  unsigned class_uid, category_uid, activity_id;
  std::string_view activity_name;  // where OCSF has no number for it
  unsigned severity_id;
};

constexpr std::array<Shape, 12> kShapes{{
    {"login", 3002, 3, 1, {}, 1},
    {"login_refused", 3002, 3, 1, {}, 3},
    {"session_end", 3002, 3, 2, {}, 1},
    {"command", 6005, 6, 0, {}, 1},
    {"denial", 6005, 6, 0, {}, 3},
    {"lease_create", 3001, 3, 1, {}, 1},
    {"lease_delete", 3001, 3, 6, {}, 1},
    {"policy_loaded", 3004, 3, 3, {}, 1},
    {"start", 6002, 6, 3, {}, 1},
    {"stop", 6002, 6, 4, {}, 1},
    {"gap", 6002, 6, 99, "Audit gap", 4},
    {"drift", 6002, 6, 99, "Drift", 4},
}};

const Shape& shape_of(Kind kind) { return kShapes[static_cast<std::size_t>(kind)]; }

constexpr std::array<std::string_view, 5> kOutcomes{"ok", "error", "denied", "unknown",
                                                    "not_executed"};

bool refused(const Event& event) {
  return event.kind == Kind::denial || event.kind == Kind::login_refused ||
         event.outcome == Outcome::denied;
}

bool about_data(const Event& event) {
  return event.kind == Kind::command || event.kind == Kind::denial;
}

const Subject::Prepared* prepared(const Subject* subject) {
  if (subject == nullptr || subject->prepared.fingerprint == 0) return nullptr;
  return subject->prepared.fingerprint == fingerprint(*subject) ? &subject->prepared : nullptr;
}

void append_status(std::string& out, const Event& event) {
  if (refused(event)) {
    // action 2 Denied, disposition 2 Blocked, 26 Unauthorized
    out.append(event.kind == Kind::login_refused
                   ? R"(,"status_id":2,"action_id":2,"disposition_id":26)"
                   : R"(,"status_id":2,"action_id":2,"disposition_id":2)");
  } else {
    switch (event.outcome) {
      case Outcome::ok:
        out.append(R"(,"status_id":1)");
        break;
      case Outcome::unknown:
        out.append(R"(,"status_id":99,"status":"Unknown")");
        break;
      case Outcome::not_executed:
        out.append(R"(,"status_id":99,"status":"Not executed")");
        break;
      default:
        out.append(R"(,"status_id":2)");
    }
  }
  put_text(out, "status_code", event.error_class);
  put_text(out, "status_detail", event.reason);
}

void append_activity(std::string& out, const Event& event) {
  const Shape& shape = shape_of(event.kind);
  unsigned activity = shape.activity_id;
  std::string_view name = shape.activity_name;
  if (about_data(event)) {
    activity = static_cast<unsigned>(activity_of(event.command, event.reads, event.writes));
    if (activity == 99) name = "Command";
  }
  unsigned severity = shape.severity_id;
  if (event.outcome == Outcome::unknown && severity < 2) severity = 2;
  out.append("\"class_uid\":");
  append_number(out, shape.class_uid);
  put_number(out, "category_uid", shape.category_uid);
  put_number(out, "activity_id", activity);
  put_text(out, "activity_name", name);
  put_number(out, "type_uid", std::uint64_t{shape.class_uid} * 100 + activity);
  put_number(out, "severity_id", severity);
}

// The decision, then who it was about. The grant of what was allowed stands in unmapped only.
void append_actor_object(std::string& out, const Event& event, const Subject::Prepared* ready) {
  out.append(",\"actor\":{");
  if (event.subject == nullptr) {
    out.append("\"app_name\":\"Keyward\"}");
    return;
  }
  if (about_data(event) && !refused(event)) {
    out.append(R"("authorizations":[{"decision":"allowed"}],)");
  } else if (about_data(event)) {
    out.append(R"("authorizations":[{"decision":"denied")");
    const std::string& version = event.subject->policy_version;
    if (!version.empty() || !event.grant.empty() || !event.rule.empty()) {
      out.append(R"(,"policy":{"is_applied":true,"type":"grant")");
      put_text(out, "name", event.grant);
      put_text(out, "uid", event.rule);
      put_text(out, "version", version);
      out.push_back('}');
    }
    out.append("}],");
  }
  if (ready != nullptr) {
    out.append(ready->actor);
  } else {
    append_actor(out, *event.subject);
  }
  out.push_back('}');
}

void append_source_object(std::string& out, const Event& event, const Subject::Prepared* ready) {
  if (ready != nullptr) {
    out.append(ready->source);
  } else if (event.subject != nullptr) {
    append_source(out, *event.subject);
  } else {
    out.append(R"(,"src_endpoint":{"name":"local"})");
  }
}

void append_account(std::string& out, const Event& event) {
  std::string_view user;
  if (event.subject != nullptr) user = event.subject->lease_user;
  if (user.empty()) user = event.detail;
  out.append(R"(,"user":{"type_id":4)");  // 4 Service
  put_text(out, "name", user.empty() ? std::string_view("unknown") : user);
  out.push_back('}');
}

// By the caption OCSF gives the protocol.
unsigned auth_protocol_id(std::string_view name) {
  if (name.empty()) return 0;
  if (name == "OpenID") return 4;
  return name == "OAUTH 2.0" ? 6 : 99;
}

void append_authentication(std::string& out, const Event& event, const std::string& service) {
  static const Subject kNone;
  const Subject& subject = event.subject == nullptr ? kNone : *event.subject;
  out.push_back(',');
  append_user(out, subject);
  append_session(out, subject);
  out.append(service);
  if (event.kind != Kind::session_end) {
    out.append(R"(,"logon_type_id":3,"is_remote":true,"auth_protocol_id":)");  // 3 Network
    append_number(out, auth_protocol_id(subject.auth_protocol));
    put_text(out, "auth_protocol", subject.auth_protocol);
  }
}

// The part of a record that only commands and denials have. True when not all of it is shown.
bool append_request(std::string& out, const Event& event) {
  put_text(out, "command", event.command.substr(0, kCommandLimit));
  put_number(out, "db", event.db);
  const bool keys_cut = append_names(out, "key", event.keys);
  const bool channels_cut = append_names(out, "channel", event.channels);
  if (event.command_number != 0) put_number(out, "command_number", event.command_number);
  if (event.multi_id != 0) put_number(out, "multi_id", event.multi_id);
  if (event.has_affected) put_signed(out, "affected", event.affected);
  if (event.latency_us >= 0) put_signed(out, "latency_us", event.latency_us);
  return keys_cut || channels_cut || event.args.size() > kArgumentsShown;
}

}  // namespace

std::string_view kind_name(Kind kind) { return shape_of(kind).name; }

bool known_kind(std::string_view name) {
  return std::any_of(kShapes.begin(), kShapes.end(),
                     [name](const Shape& shape) { return shape.name == name; });
}

OcsfWriter::OcsfWriter(std::string_view instance, std::string_view stream,
                       std::string_view redis_label) {
  put_text(where_, "instance", instance);
  put_text(where_, "stream", stream);
  metadata_ = R"(,"metadata":{"version":"1.8.0","product":)";
  metadata_.append(kProduct).append(R"(,"uid":")");
  append_escaped(metadata_, instance);
  metadata_.push_back('.');
  append_escaped(metadata_, stream);
  metadata_.push_back('.');
  put_text(database_, "uid", redis_label);
  service_ = R"(,"service":{"name":"Redis")";
  put_text(service_, "uid", redis_label);
  service_.push_back('}');
}

bool OcsfWriter::append_keyward(std::string& out, const Event& event, const Place& place,
                                const Subject::Prepared* ready, std::string_view extra) const {
  bool cut = false;
  out.append(R"({"unmapped":{"keyward":{"prev":")");
  out.append(place.prev);
  out.append(R"(","sequence":)");
  append_number(out, place.sequence);
  out.append(R"(,"time_us":)");
  append_number(out, microseconds(place.time));
  out.append(R"(,"kind":")");
  out.append(kind_name(event.kind));
  out.append(R"(","outcome":")");
  out.append(kOutcomes[static_cast<std::size_t>(event.outcome)]);
  out.push_back('"');
  if (place.clock != place.time) put_number(out, "clock_us", microseconds(place.clock));
  out.append(where_);
  if (about_data(event) || !event.command.empty()) cut = append_request(out, event);
  put_text(out, "node", event.node);
  put_text(out, "error_class", event.error_class);
  put_text(out, "request_id", event.request_id);
  put_text(out, "grant", event.grant);
  put_text(out, "rule", event.rule);
  put_text(out, "reason", event.reason);
  put_text(out, "detail", event.detail);
  if (ready != nullptr) {
    out.append(ready->fields);
  } else if (event.subject != nullptr) {
    append_subject_fields(out, *event.subject);
  }
  out.append(extra);
  out.append("}},");
  return cut;
}

void OcsfWriter::append_metadata(std::string& out, const Event& event, const Place& place,
                                 bool cut) const {
  out.append(metadata_);
  append_number(out, place.sequence);
  out.push_back('"');
  put_number(out, "sequence", place.sequence);
  put_number(out, "logged_time", milliseconds(place.time));
  if (refused(event)) out.append(R"(,"profiles":["security_control"])");
  if (cut) out.append(R"(,"is_truncated":true)");
  out.push_back('}');
}

void OcsfWriter::append_database(std::string& out, const Event& event) const {
  out.append(R"(,"database":{"type_id":6,"name":")");  // 6 NoSQL
  append_number(out, event.db);
  out.push_back('"');
  out.append(database_);
  out.append(R"(},"query_info":{"name":")");
  append_escaped(out, event.command.substr(0, kCommandLimit));
  out.append(R"(","query_string":")");
  append_query(out, event);
  out.append("\"}");
}

void OcsfWriter::append_class(std::string& out, const Event& event,
                              const Subject::Prepared* ready) const {
  switch (shape_of(event.kind).class_uid) {
    case 6005:
      append_actor_object(out, event, ready);
      append_source_object(out, event, ready);
      append_database(out, event);
      break;
    case 3002:
      append_actor_object(out, event, ready);
      append_authentication(out, event, service_);
      append_source_object(out, event, ready);
      break;
    case 3001:
      append_actor_object(out, event, ready);
      append_account(out, event);
      break;
    case 3004:
      append_actor_object(out, event, ready);
      out.append(R"(,"entity":{"type_id":5,"type":"Policy","name":"policy")");
      put_text(out, "version", event.detail);
      out.push_back('}');
      break;
    default:
      out.append(",\"app\":");
      out.append(kProduct);
  }
}

void OcsfWriter::append(std::string& out, const Event& event, const Place& place,
                        std::string_view extra) const {
  const Subject::Prepared* ready = prepared(event.subject);
  const bool cut = append_keyward(out, event, place, ready, extra);
  append_activity(out, event);
  put_number(out, "time", milliseconds(place.time));
  append_status(out, event);
  append_metadata(out, event, place, cut);
  append_class(out, event, ready);
  out.push_back('}');
}

}  // namespace keyward::audit
