#include "policy/trigger_reader.h"

#include "policy/grant_reader.h"
#include "policy/territory.h"
#include "policy/trigger_target_reader.h"

#include "keyward/base/ascii.h"
#include "keyward/policy/trigger_places.h"

#include <boost/json/parse.hpp>

#include <algorithm>

namespace keyward::policy {
namespace {

namespace json = boost::json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = TriggerSource::Kind;

constexpr std::size_t kLongestName = 512;
constexpr std::size_t kMostFrom = 64;

Place place_of(const yaml::Node& node) { return {node.file(), node.line(), node.column()}; }

// A name of Redis, exactly as it is; for expiring keys a glob.
std::string read_redis_name(const yaml::Node& node, bool glob) {
  const std::optional<std::string> name = node.text();
  if (!name) {
    if (!node.present()) node.error("an empty name", "shop:orders");
    return {};
  }
  const bool plain = std::all_of(name->begin(), name->end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '\x7f';
  });
  if (name->empty() || name->size() > kLongestName || !plain) {
    node.error("a name has 1 to 512 bytes, none of them white space or a control byte",
               "shop:orders");
  } else if (!glob && name->find_first_of("*?[]\\") != std::string::npos) {
    node.error("this is one name and no pattern", "shop:orders");
  } else if (std::string_view(*name).substr(0, kOwnKeys.size()) == kOwnKeys ||
             (glob && std::string_view("*?[").find(name->front()) != std::string_view::npos)) {
    node.error("names that begin with keyward: are Keyward's own", "a prefix of the team's own");
  } else {
    return *name;
  }
  return {};
}

TriggerSource read_source(const yaml::Node& node) {
  TriggerSource out;
  out.group = "keyward";
  if (!node.present()) return out;
  const yaml::Node stream = node.get("stream");
  const yaml::Node channel = node.get("channel");
  const yaml::Node expired = node.get("expired");
  if (int{stream.present()} + int{channel.present()} + int{expired.present()} != 1) {
    node.error("a source is one of a stream, a channel and expiring keys",
               "{stream: \"shop:orders\"}, {channel: \"shop:orders\"} or {expired: "
               "\"shop:timer:*\"}");
    return out;
  }
  if (stream.present()) {
    node.only({"stream", "group"});
    out.kind = Kind::stream;
    out.name = read_redis_name(stream, false);
    if (const yaml::Node group = node.get("group"); group.present()) out.group = read_name(group);
  } else {
    node.only({channel.present() ? "channel" : "expired"});
    out.kind = channel.present() ? Kind::channel : Kind::expired;
    out.name = read_redis_name(channel.present() ? channel : expired, expired.present());
  }
  return out;
}

void read_from(const yaml::Node& node, TriggerModel& out) {
  for (const yaml::Node& item : node.list()) {
    const std::string name = read_name(item);
    if (name.empty()) continue;
    if (out.from.size() == kMostFrom) {
      item.error("a trigger has at most 64 grants in `from`");
      break;
    }
    out.from.push_back({name, place_of(item)});
    out.rule.from.push_back(name);
  }
  if (node.is_list() && node.list().empty()) node.error("`from` names no grant", "[shop-producer]");
  std::sort(out.rule.from.begin(), out.rule.from.end());
  if (const auto twice = std::adjacent_find(out.rule.from.begin(), out.rule.from.end());
      twice != out.rule.from.end())
    node.error("`from` names " + *twice + " twice");
}

// Scalars as YAML 1.2's JSON schema has them: quoted ones are texts, others may be values.
json::value read_input(const yaml::Node& node, Kind source) {
  if (!node.present()) return nullptr;
  if (node.is_map()) {
    json::object out;
    for (const auto& [key, child] : node.entries()) out[key] = read_input(child, source);
    return out;
  }
  if (node.is_list()) {
    json::array out;
    for (const yaml::Node& child : node.list()) out.push_back(read_input(child, source));
    return out;
  }
  const std::string text = node.text().value_or("");
  if (!node.is_quoted()) {
    boost::system::error_code code;
    const json::value value = json::parse(text, code);
    if (!code && (value.is_bool() || value.is_number())) return value;
  }
  if (const auto pieces = input_pieces(text, source); !pieces) node.error(pieces.error().message());
  return json::string(text);
}

void read_within(const yaml::Node& node, milliseconds low, milliseconds high,
                 const std::string& range, milliseconds& out) {
  if (!node.present()) return;
  const auto value = node.duration();
  if (!value) return;
  if (*value < low || *value > high) return node.error("it is " + range);
  out = *value;
}

void read_count(const yaml::Node& node, std::int64_t most, std::uint32_t& out) {
  if (!node.present()) return;
  if (const auto count = node.integer(1, most)) out = static_cast<std::uint32_t>(*count);
}

void read_pace(const yaml::Node& node, TriggerRule& out) {
  read_count(node.get("rate"), 100'000, out.rate);
  read_count(node.get("concurrency"), 1024, out.concurrency);
  if (const yaml::Node retry = node.get("retry"); retry.present()) {
    retry.only({"attempts", "first", "most"});
    read_count(retry.get("attempts"), 1000, out.retry.attempts);
    read_within(retry.get("first"), milliseconds(10), hours(1), "10ms to 1h", out.retry.first);
    read_within(retry.get("most"), milliseconds(10), hours(1), "10ms to 1h", out.retry.most);
    if (out.retry.most < out.retry.first)
      retry.error("`most` is shorter than `first`", "first: 500ms, most: 1m");
  }
  if (const yaml::Node breaker = node.get("breaker"); breaker.present()) {
    breaker.only({"failures", "pause"});
    read_count(breaker.get("failures"), 1000, out.breaker.failures);
    read_within(breaker.get("pause"), milliseconds(100), hours(1), "100ms to 1h",
                out.breaker.pause);
  }
  read_within(node.get("max_age"), seconds(1), hours(24 * 30), "1s to 30d", out.max_age);
}

void read_dead_letters(const yaml::Node& node, TriggerModel& out) {
  if (!node.present()) return;
  node.only({"stream", "keep"});
  const yaml::Node stream = node.need("stream");
  out.dead_letter_place = place_of(stream.present() ? stream : node);
  if (stream.present()) out.rule.dead_letter.stream = read_redis_name(stream, false);
  if (const yaml::Node keep = node.get("keep"); keep.present())
    out.rule.dead_letter.most =
        static_cast<std::uint64_t>(keep.integer(1, 100'000'000).value_or(1));
}

}  // namespace

TriggerModel read_trigger(const yaml::Node& node, const std::string& rule_file,
                          const std::string& team) {
  node.only({"name", "source", "from", "target", "input", "rate", "concurrency", "retry", "breaker",
             "dead_letter", "max_age"});
  TriggerModel out;
  out.place = place_of(node);
  TriggerRule& rule = out.rule;
  rule.name = read_name(node.need("name"));
  rule.team = team;
  rule.file = rule_file;
  rule.line = node.line();
  const yaml::Node source = node.need("source");
  out.source_place = place_of(source.present() ? source : node);
  rule.source = read_source(source);
  read_from(node.need("from"), out);
  rule.target = read_target(node.need("target"));
  if (const yaml::Node input = node.get("input"); input.present())
    rule.input = read_input(input, rule.source.kind);
  read_pace(node, rule);
  read_dead_letters(node.need("dead_letter"), out);
  return out;
}

}  // namespace keyward::policy
