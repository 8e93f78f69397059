#include "policy/manifest.h"

#include "keyward/base/hash.h"

#include <map>

namespace keyward::policy {
namespace {

constexpr std::size_t kHash = 64;
constexpr std::string_view kHowToSign = "sign the folder anew: keyward policy sign --key KEY DIR";

bool is_hash(std::string_view text) {
  return text.size() == kHash && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool is_policy_name(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml");
}

struct Line {
  std::string_view hash;
  int number = 0;
};

// By name. Lines as sha256sum writes them; "./" before a name is dropped, "*" marks binary.
std::map<std::string_view, Line> read_lines(std::string_view text, const std::string& place,
                                            Diagnostics& diagnostics) {
  std::map<std::string_view, Line> out;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.empty()) continue;
    const bool shaped = line.size() > kHash + 2 && is_hash(line.substr(0, kHash)) &&
                        line[kHash] == ' ' && (line[kHash + 1] == ' ' || line[kHash + 1] == '*');
    if (!shaped) {
      diagnostics.error(place, number, 1, "this is not a line of a manifest",
                        "<64 hex digits of SHA-256>, two spaces, the file's name");
      return {};
    }
    std::string_view name = line.substr(kHash + 2);
    if (name.starts_with("./")) name.remove_prefix(2);
    if (!out.emplace(name, Line{line.substr(0, kHash), number}).second) {
      diagnostics.error(place, number, 1, "'" + std::string(name) + "' stands here twice",
                        std::string(kHowToSign));
    }
  }
  return out;
}

}  // namespace

std::string manifest_of(const std::vector<PolicyFile>& files) {
  std::string out;
  for (const PolicyFile& file : files) out += hex(sha256(file.content)) + "  " + file.name + "\n";
  return out;
}

void check_manifest(std::string_view text, const std::vector<PolicyFile>& files,
                    const std::string& place, Diagnostics& diagnostics) {
  const bool failed = diagnostics.failed();
  auto lines = read_lines(text, place, diagnostics);
  if (!failed && diagnostics.failed()) return;
  for (const PolicyFile& file : files) {
    const auto found = lines.find(file.name);
    if (found == lines.end()) {
      diagnostics.error(file.path, 1, 1, "the signed manifest does not name this file",
                        std::string(kHowToSign));
      continue;
    }
    if (found->second.hash != hex(sha256(file.content))) {
      diagnostics.error(file.path, 1, 1,
                        "the file is not the one that was signed (" + place + ":" +
                            std::to_string(found->second.number) + ")",
                        std::string(kHowToSign));
    }
    lines.erase(found);
  }
  for (const auto& [name, line] : lines) {
    if (!is_policy_name(name)) continue;
    diagnostics.error(place, line.number, 1,
                      "the signed policy file '" + std::string(name) + "' is not in the folder",
                      std::string(kHowToSign));
  }
}

}  // namespace keyward::policy
