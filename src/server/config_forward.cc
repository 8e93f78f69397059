// audit.forward and audit.checkpoints.copy_to: where records go besides the files.
#include "server/config_sections.h"

#include "keyward/base/log.h"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <map>
#include <sys/stat.h>

namespace keyward::server {
namespace {

using namespace std::chrono_literals;
using forward::ForwarderConfig;
using forward::Kind;

constexpr std::uint64_t kMostBatch = std::uint64_t{16} << 20;
constexpr std::uint64_t kMostHeld = std::uint64_t{1} << 50;
constexpr const char* kUrlExample = "https://logs.example.com/path";

const std::map<std::string, Kind, std::less<>>& kinds() {
  static const std::map<std::string, Kind, std::less<>> kAll{{"syslog", Kind::syslog},
                                                             {"splunk_hec", Kind::splunk_hec},
                                                             {"opensearch", Kind::opensearch},
                                                             {"http", Kind::http},
                                                             {"otlp", Kind::otlp}};
  return kAll;
}

void stay_private(const yaml::Node& node, const char* what) {
  node.error(std::string("audit records do not travel over a network without TLS (") + what + ")",
             "insecure: true beside it, when the network in between is safe");
}

void read_syslog_place(const yaml::Node& node, std::string_view text, bool insecure,
                       ForwarderConfig& out) {
  const auto wrong = [&] {
    node.error("this is no syslog receiver",
               "tls://logs.example.com:6514, tcp://127.0.0.1:514 or unix:///run/collector.sock");
  };
  if (text.starts_with("unix://")) {
    out.endpoint = {net::Endpoint::Kind::unix_socket, std::string(text.substr(7)), 0};
    if (out.endpoint.host.size() < 2 || out.endpoint.host.front() != '/') wrong();
    return;
  }
  const bool tls = text.starts_with("tls://");
  if (!tls && !text.starts_with("tcp://")) return wrong();
  auto endpoint = net::parse_listen(text.substr(6));
  if (!endpoint || endpoint->host.empty() || endpoint->port == 0) return wrong();
  out.endpoint = *std::move(endpoint);
  out.endpoint.kind = tls ? net::Endpoint::Kind::tls : net::Endpoint::Kind::tcp;
  if (!tls && !insecure && !out.endpoint.is_loopback()) stay_private(node, "tcp://");
}

void read_url(const yaml::Node& node, const std::string& text, bool insecure,
              ForwarderConfig& out) {
  const auto url = boost::urls::parse_uri(text);
  if (!url || (url->scheme() != "https" && url->scheme() != "http") || url->host().empty())
    return node.error("this is no URL of a receiver", kUrlExample);
  if (url->has_userinfo() || url->has_fragment())
    return node.error("a URL of a receiver has no user, password or fragment",
                      "token_file: PATH, or user and password_file, beside it");
  if (url->scheme() == "http" && !insecure && !is_loopback(url->host_address()))
    stay_private(node, "http://");
  out.url = text;
  if (out.kind == Kind::splunk_hec && url->encoded_path().size() <= 1) {
    if (out.url.ends_with('/')) out.url.pop_back();
    out.url += "/services/collector/event";
  }
  if (out.kind == Kind::otlp && url->encoded_path().size() <= 1) {
    if (out.url.ends_with('/')) out.url.pop_back();
    out.url += "/v1/logs";
  }
}

void read_place(const yaml::Node& item, ForwarderConfig& out) {
  const yaml::Node node = item.need("to");
  bool insecure = false;
  read_bool(item.get("insecure"), insecure);
  std::string text;
  read_text(node, text);
  if (text.empty()) return;
  if (text.starts_with("syslog+")) text.erase(0, 7);
  if (out.kind == Kind::syslog)
    read_syslog_place(node, text, insecure, out);
  else
    read_url(node, text, insecure, out);
}

// Secrets that other users of the machine can read are none.
void refuse_shared_file(const yaml::Node& file, const Folder& folder) {
  if (!file.present() || !file.is_scalar()) return;
  const auto name = file.text();
  struct stat facts {};
  if (name && ::stat(folder.resolve(*name).c_str(), &facts) == 0 && (facts.st_mode & S_IRWXO) != 0)
    file.error("every user of this machine can open the file with the secret",
               "chmod 640 on the file");
}

bool any_of(const yaml::Node& item, std::initializer_list<const char*> keys) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const char* key) { return item.get(key).present(); });
}

