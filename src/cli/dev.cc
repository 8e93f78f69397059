#include "cli/dev_config.h"
#include "cli/dev_redis.h"
#include "cli/dev_state.h"
#include "cli/dev_tokens.h"
#include "cli/output.h"
#include "cli/process.h"
#include "cli/verbs.h"

#include "keyward/base/log.h"
#include "keyward/net/endpoint.h"
#include "keyward/server/config.h"
#include "keyward/server/server.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

namespace keyward::cli {
namespace {

struct DevOptions {
  std::string listen = "127.0.0.1:6380", admin_listen = "127.0.0.1:9380";
  std::string state = ".keyward", policies;
  std::string redis, redis_user = "default", redis_password_file, redis_ca;
  std::string lease_linger = "10s", log_level = "info";
  std::size_t shards = 0;
  bool allow_core = false;
};

// What lives as long as the server does; the child is ended last.
struct Development {
  FolderLock lock;
  std::unique_ptr<DevRedis> redis;
  DevSetup setup;
  std::vector<std::string> tokens;
  std::string about_policies;
};

// address:port with a real port; only loopback, because the keys here protect nothing.
Result<std::string> loopback_address(const std::string& text, const char* option) {
  auto endpoint = net::parse_listen(text);
  if (!endpoint)
    return Error(Errc::invalid, std::string(option) + ": " + endpoint.error().message());
  const std::string& host = endpoint->host;
  const bool v4 = host == "localhost" ||
                  (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
  if (!v4 && host != "::1") {
    return Error(Errc::invalid, std::string(option) +
                                    ": `keyward dev` listens on loopback only, "
                                    "127.0.0.1 or [::1]; use `keyward serve` for a network");
  }
  if (endpoint->port == 0) {
    const auto port = free_loopback_port();
    if (!port) return port.error();
    endpoint->port = *port;
  }
  const std::string shown = v4 ? (host == "localhost" ? "127.0.0.1" : host) : "[::1]";
  return shown + ":" + std::to_string(endpoint->port);
}

bool holds_policies(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::recursive_directory_iterator entries(folder, ignored), end;
  return std::any_of(entries, end, [](const auto& entry) {
    return entry.path().extension() == ".yaml" || entry.path().extension() == ".yml";
  });
}

// --policies, else ./policies, else a starter in the state folder.
Result<> choose_policies(const DevOptions& options, Development& out) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path wanted = options.policies.empty() ? "policies" : options.policies;
  if (options.policies.empty() ? holds_policies(wanted) : fs::is_directory(wanted, ignored)) {
    out.setup.policies = fs::absolute(wanted).lexically_normal().string();
    out.about_policies = wanted.string();
    return {};
  }
  if (!options.policies.empty()) {
    return Error(Errc::not_found, "the policy folder " + options.policies + " does not exist");
  }
  const fs::path starter = out.setup.files.starter_policies();
  fs::create_directories(starter, ignored);
  if (!fs::exists(starter / "starter.yaml")) {
    if (auto done = write_private(starter / "starter.yaml", starter_policy()); !done) return done;
  }
  out.setup.policies = starter.string();
  out.about_policies = starter.string() + " (a starter: no policy files in ./policies)";
  return {};
}

// The child server, or the one that --redis names.
Result<> prepare_redis(const DevOptions& options, Development& out) {
  const DevFiles& files = out.setup.files;
  const auto password = ensure_admin_password(files);
  if (!password) return password.error();
  out.setup.redis_password_file = files.admin_password().string();
  if (!options.redis.empty()) {
    out.setup.redis_url = options.redis;
    out.setup.redis_user = options.redis_user;
    if (!options.redis_ca.empty())
      out.setup.redis_ca = std::filesystem::absolute(options.redis_ca).string();
    if (!options.redis_password_file.empty()) {
      out.setup.redis_password_file =
          std::filesystem::absolute(options.redis_password_file).string();
    }
    return {};
  }
  auto redis = DevRedis::start(files.redis(), *password);
  if (!redis) return redis.error();
  out.redis = std::move(*redis);
  out.setup.redis_url = "redis://127.0.0.1:" + std::to_string(out.redis->port());
  out.setup.redis_user = kAdminUser;
  return {};
}

Result<> prepare_identity(Development& out) {
  Diagnostics diagnostics;
  const auto snapshot =
      policy::Snapshot::load(out.setup.policies, command::Catalog::built_in(), {}, diagnostics);
  std::fputs(diagnostics.text().c_str(), stderr);
  if (!snapshot)
    return Error(Errc::invalid, "the policies in " + out.about_policies + " do not load");
  out.about_policies += ", " + std::to_string(snapshot->grants().size()) + " grants, " +
                        std::to_string(snapshot->expectations()) + " expect cases hold";
  out.setup.aliases = issuer_aliases(*snapshot);
  const auto key = ensure_signing_key(out.setup.files);
  if (!key) return key.error();
  auto tokens = write_tokens(out.setup.files, *key, *snapshot);
  if (!tokens) return tokens.error();
  out.tokens = std::move(*tokens);
  return {};
}

Result<> prepare(const DevOptions& options, Development& out) {
  const DevFiles& files = out.setup.files;
  if (auto done = make_folders(files); !done) return done;
  if (auto done = out.lock.take(files.lock()); !done) return done;
  if (auto done = choose_policies(options, out); !done) return done;
  if (auto done = prepare_identity(out); !done) return done;
  if (auto done = ensure_certificates(files); !done) return done;
  if (auto done = prepare_redis(options, out); !done) return done;
  if (auto done = write_private(files.config(), configuration_text(out.setup)); !done) return done;
  return write_private(files.env(), env_text(out.setup));
}

void greet(const Development& dev) {
  const DevSetup& setup = dev.setup;
  print_line("keyward " KEYWARD_VERSION
             ", development: own certificates, own token issuer, loopback only");
  print_line("");
  print_line("  listener  rediss://" + setup.listen);
  print_line("  admin     https://" + setup.admin_listen);
  print_line("  redis     " + setup.redis_url +
             (dev.redis ? " (child process " + std::to_string(dev.redis->pid()) + ")" : ""));
  print_line("  policies  " + dev.about_policies);
  print_line("  state     " + setup.files.root.string());
  print_line("  tokens    " + std::to_string(dev.tokens.size()) + " in " +
             setup.files.tokens().string());
  print_line("");
  if (!dev.tokens.empty()) print_line(invitation(setup, dev.tokens.front()));
}

int serve(const Development& dev, std::chrono::steady_clock::time_point started) {
  Diagnostics diagnostics;
  auto config = server::load_config(dev.setup.files.config().string(), diagnostics);
  std::fputs(diagnostics.text().c_str(), stderr);
  if (!config) return kDoesNotHold;
  auto server = server::Server::create(std::move(*config));
  if (!server) return fail(server.error().message());
  greet(dev);
  return (*server)->run([&] {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - started);
    print_line("ready rediss://" + dev.setup.listen + " after " + std::to_string(took.count()) +
               " ms");
  });
}

int develop(const DevOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  Development dev;
  const auto listen = loopback_address(options.listen, "--listen");
  const auto admin = loopback_address(options.admin_listen, "--admin-listen");
  if (!listen) return usage(listen.error().message());
  if (!admin) return usage(admin.error().message());
  log::setup(options.log_level, false);
  if (!options.allow_core) forbid_core_dumps();
  raise_file_limit();
  dev.setup.files = dev_files(options.state);
  dev.setup.listen = *listen;
  dev.setup.admin_listen = *admin;
  dev.setup.shards = options.shards;
  dev.setup.lease_linger = options.lease_linger;
  dev.setup.log_level = options.log_level;
  if (auto prepared = prepare(options, dev); !prepared) return fail(prepared.error().message());
  return serve(dev, started);
}

}  // namespace

