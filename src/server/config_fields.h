// Small readers shared by the sections of keyward.yaml: paths, files, ranges and addresses.
#pragma once

#include "keyward/base/yaml.h"
#include "keyward/net/endpoint.h"
#include "keyward/net/tls.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace keyward::server {

// The folder of the file: what relative paths are relative to.
struct Folder {
  std::filesystem::path path;
  [[nodiscard]] std::string resolve(std::string_view name) const;
};

// All of them leave `out` alone when the setting is absent or wrong; wrong ones are reported.
void read_text(const yaml::Node& node, std::string& out);
void read_path(const yaml::Node& node, const Folder& folder, std::string& out);
// As read_path(), and the file must be one that can be opened. A PEM block instead of a path is
// refused.
void read_file_path(const yaml::Node& node, const Folder& folder, std::string& out);
void read_bool(const yaml::Node& node, bool& out);
void read_bytes(const yaml::Node& node, std::uint64_t low, std::uint64_t high, std::size_t& out);
// One of `choices`, exactly.
void read_choice(const yaml::Node& node, const std::vector<std::string>& choices, std::string& out);
// A name for people and file names: letters, digits, "_", ".", "-", at most 64.
void read_name(const yaml::Node& node, std::string& out);

template <class Number>
void read_number(const yaml::Node& node, std::int64_t low, std::int64_t high, Number& out) {
  if (!node.present()) return;
  if (const auto value = node.integer(low, high)) out = static_cast<Number>(*value);
}

// False when the value is absent or outside; then `out` stays.
bool duration_within(const yaml::Node& node, std::chrono::milliseconds low,
                     std::chrono::milliseconds high, std::chrono::milliseconds& out);

template <class Duration>
void read_duration(const yaml::Node& node, std::chrono::milliseconds low,
                   std::chrono::milliseconds high, Duration& out) {
  std::chrono::milliseconds value{};
  if (duration_within(node, low, high, value)) out = std::chrono::duration_cast<Duration>(value);
}

// 127.0.0.0/8, ::1 and localhost.
[[nodiscard]] bool is_loopback(std::string_view host);

// `listen:` of a listener or of the admin pages; false when absent or wrong.
bool read_listen(const yaml::Node& node, net::Endpoint& out);
// certificate, key, client_ca, require_client_certificate, minimum; builds a context once to see
// that they fit together.
void read_server_tls(const yaml::Node& node, const Folder& folder, net::ServerTlsConfig& out);
void read_client_tls(const yaml::Node& node, const Folder& folder, net::ClientTlsConfig& out);

}  // namespace keyward::server
