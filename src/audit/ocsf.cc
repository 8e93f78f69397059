#include "audit/ocsf.h"

#include "audit/subject_json.h"

#include "keyward/audit/json_text.h"
#include "keyward/audit/line_head.h"

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

constexpr std::array<Shape, 28> kShapes{{
    {"login", 3002, 3, 1, {}, 1},
    {"login_refused", 3002, 3, 1, {}, 3},
    {"session_end", 3002, 3, 2, {}, 1},
    {"command", 6005, 6, 0, {}, 1},  // see data_record.cc, also for the next
    {"denial", 6005, 6, 0, {}, 3},
    {"lease_create", 3001, 3, 1, {}, 1},
    {"lease_delete", 3001, 3, 6, {}, 1},
    {"policy_loaded", 3004, 3, 3, {}, 1},
    {"start", 6002, 6, 3, {}, 1},
    {"stop", 6002, 6, 4, {}, 1},
    {"gap", 6002, 6, 99, "Audit gap", 4},
    {"drift", 6002, 6, 99, "Drift", 4},
    {"session", 3003, 3, 1, {}, 1},
    {"break_glass", 3003, 3, 1, {}, 4},
    {"break_glass_end", 3003, 3, 99, "Revoke Privileges", 2},
    {"segment", 6002, 6, 99, "Audit segment", 1},
    {"checkpoint", 6002, 6, 99, "Audit checkpoint", 1},
    {"intent", 6005, 6, 0, {}, 1},  // see data_record.cc
    {"revocation", 3004, 3, 1, {}, 3},
    {"revocation_lifted", 3004, 3, 4, {}, 3},
    {"credential_issue", 3001, 3, 1, {}, 1},
    {"credential_renew", 3001, 3, 99, "Renew", 1},
    {"credential_end", 3001, 3, 6, {}, 1},
    {"script", 3004, 3, 1, {}, 1},
    {"admin_call", 6003, 6, 0, {}, 1},  // the event says which activity
    {"trigger_started", 6003, 6, 1, {}, 1},
    {"trigger_refused", 6003, 6, 1, {}, 3},
    {"trigger_dead", 6003, 6, 1, {}, 3},
}};

const Shape& shape_of(Kind kind) { return kShapes[static_cast<std::size_t>(kind)]; }

constexpr std::array<std::string_view, 5> kOutcomes{"ok", "error", "denied", "unknown",
                                                    "not_executed"};

bool refused(const Event& event) {
  return event.kind == Kind::login_refused || event.outcome == Outcome::denied;
}

const Subject& subject_of(const Event& event) {
  static const Subject kNobody;
  return event.subject == nullptr ? kNobody : *event.subject;
}

char* put_status(char* at, const Event& event) {
  if (refused(event)) {
    // action 2 Denied, disposition 2 Blocked, 26 Unauthorized
    at = put(at, event.kind == Kind::login_refused
                     ? std::string_view(R"(,"status_id":2,"action_id":2,"disposition_id":26)")
                     : R"(,"status_id":2,"action_id":2,"disposition_id":2)");
  } else {
    at = put(at, event.outcome == Outcome::ok ? std::string_view(R"(,"status_id":1)")
                                              : R"(,"status_id":2)");
  }
  at = put_text(at, "status_code", event.error_class);
  return put_text(at, "status_detail", event.reason);
}

char* put_activity(char* at, const Event& event) {
  const Shape& shape = shape_of(event.kind);
  at = put(put(at, "\"class_uid\":"), std::uint64_t{shape.class_uid});
  at = put_number(at, "category_uid", shape.category_uid);
  const unsigned activity = event.activity != 0 ? event.activity : shape.activity_id;
  at = put_number(at, "activity_id", activity);
  at = put_text(at, "activity_name", shape.activity_name);
  at = put_number(at, "type_uid", std::uint64_t{shape.class_uid} * 100 + activity);
  return put_number(at, "severity_id", shape.severity_id);
}

