#include "server/config_fields.h"

#include "keyward/base/ascii.h"
#include "keyward/base/log.h"
#include "keyward/base/text.h"

#include <algorithm>
#include <fstream>
#include <limits>

namespace keyward::server {
namespace {

bool can_open(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return false;
  return std::ifstream(path, std::ios::binary).good();
}

std::string duration_text(std::chrono::milliseconds value) {
  using std::chrono::hours, std::chrono::minutes, std::chrono::seconds;
  const auto count = value.count();
  if (count % 86'400'000 == 0 && count != 0) return std::to_string(count / 86'400'000) + "d";
  if (count % 3'600'000 == 0 && count != 0) return std::to_string(count / 3'600'000) + "h";
  if (count % 60'000 == 0 && count != 0) return std::to_string(count / 60'000) + "m";
  if (count % 1000 == 0) return std::to_string(count / 1000) + "s";
  return std::to_string(count) + "ms";
}

std::string bytes_text(std::uint64_t value) {
  constexpr std::uint64_t kKiB = 1024, kMiB = kKiB * 1024, kGiB = kMiB * 1024;
  if (value >= kGiB && value % kGiB == 0) return std::to_string(value / kGiB) + "GiB";
  if (value >= kMiB && value % kMiB == 0) return std::to_string(value / kMiB) + "MiB";
  if (value >= kKiB && value % kKiB == 0) return std::to_string(value / kKiB) + "KiB";
  return std::to_string(value);
}

}  // namespace

std::string Folder::resolve(std::string_view name) const {
  const std::filesystem::path given(name);
  return (given.is_absolute() ? given : path / given).lexically_normal().string();
}

void read_text(const yaml::Node& node, std::string& out) {
  if (!node.present()) return;
  auto value = node.text();
  if (!value) return;
  if (value->empty()) {
    node.error("the value is empty", "a value, or leave the setting out");
    return;
  }
  out = std::move(*value);
}

void read_path(const yaml::Node& node, const Folder& folder, std::string& out) {
  std::string value;
  read_text(node, value);
  if (value.empty()) return;
  if (value.find("-----BEGIN") != std::string::npos || value.find('\n') != std::string::npos) {
    node.error("keys and certificates are not written into this file", "the path of the PEM file");
    return;
  }
  out = folder.resolve(value);
}

void read_file_path(const yaml::Node& node, const Folder& folder, std::string& out) {
  std::string path;
  read_path(node, folder, path);
  if (path.empty()) return;
  if (!can_open(path)) {
    node.error("cannot read the file " + log::printable(*node.text()),
               "a path relative to the folder of this file, to a file this user may read");
    return;
  }
  out = std::move(path);
}

void read_bool(const yaml::Node& node, bool& out) {
  if (!node.present()) return;
  if (const auto value = node.boolean()) out = *value;
}

void read_bytes(const yaml::Node& node, std::uint64_t low, std::uint64_t high, std::size_t& out) {
  if (!node.present()) return;
  const auto value = node.bytes();
  if (!value) return;
  if (*value < low || *value > high) {
    node.error("the size is outside " + bytes_text(low) + " to " + bytes_text(high),
               bytes_text(*value < low ? low : high));
    return;
  }
  out = static_cast<std::size_t>(*value);
}

void read_choice(const yaml::Node& node, const std::vector<std::string>& choices,
                 std::string& out) {
  if (!node.present()) return;
  auto value = node.text();
  if (!value) return;
  if (std::find(choices.begin(), choices.end(), *value) != choices.end()) {
    out = std::move(*value);
    return;
  }
  node.error("\"" + log::printable(*value) + "\" is not one of " + joined(choices, ", "),
             nearest(*value, choices).empty() ? choices.front() : nearest(*value, choices));
}

void read_name(const yaml::Node& node, std::string& out) {
  std::string value;
  read_text(node, value);
  if (value.empty()) return;
  bool good = value.size() <= 64;
  for (const char c : value) good = good && is_plain(c);
  if (!good) {
    node.error("\"" + log::printable(value) + "\" cannot be a name",
               "1 to 64 letters, digits, \"_\", \".\" or \"-\"");
    return;
  }
  out = std::move(value);
}

bool duration_within(const yaml::Node& node, std::chrono::milliseconds low,
                     std::chrono::milliseconds high, std::chrono::milliseconds& out) {
  if (!node.present()) return false;
  const auto value = node.duration();
  if (!value) return false;
  if (*value < low || *value > high) {
    node.error("the time is outside " + duration_text(low) + " to " + duration_text(high),
               duration_text(*value < low ? low : high));
    return false;
  }
  out = *value;
  return true;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

bool read_listen(const yaml::Node& node, net::Endpoint& out) {
  std::string value;
  read_text(node, value);
  if (value.empty()) return false;
  auto endpoint = net::parse_listen(value);
  if (!endpoint) {
    node.error(endpoint.error().message(), "address:port, for example \"127.0.0.1:6380\"");
    return false;
  }
  out = std::move(*endpoint);
  return true;
}

void read_server_tls(const yaml::Node& node, const Folder& folder, net::ServerTlsConfig& out) {
  node.only({"certificate", "key", "client_ca", "require_client_certificate", "minimum",
             "ticket_secret_file"});
  read_file_path(node.need("certificate"), folder, out.certificate_file);
  read_file_path(node.need("key"), folder, out.key_file);
  read_file_path(node.get("client_ca"), folder, out.client_ca_file);
  read_bool(node.get("require_client_certificate"), out.require_client_certificate);
  read_choice(node.get("minimum"), {"1.2", "1.3"}, out.minimum);
  read_file_path(node.get("ticket_secret_file"), folder, out.ticket_secret_file);
  if (out.require_client_certificate && !node.get("client_ca").present()) {
    node.get("require_client_certificate")
        .error("client certificates cannot be required without knowing who signs them",
               "client_ca: ca.pem beside it");
  }
  const bool files_read = !out.certificate_file.empty() && !out.key_file.empty() &&
                          (!node.get("client_ca").present() || !out.client_ca_file.empty());
  if (!files_read) return;
  if (auto context = net::make_server_context(out); !context) {
    node.error(context.error().message(), "a PEM certificate chain and the private key of it");
  }
}

void read_client_tls(const yaml::Node& node, const Folder& folder, net::ClientTlsConfig& out) {
  node.only({"ca", "certificate", "key", "server_name"});
  read_file_path(node.get("ca"), folder, out.ca_file);
  read_file_path(node.get("certificate"), folder, out.certificate_file);
  read_file_path(node.get("key"), folder, out.key_file);
  read_text(node.get("server_name"), out.server_name);
  const bool has_certificate = node.get("certificate").present();
  if (has_certificate != node.get("key").present()) {
    node.error("a client certificate and its key belong together",
               has_certificate ? "key: client.key beside it" : "certificate: client.pem beside it");
    return;
  }
  const bool files_read =
      (!node.get("ca").present() || !out.ca_file.empty()) &&
      (!has_certificate || (!out.certificate_file.empty() && !out.key_file.empty()));
  if (!files_read) return;
  if (auto context = net::make_client_context(out); !context) {
    node.error(context.error().message(), "PEM files");
  }
}

}  // namespace keyward::server
