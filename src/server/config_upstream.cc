#include "server/config_sections.h"

namespace keyward::server {
namespace {

using namespace std::chrono_literals;

// The user of grants with `lease: {mode: static}`.
void read_static_user(const yaml::Node& upstream, const Folder& folder, Config& config) {
  const yaml::Node user = upstream.get("static_user");
  if (!user.present()) {
    for (const char* name : {"static_password", "static_password_file", "static_password_env",
                             "static_password_command"}) {
      const yaml::Node lone = upstream.get(name);
      if (lone.present()) lone.error("it belongs to a static_user", "static_user: NAME beside it");
    }
    return;
  }
  read_text(user, config.lease.static_user);
  if (config.lease.static_user == config.upstream.admin_user) {
    user.error("clients would run as Keyward's own user, which may change every other",
               "a user of its own, confined to what clients need");
  }
  read_secret(upstream, "static_password", "the password of the static user", folder,
              config.lease.static_password);
}

}  // namespace

void read_upstream(const yaml::Node& root, const Folder& folder, Config& config) {
  const yaml::Node upstream = root.need("upstream");
  if (!upstream.present()) return;
  upstream.only({"url", "user", "password", "password_file", "password_env", "password_command",
                 "tls", "connect_timeout", "static_user", "static_password", "static_password_file",
                 "static_password_env", "static_password_command"});
  auto& out = config.upstream;
  std::string url;
  const yaml::Node url_node = upstream.need("url");
  read_text(url_node, url);
  bool url_read = false;
  if (url.find('@') != std::string::npos) {
    url_node.error("a user or password in the url is not read",
                   "user: and password_file: beside a url without them");
  } else if (!url.empty()) {
    if (auto endpoint = net::parse_redis_url(url)) {
      out.endpoint = std::move(*endpoint);
      url_read = true;
    } else {
      url_node.error(endpoint.error().message(),
                     "redis://host:port, rediss://host:port or unix:///path");
    }
  }
  read_text(upstream.need("user"), out.admin_user);
  read_secret(upstream, "password", "the password of the admin user", folder, out.admin_password);
  std::string password_file;
  read_text(upstream.get("password_file"), password_file);
  if (!password_file.empty()) out.admin_password_file = folder.resolve(password_file);
  read_static_user(upstream, folder, config);
  if (const yaml::Node tls = upstream.get("tls"); tls.present()) {
    read_client_tls(tls, folder, out.tls);
    if (url_read && out.endpoint.kind != net::Endpoint::Kind::tls) {
      tls.error("the url does not use TLS", "rediss:// in url, or no tls section");
    }
  }
  read_duration(upstream.get("connect_timeout"), 10ms, 60s, out.connect_timeout);
}

}  // namespace keyward::server
