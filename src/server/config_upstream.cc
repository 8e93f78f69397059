#include "server/config_sections.h"

#include "keyward/base/secret_source.h"

#include <sys/stat.h>

namespace keyward::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kCommandDeadline = 5s;

void warn_when_shared(const yaml::Node& node, const std::string& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) == 0 && (facts.st_mode & S_IRWXO) != 0) {
    node.warning("every user of this machine can open the password file", "chmod 640 on the file");
  }
}

std::vector<std::string> read_command(const yaml::Node& node) {
  if (!node.is_list()) {
    node.error("the command is run without a shell",
               "a list: [program, first argument, second argument]");
    return {};
  }
  auto argv = node.texts();
  if (argv.empty()) node.error("the command is empty", "[program, argument]");
  return argv;
}

using Password = std::function<Result<Secret>()>;

// Exactly one source; a secret in the file itself is refused with the setting that replaces it.
// `prefix`: "" or "static_".
void read_password(const yaml::Node& upstream, const std::string& prefix, std::string_view whose,
                   const Folder& folder, Password& out) {
  const std::string name_file = prefix + "password_file";
  const std::string name_env = prefix + "password_env";
  const std::string name_command = prefix + "password_command";
  const std::string sources =
      name_file + ": PATH, " + name_env + ": NAME or " + name_command + ": [program]";
  const yaml::Node inline_secret = upstream.get(prefix + "password");
  if (inline_secret.present())
    inline_secret.error("secrets are not written into this file", sources);
  const yaml::Node file = upstream.get(name_file);
  const yaml::Node environment = upstream.get(name_env);
  const yaml::Node command = upstream.get(name_command);
  if (int{file.present()} + int{environment.present()} + int{command.present()} > 1) {
    upstream.error("the password has more than one source",
                   "one of " + name_file + ", " + name_env + " and " + name_command);
    return;
  }
  if (file.present()) {
    std::string path;
    read_file_path(file, folder, path);
    if (path.empty()) return;
    warn_when_shared(file, path);
    out = [path] { return secret_from_file(path); };
  } else if (environment.present()) {
    std::string name;
    read_text(environment, name);
    out = [name] { return secret_from_environment(name); };
  } else if (command.present()) {
    out = [argv = read_command(command)] { return secret_from_command(argv, kCommandDeadline); };
  } else if (!inline_secret.present()) {
    upstream.error("the password of the " + std::string(whose) + " user has no source", sources);
  }
}

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
  read_password(upstream, "static_", "static", folder, config.lease.static_password);
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
  read_password(upstream, "", "admin", folder, out.admin_password);
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