char* put_actor_object(char* at, const Event& event) {
  at = put(at, ",\"actor\":{");
  at = event.subject == nullptr ? put(at, "\"app_name\":\"Keyward\"")
                                : put_actor(at, *event.subject);
  if (!event.by.empty()) {
    at = put(at, R"(,"user":{"type_id":2)");  // 2 Admin
    at = put(put_text(at, "name", event.by), '}');
  }
  return put(at, '}');
}

char* put_account(char* at, const Event& event) {
  std::string_view user = subject_of(event).lease_user;
  if (user.empty()) user = event.detail;
  at = put(at, R"(,"user":{"type_id":4)");  // 4 Service
  at = put_text(at, "name", user.empty() ? std::string_view("unknown") : user);
  return put(at, '}');
}

// What is managed: the policy, or a revocation.
char* put_entity(char* at, const Event& event) {
  if (event.kind == Kind::policy_loaded) {
    at = put(at, R"(,"entity":{"type_id":5,"type":"Policy","name":"policy")");
    return put(put_text(at, "version", event.detail), '}');
  }
  if (event.kind == Kind::script) {
    at = put(at, R"(,"entity":{"type_id":99,"type":"Script")");
    return put(put_text(put_text(at, "uid", event.script), "name", event.detail), '}');
  }
  at = put(at, R"(,"entity":{"type_id":99,"type":"Revocation")");
  return put(put_text(put_text(at, "uid", event.revocation), "name", event.detail), '}');
}

