#include "fleet/revocation_record.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace keyward::fleet {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongestText = 1024;

std::int64_t number(WallTime time) { return time.time_since_epoch().count(); }
WallTime time(std::int64_t microseconds) {
  return WallTime(std::chrono::microseconds(microseconds));
}

// Reads the members of one object; `good` turns false at the first that does not fit.
struct Reader {
  const json::object& from;
  bool good = true;

  std::string text(const char* name) {
    const json::value* found = from.if_contains(name);
    const json::string* out = found == nullptr ? nullptr : found->if_string();
    if (out == nullptr || out->size() > kLongestText) {
      good = false;
      return {};
    }
    return {out->data(), out->size()};
  }
  WallTime at(const char* name) {
    const json::value* found = from.if_contains(name);
    const std::int64_t* out = found == nullptr ? nullptr : found->if_int64();
    if (out == nullptr) good = false;
    return out == nullptr ? WallTime{} : time(*out);
  }
};

}  // namespace

json::object to_json(const RevocationEntry& entry) {
  const identity::Revocation& what = entry.what;
  json::object out{
      {"id", what.id},         {"target", identity::name(what.target)}, {"value", what.value},
      {"at", number(what.at)}, {"until", number(what.until)},           {"by", what.by},
      {"reason", what.reason}};
  if (what.issued_before != WallTime::max()) out["issued_before"] = number(what.issued_before);
  if (entry.lifted) {
    out["lifted"] = json::object{{"at", number(entry.lifted->at)},
                                 {"by", entry.lifted->by},
                                 {"reason", entry.lifted->reason}};
  }
  return out;
}

std::optional<RevocationEntry> from_json(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return std::nullopt;
  Reader read{*object};
  RevocationEntry entry;
  identity::Revocation& what = entry.what;
  what.id = read.text("id");
  const auto target = identity::revocation_target(read.text("target"));
  what.value = read.text("value");
  what.at = read.at("at");
  what.until = read.at("until");
  what.by = read.text("by");
  what.reason = read.text("reason");
  if (object->contains("issued_before")) what.issued_before = read.at("issued_before");
  if (const json::value* lifted = object->if_contains("lifted")) {
    if (!lifted->is_object()) return std::nullopt;
    Reader lift{lifted->get_object()};
    entry.lifted = {lift.at("at"), lift.text("by"), lift.text("reason")};
    read.good = read.good && lift.good;
  }
  if (!read.good || !target || what.id.empty() || what.value.empty()) return std::nullopt;
  what.target = *target;
  return entry;
}

std::string to_record(const RevocationEntry& entry) { return json::serialize(to_json(entry)); }

std::optional<RevocationEntry> from_record(std::string_view id, std::string_view record) {
  boost::system::error_code bad;
  const json::value value = json::parse(record, bad, {}, {.max_depth = 3});
  if (bad) return std::nullopt;
  auto entry = from_json(value);
  if (entry && entry->what.id != id) return std::nullopt;
  return entry;
}

}  // namespace keyward::fleet
