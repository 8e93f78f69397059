#include "server/config_sections.h"

#include <set>

namespace keyward::server {
namespace {

proxy::ListenerConfig read_listener(const yaml::Node& node, const Folder& folder) {
  node.only({"name", "listen", "tls", "client_identity"});
  proxy::ListenerConfig out;
  read_name(node.get("name"), out.name);
  const yaml::Node listen = node.need("listen");
  const bool placed = read_listen(listen, out.endpoint);
  if (const yaml::Node tls = node.get("tls"); tls.present()) {
    out.endpoint.kind = net::Endpoint::Kind::tls;
    read_server_tls(tls, folder, out.tls);
  } else if (placed && !is_loopback(out.endpoint.host)) {
    listen.error(
        "a listener without TLS would show tokens to the network",
        "tls: {certificate: server.pem, key: server.key} beside it, or listen on 127.0.0.1");
  }
  const yaml::Node identity = node.get("client_identity");
  read_name(identity, out.client_identity);
  if (identity.present() && out.tls.client_ca_file.empty()) {
    identity.error("client certificates mean nothing without who signs them",
                   "client_ca: ca.pem in tls");
  }
  return out;
}

}  // namespace

void read_listeners(const yaml::Node& root, const Folder& folder, Config& config) {
  const yaml::Node listeners = root.need("listeners");
  if (!listeners.present()) return;
  if (!listeners.is_list() || listeners.list().empty()) {
    listeners.error(
        "listeners is a list of at least one",
        "- {listen: \"127.0.0.1:6380\", tls: {certificate: server.pem, key: server.key}}");
    return;
  }
  std::set<std::string> names;
  std::set<std::string> places;
  for (const yaml::Node& node : listeners.list()) {
    if (!node.is_map()) {
      node.error("a listener is a map", "{name: default, listen: \"127.0.0.1:6380\", tls: {...}}");
      continue;
    }
    proxy::ListenerConfig listener = read_listener(node, folder);
    if (!names.insert(listener.name).second) {
      node.error("two listeners are named " + listener.name, "name: with another name");
    }
    const auto& endpoint = listener.endpoint;
    const std::string place = endpoint.host + " " + std::to_string(endpoint.port);
    if (endpoint.port != 0 && !places.insert(place).second) {
      node.get("listen").error("two listeners have the same address", "another port");
    }
    config.listeners.push_back(std::move(listener));
  }
}

}  // namespace keyward::server
