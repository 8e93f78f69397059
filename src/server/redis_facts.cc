#include "server/redis_facts.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace keyward::server {

namespace {

std::string_view field(std::string_view info, std::string_view name) {
  std::size_t at = 0;
  while ((at = info.find(name, at)) != std::string_view::npos) {
    const std::size_t colon = at + name.size();
    const bool line_start = at == 0 || info[at - 1] == '\n';
    if (line_start && colon < info.size() && info[colon] == ':') {
      const std::size_t end = info.find_first_of("\r\n", colon);
      return info.substr(colon + 1,
                         (end == std::string_view::npos ? info.size() : end) - colon - 1);
    }
    at = colon;
  }
  return {};
}

struct Section {
  std::string_view title;
  std::array<std::string_view, 8> fields;
};

constexpr std::array<Section, 5> kShown{{
    {"Server",
     {"redis_version", "redis_mode", "os", "arch_bits", "multiplexing_api", "gcc_version", "hz",
      "valkey_version"}},
    {"Memory", {"maxmemory", "maxmemory_human", "maxmemory_policy"}},
    {"Persistence", {"loading", "async_loading"}},
    {"Replication", {"role", "connected_slaves"}},
    {"Cluster", {"cluster_enabled"}},
}};

}  // namespace

command::ServerVersion server_version(std::string_view info) {
  command::ServerVersion version;
  std::string_view text = field(info, "valkey_version");
  if (!text.empty()) {
    version.flavour = "valkey";
  } else {
    text = field(info, "redis_version");
  }
  for (int* part : {&version.major, &version.minor, &version.patch}) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *part);
    if (error != std::errc()) break;
    text.remove_prefix(
        std::min<std::size_t>(text.size(), static_cast<std::size_t>(end - text.data()) + 1));
  }
  return version;
}

proxy::ServerFacts reduce_info(std::string_view info) {
  proxy::ServerFacts facts;
  if (const std::string_view version = field(info, "redis_version"); !version.empty())
    facts.version = version;
  for (const Section& section : kShown) {
    if (!facts.info.empty()) facts.info += "\r\n";
    facts.info.append("# ").append(section.title).append("\r\n");
    for (const std::string_view name : section.fields) {
      const std::string_view value = name.empty() ? std::string_view() : field(info, name);
      if (!value.empty()) facts.info.append(name).append(":").append(value).append("\r\n");
    }
  }
  return facts;
}

}  // namespace keyward::server