void add_dev(CLI::App& app, Chosen& chosen) {
  CLI::App* verb =
      app.add_subcommand("dev", "Everything at once on loopback, without a configuration");
  auto options = std::make_shared<DevOptions>();
  verb->add_option("--listen", options->listen,
                   "Where clients connect; loopback only, port 0 is a free one")
      ->capture_default_str();
  verb->add_option("--admin-listen", options->admin_listen, "The admin pages; loopback only")
      ->capture_default_str();
  verb->add_option("--state", options->state, "Keys, tokens, configuration, audit trail")
      ->type_name("DIR")
      ->capture_default_str();
  verb->add_option("--policies", options->policies,
                   "The policy folder (default: policies, else a starter)")
      ->type_name("DIR");
  auto* redis =
      verb->add_option("--redis", options->redis, "Use this server instead of a child process")
          ->type_name("URL");
  verb->add_option("--redis-user", options->redis_user, "Its user that may manage ACL users")
      ->needs(redis)
      ->capture_default_str();
  verb->add_option("--redis-password-file", options->redis_password_file,
                   "The password of that user")
      ->needs(redis)
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  verb->add_option("--redis-ca", options->redis_ca,
                   "Who signs that server's certificate (rediss://)")
      ->needs(redis)
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  verb->add_option("--shards", options->shards, "Threads that serve; 0 is one a core")
      ->capture_default_str();
  verb->add_option("--lease-linger", options->lease_linger, "How long an unused ACL user stays")
      ->type_name("TIME")
      ->capture_default_str();
  verb->add_option("--log-level", options->log_level)
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}))
      ->capture_default_str();
  verb->add_flag("--allow-core", options->allow_core,
                 "Leave core dumps and debuggers possible: memory holds secrets");
  verb->footer(
      "Prints one line that starts with `ready` when it serves. Ctrl-C ends it, and the child with "
      "it.\n"
      "Example:\n  keyward dev --policies policies --listen 127.0.0.1:6380");
  verb->callback([&chosen, options] { chosen.run = [options] { return develop(*options); }; });
}

}  // namespace keyward::cli
