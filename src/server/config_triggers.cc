// `triggers:` of keyward.yaml: where targets are, and with which credentials.
#include "server/config_sections.h"

#include "keyward/base/ascii.h"

#include <boost/url/parse.hpp>

#include <algorithm>
#include <set>

namespace keyward::server {
namespace {

using namespace std::chrono_literals;
using trigger::Connection;

constexpr std::size_t kMostConnections = 64;

// What the address must look like; credentials travel with every call.
void read_url(const yaml::Node& node, std::string& out) {
  std::string text;
  read_text(node, text);
  if (text.empty()) return;
  const auto url = boost::urls::parse_uri(text);
  if (!url || url->host().empty() || url->has_userinfo() || url->has_query() ||
      url->has_fragment()) {
    return node.error("this is no address of a service",
                      "https://host, with a path if need be; no user, no query");
  }
  const bool plain = url->scheme() == "http";
  if (!plain && url->scheme() != "https")
    return node.error("targets are called over HTTPS", "https://...");
  if (plain && !is_loopback(url->host_address()))
    return node.error("http:// would send credentials and events in the clear",
                      "https://..., or a loopback address");
  while (text.ends_with('/')) text.pop_back();
  out = text;
}

void read_aws(const yaml::Node& node, Connection& out) {
  node.only({"name", "kind", "teams", "region", "profile", "url", "ca", "internal"});
  read_text(node.need("region"), out.region);
  read_text(node.get("profile"), out.profile);
  const bool plain = std::all_of(out.region.begin(), out.region.end(),
                                 [](char c) { return is_alnum(c) || c == '-'; });
  if (!plain) node.get("region").error("this is no region of AWS", "eu-west-1");
}

void read_credential(const yaml::Node& node, const Folder& folder, Connection& out) {
  std::string auth = "none";
  read_choice(node.get("auth"), {"none", "bearer", "basic", "header"}, auth);
  if (auth != "none")
    read_secret(node, "secret", "the credential of the target", folder, out.secret);
  if (auth == "basic") read_text(node.need("user"), out.user);
  if (auth != "basic" && node.get("user").present())
    node.get("user").error("a user name belongs to `auth: basic`", "auth: basic beside it");
  if (auth == "header") {
    out.scheme.clear();
    const yaml::Node header = node.need("header");
    read_text(header, out.header);
    const bool token = !out.header.empty() && out.header.size() <= 64 &&
                       std::all_of(out.header.begin(), out.header.end(),
                                   [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
    static const std::set<std::string> kTaken{"host", "content-length", "content-type",
                                              "transfer-encoding", "connection"};
    if (header.present() && (!token || kTaken.contains(lowered(out.header))))
      header.error("this is no header for a credential", "X-Authorization");
  } else if (node.get("header").present()) {
    node.get("header").error("a header belongs to `auth: header`", "auth: header beside it");
  }
}

void read_http(const yaml::Node& node, const Folder& folder, Connection& out) {
  node.only({"name", "kind", "teams", "url", "ca", "internal", "auth", "user", "header", "secret",
             "secret_file", "secret_env", "secret_command"});
  (void)node.need("url");
  read_credential(node, folder, out);
}

Connection read_connection(const yaml::Node& node, const Folder& folder) {
  Connection out;
  (void)node.need("name");
  read_name(node.get("name"), out.name);
  std::string kind = "http";
  read_choice(node.need("kind"), {"aws", "http"}, kind);
  out.kind = kind == "aws" ? Connection::Kind::aws : Connection::Kind::http;
  out.teams = node.get("teams").texts();
  if (node.get("teams").is_list() && out.teams.empty())
    node.get("teams").error("no team could use this connection", "no `teams` for all of them");
  read_url(node.get("url"), out.url);
  read_file_path(node.get("ca"), folder, out.ca_file);
  read_bool(node.get("internal"), out.internal);
  out.kind == Connection::Kind::aws ? read_aws(node, out) : read_http(node, folder, out);
  return out;
}

}  // namespace

void read_triggers(const yaml::Node& root, const Folder& folder, Config& config) {
  const yaml::Node node = root.get("triggers");
  if (!node.present()) return;
  node.only({"claim_after", "connections"});
  read_duration(node.get("claim_after"), 1s, 1h, config.triggers.claim_after);
  std::set<std::string> names;
  for (const yaml::Node& item : node.get("connections").list()) {
    if (!item.is_map()) {
      item.error("a connection must be a map",
                 "- {name: airflow, kind: http, url: https://airflow.example.com}");
      continue;
    }
    if (config.triggers.connections.size() == kMostConnections)
      return item.error("there are at most 64 connections");
    config.triggers.connections.push_back(read_connection(item, folder));
    const std::string& name = config.triggers.connections.back().name;
    if (!name.empty() && !names.insert(name).second)
      item.error("connection '" + name + "' is there twice", "another name");
  }
}

}  // namespace keyward::server
