// Keyward's own records in Redis: what the instances of a fleet share. Sealed, so that whoever
// reaches the keys can neither read, forge nor swap them; a record that vanishes is put back by an
// instance that knows it.
#pragma once

#include "keyward/base/result.h"
#include "keyward/base/secret.h"
#include "keyward/upstream/control.h"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::fleet {

// No command of a client may name a key that begins so, whatever its grants say: the decision
// refuses it (policy/decide.cc). In database 0.
inline constexpr std::string_view kPrefix = "keyward:fleet:";

struct StoreConfig {
  // The secret that all instances have: `fleet.secret` of the configuration, else the password of
  // the admin user. Read anew when a record cannot be opened or the admin credential changed.
  std::function<Result<Secret>()> secret;
};

// One record: AES-256-GCM under a key derived from the secret (HKDF-SHA-256), bound to its name.
// Text-safe output. Pure.
class Seal {
 public:
  explicit Seal(const Secret& secret);
  [[nodiscard]] std::string close(std::string_view name, std::string_view plain) const;
  // Nothing: not sealed by this secret under this name, or altered.
  [[nodiscard]] std::optional<std::string> open(std::string_view name,
                                                std::string_view sealed) const;

 private:
  Secret key_;
};

// Lives on the control thread; so do all callbacks. Errors are those of Control, and Errc::invalid
// for a record that cannot be opened.
class Store {
 public:
  Store(upstream::Control& control, StoreConfig config);

  void put(const std::string& name, std::string_view plain, std::chrono::milliseconds life,
           std::function<void(Result<>)> done);
  // Only if there is none; false = there is one.
  void put_new(const std::string& name, std::string_view plain, std::chrono::milliseconds life,
               std::function<void(Result<bool>)> done);
  void get(const std::string& name, std::function<void(Result<std::optional<std::string>>)> done);
  void erase(const std::string& name, std::function<void(Result<>)> done);
  // All records whose name begins so, by SCAN: name and content; those that cannot be opened are
  // left out and counted.
  struct Listing {
    std::vector<std::pair<std::string, std::string>> records;
    std::size_t unreadable = 0;
  };
  void list(const std::string& name_prefix, std::function<void(Result<Listing>)> done);

  [[nodiscard]] upstream::Control& control() { return control_; }
  [[nodiscard]] Result<Seal> seal() const;

 private:
  upstream::Control& control_;
  StoreConfig config_;
};

}  // namespace keyward::fleet