void read_credential(const yaml::Node& item, const Folder& folder, ForwarderConfig& out) {
  const bool token = any_of(item, {"token", "token_file", "token_env", "token_command"});
  const bool basic =
      any_of(item, {"user", "password", "password_file", "password_env", "password_command"});
  if (out.kind == Kind::syslog) {
    if (token || basic || any_of(item, {"scheme", "header"}))
      item.error("syslog knows no tokens and passwords",
                 "tls: {certificate: client.pem, key: client.key}");
    return;
  }
  if (token && basic) return item.error("a token and a user are two ways in", "one of them");
  out.scheme = out.kind == Kind::splunk_hec ? "Splunk" : basic ? "Basic" : "Bearer";
  if (basic) {
    read_text(item.need("user"), out.user);
    read_secret(item, "password", "the password of the receiver", folder, out.secret);
    refuse_shared_file(item.get("password_file"), folder);
    if (any_of(item, {"scheme", "header"}))
      item.error("a user and a password have a header of their own", "leave scheme and header out");
    return;
  }
  if (token || out.kind == Kind::splunk_hec) {
    read_secret(item, "token", "the token of the receiver", folder, out.secret);
    refuse_shared_file(item.get("token_file"), folder);
  }
  if (const yaml::Node header = item.get("header"); header.present()) {
    read_name(header, out.header);
    out.scheme.clear();
  }
  if (item.get("scheme").present()) read_name(item.get("scheme"), out.scheme);
  if (!token && any_of(item, {"scheme", "header"}))
    item.error("a header without a token says nothing", "token_file: PATH beside it");
}

void read_shape(const yaml::Node& item, ForwarderConfig& out) {
  const auto belongs = [&](const char* key, bool fits, const char* to) {
    if (item.get(key).present() && !fits)
      item.get(key).error(std::string("`") + key + "` belongs to " + to, "leave it out");
  };
  const bool hec = out.kind == Kind::splunk_hec, bulk = out.kind == Kind::opensearch;
  belongs("index", hec || bulk, "splunk_hec and opensearch");
  belongs("sourcetype", hec, "splunk_hec");
  belongs("body", out.kind == Kind::http, "http");
  belongs("compression", out.kind != Kind::syslog, "receivers by HTTP");
  if (hec) out.sourcetype = "keyward:audit";
  if (bulk) out.index = "keyward-audit";
  read_name(item.get("index"), out.index);
  if (const yaml::Node type = item.get("sourcetype"); type.present())
    read_text(type, out.sourcetype);
  belongs("format", hec || bulk || out.kind == Kind::http, "splunk_hec, opensearch and http");
  std::string format = "ocsf";
  read_choice(item.get("format"), {"ocsf", "ecs"}, format);
  out.ecs = format == "ecs";
  std::string body = "lines";
  read_choice(item.get("body"), {"lines", "array"}, body);
  out.array = body == "array";
  std::string compression = out.kind == Kind::http || out.kind == Kind::syslog ? "none" : "gzip";
  read_choice(item.get("compression"), {"gzip", "none"}, compression);
  out.gzip = compression == "gzip";
}

