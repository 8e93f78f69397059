// audit: where the trail is, when its segments end, how long they stay, who signs.
#include "server/config_sections.h"

#include <filesystem>

namespace keyward::server {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kLeastSegment = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 50;

void read_directory(const yaml::Node& node, const Folder& folder, Config& config) {
  std::string path;
  read_path(node, folder, path);
  if (path.empty()) return;
  std::error_code ignored;
  const std::filesystem::path place(path);
  if (std::filesystem::exists(place, ignored) && !std::filesystem::is_directory(place, ignored)) {
    node.error("this is not a folder", "a folder; it is made when it does not exist");
  }
  config.audit_directory = std::move(path);
}

void read_rotate(const yaml::Node& node, audit::Rotation& out) {
  if (!node.present()) return;
  node.only({"size", "every"});
  read_bytes(node.get("size"), kLeastSegment, kMostBytes, out.size);
  read_duration(node.get("every"), 1min, 24h * 366, out.every);
}

void read_retention(const yaml::Node& node, audit::Retention& out) {
  if (!node.present()) return;
  node.only({"age", "size"});
  if (node.is_map() && node.entries().empty())
    node.error("`retention` says nothing", "retention: {age: 400d}");
  read_duration(node.get("age"), 1h, 24h * 36500, out.age);
  read_bytes(node.get("size"), kLeastSegment, kMostBytes, out.size);
}

void read_checkpoints(const yaml::Node& node, const Folder& folder, AuditConfig& out) {
  if (!node.present()) return;
  node.only({"every", "key", "copy_to"});
  read_duration(node.get("every"), 1s, 1h, out.checkpoint_every);
  read_path(node.get("key"), folder, out.signing_key);
  read_copies(node.get("copy_to"), folder, out);
}

}  // namespace

void read_audit(const yaml::Node& root, const Folder& folder, Config& config) {
  const yaml::Node section = root.need("audit");
  if (!section.present()) return;
  section.only({"directory", "rotate", "compress", "retention", "checkpoints", "durability",
                "keys", "keys_secret", "scripts", "forward"});
  read_directory(section.need("directory"), folder, config);
  AuditConfig& out = config.audit;
  read_rotate(section.get("rotate"), out.rotate);
  std::string compress = "zstd";
  read_choice(section.get("compress"), {"zstd", "none"}, compress);
  out.compress = compress == "zstd";
  read_retention(section.get("retention"), out.retention);
  read_forward(section.get("forward"), folder, out);
  read_checkpoints(section.get("checkpoints"), folder, out);
  std::string level(audit::name(config.limits.durability));
  read_choice(section.get("durability"), {"async", "written", "synced", "strict"}, level);
  std::string keys = "names";
  read_choice(section.get("keys"), {"names", "hmac"}, keys);
  config.limits.hash_names = keys == "hmac";
  std::string scripts = "digest";
  read_choice(section.get("scripts"), {"digest", "text"}, scripts);
  out.script_texts = scripts == "text";
  read_path(section.get("keys_secret"), folder, out.names_secret);
  config.limits.durability = audit::durability_of(level).value_or(audit::Durability::written);
}

}  // namespace keyward::server
