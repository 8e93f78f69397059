// Lines of a trail, written by hand: the little that a reader needs of each.
#pragma once

#include "support/temp_dir.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace keyward::report::test {

namespace json = boost::json;

// 2026-11-22T08:00:00Z
inline constexpr std::uint64_t kMorning = 1'795'334'400'000'000;
inline constexpr std::uint64_t kMinute = 60'000'000;

using Words = std::vector<std::string>;

struct Someone {
  std::string principal = "okta:alice", name = "alice", session = "s1";
  Words groups{"team"}, grants{"app"};
};

class TrailText {
 public:
  TrailText& at(std::uint64_t us) {
    time_ = us;
    return *this;
  }
  TrailText& after(std::uint64_t us) { return at(time_ + us); }

  TrailText& login(const Someone& who, const std::string& tls = "TLSv1.3") {
    json::object fields = keyward("login");
    add_who(fields, who, tls);
    json::object line = whole(3002, 1, std::move(fields));
    line["user"] = user(who);
    line["actor"] = json::object{{"user", user(who)}, {"session", {{"uid", who.session}}}};
    line["session"] = json::object{{"uid", who.session}};
    line["src_endpoint"] = json::object{{"port", 4000}, {"ip", "10.0.0.1"}};
    line["status_id"] = 1;
    return put("shard-0", line);
  }
  TrailText& session(const Someone& who) {
    json::object fields = keyward("session");
    add_who(fields, who, "TLSv1.3");
    fields["node"] = "127.0.0.1:6379";
    json::object line = whole(3003, 1, std::move(fields));
    line["user"] = user(who);
    line["session"] = json::object{{"uid", who.session}};
    line["privileges"] = json::array(who.grants.begin(), who.grants.end());
    line["src_endpoint"] = json::object{{"port", 4000}, {"ip", "10.0.0.1"}};
    line["status_id"] = 1;
    return put("shard-0", line);
  }
  TrailText& command(const Someone& who, const std::string& name, const std::string& key,
                     const std::string& grant = "app", const std::string& rule = "app.yaml:8") {
    return data("command", who, name, key, grant, rule, {});
  }
  TrailText& denial(const Someone& who, const std::string& name, const std::string& key,
                    const std::string& reason, std::uint64_t repeated = 0) {
    return data("denial", who, name, key, "app", "app.yaml:8", reason, repeated);
  }
  TrailText& control(const std::string& kind, json::object fields, unsigned class_uid = 3004,
                     const std::string& outcome = "ok") {
    json::object own = keyward(kind);
    own["outcome"] = outcome;
    for (auto& [name, value] : fields) own[name] = value;
    json::object line = whole(class_uid, 99, std::move(own));
    line["status_id"] = outcome == "ok" ? 1 : 2;
    if (const auto* reason = fields.if_contains("reason")) line["status_detail"] = *reason;
    return put("control", line);
  }
  TrailText& ended(const Someone& who, const std::string& reason) {
    json::object fields = keyward("session_end");
    fields["reason"] = reason;
    add_who(fields, who, "TLSv1.3");
    json::object line = whole(3002, 2, std::move(fields));
    line["user"] = user(who);
    line["actor"] = json::object{{"user", user(who)}, {"session", {{"uid", who.session}}}};
    line["status_id"] = 1;
    line["status_detail"] = reason;
    return put("shard-0", line);
  }
  [[nodiscard]] const std::string& folder() const { return dir_.path(); }

 private:
  static json::object user(const Someone& who) {
    json::array groups;
    for (const std::string& group : who.groups) groups.push_back(json::object{{"name", group}});
    return {{"name", who.name}, {"uid", who.principal}, {"groups", std::move(groups)}};
  }
  static void add_who(json::object& fields, const Someone& who, const std::string& tls) {
    fields["principal"] = who.principal;
    fields["listener"] = "main";
    fields["policy_version"] = "v1";
    if (tls.empty()) return;
    fields["tls_version"] = tls;
    fields["tls_cipher"] = "TLS_AES_256_GCM_SHA384";
  }
  json::object keyward(const std::string& kind) {
    return {{"prev", std::string(64, '0')},
            {"sequence", ++sequence_},
            {"time_us", time_},
            {"kind", kind},
            {"outcome", "ok"}};
  }
  [[nodiscard]] json::object whole(unsigned class_uid, unsigned activity,
                                   json::object fields) const {
    return {{"unmapped", {{"keyward", std::move(fields)}}},
            {"class_uid", class_uid},
            {"activity_id", activity},
            {"time", time_ / 1000}};
  }
  TrailText& data(const std::string& kind, const Someone& who, const std::string& name,
                  const std::string& key, const std::string& grant, const std::string& rule,
                  const std::string& reason, std::uint64_t repeated = 0) {
    json::object line{{"class_uid", 6005},
                      {"category_uid", 6},
                      {"severity_id", 1},
                      {"status_id", kind == "denial" ? 2 : 1}};
    line["actor"] = json::object{{"user", {{"name", who.name}, {"uid", who.principal}}},
                                 {"session", {{"uid", who.session}}}};
    line["src_endpoint"] = json::object{{"port", 4000}, {"ip", "10.0.0.1"}};
    line["database"] = json::object{{"type_id", 6}, {"name", "0"}};
    line["metadata"] = uid("shard-0");
    json::object fields = keyward(kind);
    fields.erase("outcome");
    fields["keys"] = json::array{key};
    fields["grant"] = grant;
    fields["rule"] = rule;
    if (repeated > 0) fields["repeated"] = repeated;
    line["unmapped"] = json::object{{"keyward", std::move(fields)}};
    line["activity_id"] = name == "get" ? 1 : 5;
    line["time"] = time_ / 1000;
    if (!reason.empty()) line["status_detail"] = reason;
    line["query_info"] = json::object{{"name", name}, {"query_string", name}};
    return write("shard-0", line);
  }
  [[nodiscard]] json::object uid(const std::string& stream) const {
    return {{"version", "1.8.0"}, {"uid", "kw." + stream + "." + std::to_string(sequence_)}};
  }
  TrailText& put(const std::string& stream, json::object line) {
    line["metadata"] = uid(stream);
    return write(stream, line);
  }
  TrailText& write(const std::string& stream, const json::object& line) {
    std::ofstream(dir_.file("kw." + stream + ".20261122T080000Z-000001.jsonl"), std::ios::app)
        << json::serialize(line) << "\n";
    return *this;
  }

  keyward::test::TempDir dir_;
  std::uint64_t time_ = kMorning, sequence_ = 0;
};

}  // namespace keyward::report::test