// Who called what, from where. type 2 Admin; 4 Service: who caused the event of a trigger, and in
// which session if it came by one.
char* put_call(char* at, const Event& event) {
  at = put(at, event.kind == Kind::admin_call ? std::string_view(R"(,"actor":{"user":{"type_id":2)")
                                              : R"(,"actor":{"user":{"type_id":4)");
  at = put(put_text(at, "name", event.by), '}');
  if (const auto& session = subject_of(event).session_id; !session.empty())
    at = put(put_bounded(put(at, R"(,"session":{"uid":")"), session), R"("})");
  at = put_bounded(put(at, R"(},"api":{"operation":")"), event.detail);
  at = put(at, R"("})");
  return put_source(at, subject_of(event));
}

// By the caption OCSF gives the protocol.
std::uint64_t auth_protocol_id(std::string_view name) {
  if (name.empty()) return 0;
  if (name == "OpenID") return 4;
  return name == "OAUTH 2.0" ? 6 : 99;
}

bool asked_for(Kind kind) {
  return kind == Kind::credential_issue || kind == Kind::credential_renew;
}

// What of a request stands in a record that is not about data.
char* put_request(char* at, const Event& event) {
  if (event.request != nullptr) at = put(put(at, event.request->names()), event.request->query());
  if (event.command_number != 0) at = put_number(at, "command_number", event.command_number);
  if (event.multi_id != 0) at = put_number(at, "multi_id", event.multi_id);
  return at;
}

}  // namespace

std::string_view kind_name(Kind kind) { return shape_of(kind).name; }

bool known_kind(std::string_view name) {
  return std::any_of(kShapes.begin(), kShapes.end(),
                     [name](const Shape& shape) { return shape.name == name; });
}

char* put_decision(char* at, const Event& event) {
  if (!event.grant.empty()) at = put(put_bounded(put(at, R"(,"grant":")"), event.grant), '"');
  if (event.rule.empty()) return at;
  at = put_bounded(put(at, R"(,"rule":")"), event.rule);
  if (event.rule_line >= 0) at = put(put(at, ':'), static_cast<std::uint64_t>(event.rule_line));
  return put(at, '"');
}

char* put_repeats(char* at, const Event& event, std::uint64_t time_ms) {
  if (event.repeated == 0) return at;
  at = put_number(at, "count", event.repeated);
  at = put_number(at, "start_time", milliseconds(event.repeated_since));
  return put_number(at, "end_time", time_ms);
}

OcsfWriter::OcsfWriter(std::string_view instance, std::string_view stream,
                       std::string_view redis_label)
    : node_(redis_label) {
  append_filled(where_, 4 * kTextLimit * kGrowth, [&](char* at) {
    return put_text(put_text(at, "instance", instance), "stream", stream);
  });
  metadata_ = R"(,"metadata":{"version":"1.8.0","product":)";
  metadata_.append(kProduct).append(R"(,"uid":")");
  metadata_.append(instance).append(".").append(stream).append(".");  // plain: see trail_files.h
  append_filled(service_, 2 * kTextLimit * kGrowth, [&](char* at) {
    return put(put_text(put(at, R"(,"service":{"name":"Redis")"), "uid", redis_label), '}');
  });
}

char* OcsfWriter::put_keyward(char* at, const Event& event, const RecordPlace& place,
                              std::string_view extra) const {
  at = put(put(at, '{'), kChainOpening);
  at = put(at, place.prev);
  at = put(put(at, R"(","sequence":)"), place.sequence.text());
  at = put(put(at, R"(,"time_us":)"), place.time.text());
  at = put_text(at, "kind", kind_name(event.kind));
  at = put_text(at, "outcome", kOutcomes[static_cast<std::size_t>(event.outcome)]);
  if (place.clock.number() != place.time.number())
    at = put_number(at, "clock_us", place.clock.number());
  at = put(at, where_);
  at = put_request(at, event);
  at = put_text(at, "node", event.kind == Kind::session ? std::string_view(node_) : event.node);
  at = put_text(at, "error_class", event.error_class);
  at = put_text(at, "request_id", event.request_id);
  at = put_decision(at, event);
  at = put_text(at, "reason", event.reason);
  if (event.repeated > 0) at = put_number(at, "repeated", event.repeated);
  at = put_text(at, "detail", event.detail);
  at = put_text(at, "revocation", event.revocation);
  at = put_text(at, "by", event.by);
  if (event.subject != nullptr) at = put_subject_fields(at, *event.subject);
  return put(put(at, extra), "}},");
}

char* OcsfWriter::put_metadata(char* at, const Event& event, const RecordPlace& place) const {
  at = put(put(put(at, metadata_), place.sequence.text()), '"');
  if (refused(event)) at = put(at, R"(,"profiles":["security_control"])");
  return put(at, '}');
}

char* OcsfWriter::put_authentication(char* at, const Event& event) const {
  const Subject& subject = subject_of(event);
  at = put_session(put_user(put(at, ','), subject), subject);
  at = put(at, service_);
  if (event.kind == Kind::session_end) return at;
  at = put(at, R"(,"logon_type_id":3,"is_remote":true,"auth_protocol_id":)");  // 3 Network
  at = put(at, auth_protocol_id(subject.auth_protocol));
  return put_text(at, "auth_protocol", subject.auth_protocol);
}

char* OcsfWriter::put_class(char* at, const Event& event) const {
  const Subject& subject = subject_of(event);
  switch (shape_of(event.kind).class_uid) {
    case 3001:
      at = put_account(put_actor_object(at, event), event);
      // Users of leases are made by Keyward itself, credentials because somebody asked from there.
      return asked_for(event.kind) ? put_source(at, subject) : at;
    case 3002:
      at = put_authentication(put_actor_object(at, event), event);
      return put_source(at, subject);
    case 3003:
      at = put_issuer(put(at, R"(,"actor":{"app_name":"Keyward")"), subject);
      at = put_session(put_user(put(at, "},"), subject), subject);
      return put_source(put_privileges(at, subject), subject);
    case 6003:
      return put_call(at, event);
    case 3004:
      return put_entity(put_actor_object(at, event), event);
    default:
      return put(put(at, ",\"app\":"), kProduct);
  }
}

char* OcsfWriter::write(char* at, const Event& event, const RecordPlace& place,
                        std::string_view extra) const {
  at = put_keyward(at, event, place, extra);
  at = put_activity(at, event);
  at = put(put(at, R"(,"time":)"), milliseconds_of(place.time));
  at = put_repeats(at, event, place.time.number() / 1000);
  at = put_status(at, event);
  at = put_metadata(at, event, place);
  return put(put_class(at, event), '}');
}

}  // namespace keyward::audit
