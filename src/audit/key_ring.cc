#include "audit/key_ring.h"

#include "keyward/base/descriptor.h"
#include "keyward/base/hash.h"

#include <boost/json.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <system_error>
#include <unistd.h>

namespace keyward::audit {
namespace {

namespace json = boost::json;

constexpr std::string_view kSignature = R"(,"signature":")";
constexpr std::size_t kMostKeys = 10'000;

std::string statement(const PublicKey& key, std::uint64_t since_us, std::string_view signed_by) {
  return fmt::format(R"({{"key":"{}","public":"{}","since_us":{},"signed_by":"{}")", key.id(),
                     key.hex(), since_us, signed_by);
}

std::string finished(const std::string& text, std::string_view signature) {
  return text + std::string(kSignature) + hex(signature) + "\"}";
}

std::string text_of(const json::object& from, std::string_view name) {
  const json::value* found = from.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

// Made again from what it says, so that no byte of it can differ from what was written.
struct Line {
  PublicKey key;
  std::string signed_by, text, signature;
};
std::optional<Line> parse(const std::string& line) {
  json::error_code error;
  const json::value value = json::parse(line, error);
  const json::object* fields = error ? nullptr : value.if_object();
  if (fields == nullptr) return {};
  const json::value* since = fields->if_contains("since_us");
  auto key = PublicKey::from_hex(text_of(*fields, "public"));
  auto signature = unhex(text_of(*fields, "signature"));
  if (!key || !signature || since == nullptr || !since->is_int64() || since->get_int64() < 0)
    return {};
  std::string signed_by = text_of(*fields, "signed_by");
  std::string text = statement(*key, static_cast<std::uint64_t>(since->get_int64()), signed_by);
  if (finished(text, *signature) != line) return {};
  return Line{*std::move(key), std::move(signed_by), std::move(text), *std::move(signature)};
}

}  // namespace

std::string key_ring_file(std::string_view directory, std::string_view instance) {
  return std::string(directory) + "/" + std::string(instance) + ".keys";
}

Result<KeyRing> KeyRing::load(const std::string& path) {
  KeyRing ring;
  std::ifstream file(path, std::ios::binary);
  if (!file && errno == ENOENT) return ring;
  if (!file) return Error(Errc::io, path + ": " + std::generic_category().message(errno));
  std::string line;
  while (std::getline(file, line)) {
    const auto entry = ring.keys_.size() < kMostKeys ? parse(line) : std::nullopt;
    const std::string expected = ring.keys_.empty() && entry ? entry->key.id()
                                 : ring.empty()              ? ""
                                                             : ring.keys_.back().id;
    const PublicKey* signer = !entry               ? nullptr
                              : ring.keys_.empty() ? &entry->key
                                                   : &ring.keys_.back().key;
    // No key introduces itself, or one that was there, a second time.
    const bool fresh = entry && !ring.find(entry->key.id());
    if (!fresh || entry->signed_by != expected || file.eof() ||
        !signer->accepts(entry->text, entry->signature)) {
      return Error(Errc::invalid, path + ":" + std::to_string(ring.keys_.size() + 1) +
                                      ": not a key that the one before it signed");
    }
    ring.keys_.push_back({entry->key.id(), entry->key});
  }
  return ring;
}

std::optional<std::size_t> KeyRing::find(std::string_view id) const {
  const auto found = std::find_if(keys_.rbegin(), keys_.rend(),
                                  [id](const Entry& entry) { return entry.id == id; });
  if (found == keys_.rend()) return {};
  return static_cast<std::size_t>(keys_.rend() - found) - 1;
}

Result<> KeyRing::add(const std::string& path, const PublicKey& fresh, const PrivateKey& signer,
                      WallTime now) {
  const auto since = static_cast<std::uint64_t>(now.time_since_epoch().count());
  const std::string text = statement(fresh, since, signer.public_key().id());
  const std::string line = finished(text, signer.sign(text)) + "\n";
  const Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.open() ||
      ::write(file.number(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      ::fsync(file.number()) != 0)
    return Error(Errc::io, path + ": " + std::generic_category().message(errno));
  return {};
}

}  // namespace keyward::audit
