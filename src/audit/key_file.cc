#include "audit/key_file.h"

#include "audit/key_ring.h"
#include "audit/stream_file.h"

#include "keyward/audit/keys.h"

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace keyward::audit {

bool stamp(const std::string& path, std::uint64_t& inode, std::uint64_t& changed_ns) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return false;
  inode = facts.st_ino;
  changed_ns = static_cast<std::uint64_t>(facts.st_ctim.tv_sec) * 1'000'000'000 +
               static_cast<std::uint64_t>(facts.st_ctim.tv_nsec);
  return true;
}

Result<KeyFile> load_key(const std::string& path) {
  std::uint64_t inode = 0, changed_ns = 0;
  static_cast<void>(stamp(path, inode, changed_ns));
  auto key = PrivateKey::load(path);
  if (!key) return key.error();
  std::string id = key->public_key().id();
  return KeyFile{*std::move(key), std::move(id), inode, changed_ns};
}

Result<KeyFile> obtain_key(const std::string& path, const std::string& ring_file,
                           const Clock& clock) {
  auto ring = KeyRing::load(ring_file);
  if (!ring) return ring.error();
  const bool there = ::access(path.c_str(), F_OK) == 0;
  if (!there && !ring->empty()) {
    return Error(Errc::not_found, "the key that signs the checkpoints is gone: " + path +
                                      "; put it back, or move " + ring_file +
                                      " and the checkpoints it signed away to begin anew");
  }
  if (!there) {
    if (auto ready = prepare_directory(path.substr(0, path.rfind('/'))); !ready)
      return ready.error();
    if (auto saved = PrivateKey::make().save(path, false); !saved) return saved.error();
  }
  auto key = load_key(path);
  if (!key) return key;
  if (ring->empty()) {
    if (auto added = KeyRing::add(ring_file, key->key.public_key(), key->key, clock.wall()); !added)
      return added.error();
  } else if (!ring->find(key->id)) {
    return Error(Errc::invalid, path + ": no key in " + ring_file +
                                    " signed this one; use `keyward audit rotate-key`");
  }
  return key;
}

std::string signing_key_file(std::string_view directory, std::string_view instance) {
  while (directory.size() > 1 && directory.ends_with('/')) directory.remove_suffix(1);
  return std::string(directory) + "-keys/" + std::string(instance) + ".pem";
}

Result<std::string> rotate_signing_key(const std::string& directory, const std::string& instance,
                                       const std::string& key_file, const Clock& clock) {
  const std::string path = key_file.empty() ? signing_key_file(directory, instance) : key_file;
  const std::string ring_file = key_ring_file(directory, instance);
  const auto ring = KeyRing::load(ring_file);
  if (!ring) return ring.error();
  if (ring->empty())
    return Error(Errc::not_found, ring_file + ": no key signs the checkpoints of this instance");
  auto old = load_key(path);
  if (!old) return old.error();
  if (ring->find(old->id) != ring->size() - 1)
    return Error(Errc::invalid, path + ": not the newest key in " + ring_file);
  const PrivateKey fresh = PrivateKey::make();
  if (auto added = KeyRing::add(ring_file, fresh.public_key(), old->key, clock.wall()); !added)
    return added.error();
  if (auto saved = fresh.save(path, true); !saved) return saved.error();
  return fresh.public_key().id();
}

std::vector<std::string> signing_instances(const std::string& directory) {
  std::vector<std::string> out;
  std::error_code code;
  for (std::filesystem::directory_iterator entry(directory, code);
       !code && entry != std::filesystem::directory_iterator(); entry.increment(code)) {
    if (entry->path().extension() == ".keys") out.push_back(entry->path().stem().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<NewestKey> newest_key(const std::string& directory, const std::string& instance) {
  const std::string path = key_ring_file(directory, instance);
  const auto ring = KeyRing::load(path);
  if (!ring) return ring.error();
  if (ring->empty())
    return Error(Errc::not_found, path + ": no key signs the checkpoints of this instance");
  const PublicKey& key = ring->at(ring->size() - 1);
  return NewestKey{key.id(), key.pem()};
}

}  // namespace keyward::audit
