#include "keyward/audit/name_hash.h"

#include "audit/sha256.h"
#include "audit/stream_file.h"

#include "keyward/base/hash.h"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <fstream>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

namespace keyward::audit {
namespace {

constexpr std::size_t kSecretSize = 32;
constexpr std::uint32_t kMostVersions = 1000;

int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

Error wrong_line(const std::string& path, std::size_t line) {
  return Error(Errc::invalid, path + ":" + std::to_string(line) +
                                  ": a line is a version and 64 hex digits, versions from 1 up");
}

Result<> made(const std::string& path) {
  if (auto ready = prepare_directory(path.substr(0, path.rfind('/'))); !ready) return ready;
  std::string text = "# key of the names in an audit trail; keep it where the trail is not\n1 " +
                     hex(random_bytes(kSecretSize)) + "\n";
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const bool written = file.open() && ::write(file.number(), text.data(), text.size()) ==
                                   static_cast<ssize_t>(text.size()) &&
                       ::fsync(file.number()) == 0;
  OPENSSL_cleanse(text.data(), text.size());
  if (!written) return Error(Errc::io, path + ": cannot be written");
  return {};
}

}  // namespace

// RFC 2104: the blocks of both paddings are hashed once.
NameHash::NameHash(std::string_view secret, std::uint32_t version) : version_(version) {
  std::array<char, Sha256::kBlock> block{};
  for (const auto& [pad, state] : {std::pair{'\x36', &inner_}, {'\x5c', &outer_}}) {
    block.fill(pad);
    for (std::size_t i = 0; i < std::min(secret.size(), block.size()); ++i)
      block[i] = static_cast<char>(secret[i] ^ pad);
    Sha256 hash;
    hash.add({block.data(), block.size()});
    *state = hash.state();
  }
  OPENSSL_cleanse(block.data(), block.size());
}

HashedName NameHash::operator()(std::string_view name) const {
  Sha256 hash;
  hash.resume(inner_, Sha256::kBlock);
  hash.add(name);
  const HexDigest inside = hash.finish();
  std::array<char, kSecretSize> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(digit(inside[2 * i]) * 16 + digit(inside[2 * i + 1]));
  hash.resume(outer_, Sha256::kBlock);
  hash.add({bytes.data(), bytes.size()});
  const HexDigest outside = hash.finish();
  HashedName out{'h', 'm', 'a', 'c', ':'};
  std::copy_n(outside.begin(), out.size() - 5, out.begin() + 5);
  return out;
}

std::string name_key_file(std::string_view directory, std::string_view instance) {
  while (directory.size() > 1 && directory.ends_with('/')) directory.remove_suffix(1);
  return std::string(directory) + "-keys/" + std::string(instance) + ".names";
}

Result<std::vector<NameHash>> load_name_keys(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0)
    return Error(Errc::not_found, path + ": the key of the names is not there");
  if ((facts.st_mode & 077) != 0)
    return Error(Errc::invalid, path + ": others may read it; chmod 600 " + path);
  std::ifstream file(path);
  std::vector<NameHash> keys;
  std::uint32_t last = 0;
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    std::uint32_t version = 0;
    const char* const end = line.data() + line.size();
    const auto read = std::from_chars(line.data(), end, version);
    const bool spaced = read.ec == std::errc() && read.ptr != end && *read.ptr == ' ';
    auto secret = spaced ? unhex(std::string_view(read.ptr + 1, end)) : std::nullopt;
    if (!secret || secret->size() != kSecretSize || version <= last || version > kMostVersions)
      return wrong_line(path, number);
    last = version;
    keys.emplace_back(*secret, version);
    OPENSSL_cleanse(secret->data(), secret->size());
    OPENSSL_cleanse(line.data(), line.size());
  }
  if (keys.empty()) return Error(Errc::invalid, path + ": no key in it");
  return keys;
}

Result<NameHash> obtain_name_key(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) {
    if (auto done = made(path); !done) return done.error();
  }
  auto keys = load_name_keys(path);
  if (!keys) return keys.error();
  return keys->back();
}

}  // namespace keyward::audit