void read_pace(const yaml::Node& item, ForwarderConfig& out) {
  if (const yaml::Node batch = item.get("batch"); batch.present()) {
    batch.only({"bytes", "records", "time"});
    read_bytes(batch.get("bytes"), 1024, kMostBatch, out.batch_bytes);
    read_number(batch.get("records"), 1, 10'000, out.batch_records);
    read_duration(batch.get("time"), 10ms, 10min, out.batch_time);
  }
  if (const yaml::Node retry = item.get("retry"); retry.present()) {
    retry.only({"first", "most"});
    read_duration(retry.get("first"), 10ms, 10min, out.first_wait);
    read_duration(retry.get("most"), 10ms, 1h, out.most_wait);
  }
  read_duration(item.get("timeout"), 100ms, 10min, out.timeout);
  if (const yaml::Node hold = item.get("hold_at_most"); hold.present()) {
    hold.only({"age", "size"});
    read_duration(hold.get("age"), 0ms, 24h * 36500, out.hold_age);
    std::size_t bytes = out.hold_bytes;
    read_bytes(hold.get("size"), 0, kMostHeld, bytes);
    out.hold_bytes = bytes;
  }
}

// `name` is given already where the place of the list says it.
void read_one(const yaml::Node& item, const Folder& folder, ForwarderConfig& out) {
  item.only({"name",          "kind",          "to",           "tls",
             "insecure",      "index",         "sourcetype",   "body",
             "compression",   "token",         "token_file",   "token_env",
             "token_command", "scheme",        "header",       "user",
             "password",      "password_file", "password_env", "password_command",
             "batch",         "retry",         "timeout",      "hold_at_most",
             "format"});
  std::string kind;
  std::vector<std::string> names;
  for (const auto& [known, value] : kinds()) names.push_back(known);
  read_choice(item.need("kind"), names, kind);
  const auto found = kinds().find(kind);
  if (found == kinds().end()) return;
  out.kind = found->second;
  read_place(item, out);
  if (const yaml::Node tls = item.get("tls"); tls.present()) read_client_tls(tls, folder, out.tls);
  read_credential(item, folder, out);
  read_shape(item, out);
  read_pace(item, out);
}

bool taken(const AuditConfig& config, const std::string& name) {
  return std::any_of(config.forward.begin(), config.forward.end(),
                     [&](const ForwarderConfig& other) { return other.name == name; });
}

// A text: a file, or a receiver that needs no more than its address. A map: a receiver as under
// `forward`.
void read_copy(const yaml::Node& item, const Folder& folder, AuditConfig& out) {
  ForwarderConfig copy;
  copy.only = "checkpoints";
  copy.name = "checkpoints";
  for (int number = 2; taken(out, copy.name); ++number)
    copy.name = "checkpoints-" + std::to_string(number);
  if (item.is_map()) {
    read_name(item.get("name"), copy.name);
    if (taken(out, copy.name)) item.error("two forwarders have this name", "a name of its own");
    read_one(item, folder, copy);
    out.forward.push_back(std::move(copy));
    return;
  }
  auto place = item.text();
  if (!place || place->empty()) return;
  if (place->find("://") == std::string::npos) {
    out.checkpoint_copies.push_back(folder.resolve(*place));
    return;
  }
  if (place->starts_with("https://") || place->starts_with("http://")) {
    copy.kind = Kind::http;
    read_url(item, *place, false, copy);
  } else {
    if (place->starts_with("syslog+")) place->erase(0, 7);
    read_syslog_place(item, *place, false, copy);
  }
  out.forward.push_back(std::move(copy));
}

}  // namespace

void read_forward(const yaml::Node& node, const Folder& folder, AuditConfig& out) {
  if (!node.present()) return;
  if (!node.is_list()) {
    node.error("`forward` is a list of receivers",
               "forward: [{name: siem, kind: syslog, to: \"tls://logs.example.com:6514\"}]");
    return;
  }
  for (const yaml::Node& item : node.list()) {
    ForwarderConfig one;
    read_name(item.need("name"), one.name);
    if (!one.name.empty() && taken(out, one.name))
      item.get("name").error("two forwarders have this name", "a name of its own");
    read_one(item, folder, one);
    out.forward.push_back(std::move(one));
  }
}

void read_copies(const yaml::Node& node, const Folder& folder, AuditConfig& out) {
  if (!node.present()) return;
  for (const yaml::Node& item : node.list()) read_copy(item, folder, out);
}

}  // namespace keyward::server
