#include "audit/data_record.h"

#include "audit/activity.h"
#include "audit/ocsf.h"
#include "audit/redact.h"
#include "audit/subject_json.h"

#include "keyward/audit/json_text.h"
#include "keyward/audit/line_head.h"

#include <algorithm>
#include <array>

namespace keyward::audit {
namespace {

const RequestText kNoRequest{};

// Four bounded texts, the names of instance and stream, and what stands between them.
constexpr std::size_t kOpeningSize = 4 * (kTextLimit + 32) * kGrowth + 1024;

// Indexed by activity; what is not in OCSF's list is 99 Other, which has to be named.
constexpr std::array<std::string_view, 9> kActivities{"",
                                                      R"(,"activity_id":1,"type_uid":600501)",
                                                      R"(,"activity_id":2,"type_uid":600502)",
                                                      "",
                                                      R"(,"activity_id":4,"type_uid":600504)",
                                                      R"(,"activity_id":5,"type_uid":600505)",
                                                      R"(,"activity_id":6,"type_uid":600506)",
                                                      R"(,"activity_id":7,"type_uid":600507)",
                                                      R"(,"activity_id":8,"type_uid":600508)"};

std::string_view activity_text(std::uint8_t activity) {
  if (activity < kActivities.size() && !kActivities[activity].empty()) return kActivities[activity];
  return R"(,"activity_id":99,"activity_name":"Command","type_uid":600599)";
}

// How a line begins that tells of nothing but success; for all others these first bytes are
// exchanged, and the whole line is hashed. Severity: 1 informational, 2 low, 3 medium. Action 2
// Denied, disposition 2 Blocked.
constexpr std::string_view kWentWell =
    R"({"class_uid":6005,"category_uid":6,"severity_id":1,"status_id":1)";
static_assert(kWentWell.starts_with(kDataOpening));

std::string_view beginning_of(const Event& event) {
  if (event.kind == Kind::denial)
    return R"({"class_uid":6005,"category_uid":6,"severity_id":3,"status_id":2,"action_id":2,"disposition_id":2)";
  if (event.kind == Kind::intent)
    return R"({"class_uid":6005,"category_uid":6,"severity_id":1,"status_id":99,"status":"Intent")";
  switch (event.outcome) {
    case Outcome::ok:
      return kWentWell;
    case Outcome::unknown:
      return R"({"class_uid":6005,"category_uid":6,"severity_id":2,"status_id":99,"status":"Unknown")";
    case Outcome::not_executed:
      return R"({"class_uid":6005,"category_uid":6,"severity_id":1,"status_id":99,"status":"Not executed")";
    default:
      return R"({"class_uid":6005,"category_uid":6,"severity_id":1,"status_id":2)";
  }
}

// Said where OCSF's status does not say it all.
std::string_view outcome_text(const Event& event) {
  switch (event.outcome) {
    case Outcome::unknown:
      return R"(,"outcome":"unknown")";
    case Outcome::not_executed:
      return R"(,"outcome":"not_executed")";
    case Outcome::error:
      return R"(,"outcome":"error")";
    default:
      return {};  // ok; and that a denial was denied, its kind says
  }
}

// What a grant that only observes let pass. Of OCSF: action 3 Observed, disposition 17 Logged.
char* put_objection(char* at, const Event& event) {
  if (event.would_deny.empty()) return at;
  at = put_text(at, "would_deny", event.would_deny);
  at = put_text(at, "nearest_grant", event.nearest_grant);
  if (event.nearest_rule.empty()) return at;
  at = put_bounded(put(at, R"(,"nearest_rule":")"), event.nearest_rule);
  if (event.nearest_line >= 0)
    at = put(put(at, ':'), static_cast<std::uint64_t>(event.nearest_line));
  return put(at, '"');
}

// ,"attested":["orders","jobs"]
char* put_attested(char* at, std::span<const std::string_view> triggers) {
  if (triggers.empty()) return at;
  at = put(at, R"(,"attested":)");
  char separator = '[';
  for (const std::string_view trigger : triggers.first(std::min(triggers.size(), kNamesListed))) {
    at = put(put_bounded(put(put(at, separator), '"'), trigger), '"');
    separator = ',';
  }
  return put(at, ']');
}

}  // namespace

DataRecords::DataRecords(std::string_view instance, std::string_view stream,
                         std::string_view redis_label)
    : node_(redis_label) {
  metadata_ = R"(,"metadata":{"version":"1.8.0","product":{"name":"Keyward"},"uid":")";
  metadata_.append(instance).append(".").append(stream).append(".");  // plain: see trail_files.h
}

Opening DataRecords::open(const Subject& subject, std::uint32_t db, std::uint64_t chapter) const {
  Opening opening;
  opening.chapter = chapter;
  opening.db = db;
  std::array<char, kOpeningSize> text;
  char* at = put(put(text.data(), kWentWell), R"(,"actor":{"user":{"name":")");
  at = put_bounded(at, name_of(subject));
  at = put(put_text(put(at, '"'), "uid", subject.principal), '}');
  if (!subject.session_id.empty()) {
    at = put_bounded(put(at, R"(,"session":{"uid":")"), subject.session_id);
    at = put(at, R"("})");
  }
  at = put_source(put(at, '}'), subject);
  at = put(at, R"(,"database":{"type_id":6,"name":")");  // 6 NoSQL
  at = put(put(put(at, std::uint64_t{db}), R"("})"), metadata_);
  opening.text.assign(text.data(), static_cast<std::size_t>(at - text.data()));
  opening.hashed = opening.text.size() / Sha256::kBlock * Sha256::kBlock;
  Sha256 hash;
  hash.add(std::string_view(opening.text).substr(0, opening.hashed));
  opening.state = hash.state();
  return opening;
}

// The members of unmapped.keyward behind the chain's own.
char* DataRecords::put_facts(char* at, const Event& event, const RecordPlace& place) const {
  at = put(at, outcome_text(event));
  if (place.clock.number() != place.time.number())
    at = put_number(at, "clock_us", place.clock.number());
  if (event.command_number != 0) at = put(put(at, R"(,"command_number":)"), event.command_number);
  if (event.multi_id != 0) at = put_number(at, "multi_id", event.multi_id);
  if (event.has_affected) at = put_signed(put(at, R"(,"affected":)"), event.affected);
  if (event.latency_us >= 0)
    at = put(put(at, R"(,"latency_us":)"), static_cast<std::uint64_t>(event.latency_us));
  if (event.node != node_) at = put_text(at, "node", event.node);
  at = put_text(at, "request_id", event.request_id);
  at = put(at, event.request == nullptr ? std::string_view{} : event.request->names());
  at = put_decision(at, event);
  at = put_objection(at, event);
  at = put_attested(at, event.attested);
  if (event.repeated > 0) at = put_number(at, "repeated", event.repeated);
  return put_text(at, "detail", event.detail);
}

char* DataRecords::write(char* at, const Event& event, const RecordPlace& place,
                         const Opening& opening) const {
  const RequestText& request = event.request == nullptr ? kNoRequest : *event.request;
  if (went_well(event)) {
    at = put(at, opening.text);
  } else {
    at = put(at, beginning_of(event));
    at = put(at, std::string_view(opening.text).substr(kWentWell.size()));
  }
  at = put(put(at, place.sequence.text()), '"');
  const bool observed = !event.would_deny.empty();
  if (event.kind == Kind::denial || observed) at = put(at, R"(,"profiles":["security_control"])");
  if (request.cut) at = put(at, R"(,"is_truncated":true)");
  at = put(at, R"(},"unmapped":{"keyward":{"prev":")");
  at = put(at, place.prev);
  at = put(at, R"(","sequence":)");
  at = put(at, place.sequence.text());
  at = put(at, R"(,"time_us":)");
  at = put(at, place.time.text());
  at = put(at, event.kind == Kind::denial   ? std::string_view(R"(,"kind":"denial")")
               : event.kind == Kind::intent ? R"(,"kind":"intent")"
                                            : R"(,"kind":"command")");
  at = put_facts(at, event, place);
  at = put(at, "}}");
  at = put(at, activity_text(request.activity));
  at = put(at, R"(,"time":)");
  at = put(at, milliseconds_of(place.time));
  at = put_repeats(at, event, place.time.number() / 1000);
  at = put_text(at, "status_code", event.error_class);
  if (observed) at = put(at, R"(,"action_id":3,"disposition_id":17)");
  at = put_text(at, "status_detail",
                observed && event.reason.empty() ? std::string_view("would_deny") : event.reason);
  at = put(at, request.query());
  return put(at, '}');
}

}  // namespace keyward::audit
