#include "cli/dev_config.h"

#include "cli/dev_tokens.h"
#include "cli/output.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

namespace keyward::cli {
namespace {

// A YAML double-quoted scalar; JSON's strings are a subset of them.
std::string quoted(const std::string& text) {
  return boost::json::serialize(boost::json::string(text));
}

std::string issuer_text(const std::string& alias) {
  return "  - {alias: " + quoted(alias) + ", issuer: " + quoted(dev_issuer(alias)) +
         ", audiences: [" + kDevAudience + "], algorithms: [ES256], jwks_file: issuer/jwks.json}\n";
}

std::string exported(const std::string& name, const std::string& value) {
  return "export " + name + "=" + shell_quoted(value) + "\n";
}

}  // namespace

std::string configuration_text(const DevSetup& setup) {
  std::string out =
      "# Written by `keyward dev`; `keyward serve --config` reads it. Paths are relative to this "
      "folder.\n";
  out += "instance: dev\n";
  out += "shards: " + std::to_string(setup.shards) + "\n";
  out += "listeners:\n  - name: default\n    listen: " + quoted(setup.listen) + "\n";
  out += "    tls: {certificate: tls/server.pem, key: tls/server.key}\n";
  out += "upstream:\n  url: " + quoted(setup.redis_url) + "\n  user: " + quoted(setup.redis_user) +
         "\n";
  out += "  password_file: " + quoted(setup.redis_password_file) + "\n";
  if (!setup.redis_ca.empty()) out += "  tls: {ca: " + quoted(setup.redis_ca) + "}\n";
  out += "# One key stands in for every issuer that the policies name.\nissuers:\n";
  for (const std::string& alias : setup.aliases) out += issuer_text(alias);
  out += "policies: " + quoted(setup.policies) + "\n";
  out += "audit: {directory: audit}\n";
  out += "admin:\n  listen: " + quoted(setup.admin_listen) + "\n";
  out += "  tls: {certificate: tls/server.pem, key: tls/server.key}\n";
  out += "lease: {linger: " + setup.lease_linger + "}\n";
  out += "log: {level: " + setup.log_level + "}\n";
  return out;
}

std::string env_text(const DevSetup& setup) {
  const DevFiles& files = setup.files;
  std::string out = "# For a POSIX shell:  . " + shell_quoted(files.env().string()) + "\n";
  out += exported("KEYWARD_URL", "rediss://" + setup.listen);
  out += exported("KEYWARD_CA", files.ca().string());
  out += exported("KEYWARD_ADMIN_URL", "https://" + setup.admin_listen);
  out += exported("KEYWARD_STATE", files.root.string());
  out += exported("KEYWARD_AUDIT", files.audit().string());
  out += exported("KEYWARD_TOKENS", files.tokens().string());
  out +=
      "# Redis behind it. This user manages ACL users and reaches no key; only keyward should use "
      "it:\n";
  out +=
      "#   redis-cli -u \"$KEYWARD_REDIS_URL\" --user \"$KEYWARD_REDIS_USER\" --pass \"$(cat "
      "\"$KEYWARD_REDIS_PASSWORD_FILE\")\" --no-auth-warning ACL USERS\n";
  out += exported("KEYWARD_REDIS_URL", setup.redis_url);
  out += exported("KEYWARD_REDIS_USER", setup.redis_user);
  out += exported("KEYWARD_REDIS_PASSWORD_FILE", setup.redis_password_file);
  return out;
}

std::string starter_policy() {
  return R"(# A first policy: developers of the development issuer may use everything below app:.
apiVersion: keyward/v1
team: starter
owners: [you@example.com]
grants:
  - name: developer
    who:
      - {issuer: dev, groups: [developers]}
    databases: [0]
    allow:
      - commands: ["@read", "@write", "@blocking", "@transaction", "-@dangerous"]
        keys: ["app:*"]
      - commands: [publish, subscribe, psubscribe, unsubscribe, punsubscribe]
        channels: ["app:*"]
expect:
  - as: {issuer: dev, subject: alice, groups: [developers]}
    allow: ["SET app:greeting hello", "BLPOP app:queue 1", "SUBSCRIBE app:news"]
    deny: ["GET other:key", "SUBSCRIBE other:news", "FLUSHALL", "CONFIG GET *"]
)";
}

std::string invitation(const DevSetup& setup, const std::string& token) {
  const std::string env = shell_quoted(setup.files.env().string());
  const std::string file = "\"$KEYWARD_TOKENS/" + token + "\"";
  std::string out;
  out += "Redis, from another shell:\n\n";
  out += "  . " + env + "\n";
  out += "  REDISCLI_AUTH=\"$(cat " + file +
         ")\" redis-cli -u \"$KEYWARD_URL\" --cacert \"$KEYWARD_CA\"\n\n";
  out += "Python, with pip's redis:\n\n";
  out += "  . " + env + "\n";
  out +=
      "  python3 -c 'import os, redis; token = open(os.environ[\"KEYWARD_TOKENS\"] + \"/" + token +
      "\").read().strip(); print(redis.Redis.from_url(os.environ[\"KEYWARD_URL\"], password=token, "
      "ssl_ca_certs=os.environ[\"KEYWARD_CA\"]).ping())'\n\n";
  out += "What was recorded, and is it whole:\n\n";
  out += "  keyward audit tail --follow " + shell_quoted(setup.files.audit().string()) + "\n";
  out += "  keyward audit verify " + shell_quoted(setup.files.audit().string()) + "\n";
  return out;
}

}  // namespace keyward::cli
