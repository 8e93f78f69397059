// Keyward's own records in Redis: what the instances of a fleet share. Sealed, so that whoever
// reaches the keys can neither read nor forge nor swap them; a record that vanishes is put back by
// an instance that knows it.
#pragma once

#include "keyward/base/reserved_keys.h"
#include "keyward/base/result.h"
#include "keyward/base/secret.h"
#include "keyward/fleet/seal.h"
#include "keyward/upstream/control.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::fleet {

// In front of every name below, in database 0. No command of a client may name a key that begins
// so, whatever its grants say.
inline constexpr std::string_view kPrefix = kReservedKeys;

struct StoreConfig {
  // The secret that all instances have: `fleet.secret` of the configuration, else the password of
  // the admin user. Asked for when it is first needed, when a record cannot be opened (at most
  // once a second), and by refresh_secret().
  std::function<Result<Secret>()> secret;
};

// Lives on the control thread; so do all callbacks, which may come after the Store is gone. Errors
// are those of Control; Errc::invalid for a record that is there and cannot be opened;
// Errc::forbidden when Redis refuses, in words that say what to grant.
class Store {
 public:
  Store(upstream::Control& control, StoreConfig config);

  // `life` is at least a millisecond.
  void put(const std::string& name, std::string_view plain, std::chrono::milliseconds life,
           std::function<void(Result<>)> done);
  // Only if there is none; false = there is one.
  void put_new(const std::string& name, std::string_view plain, std::chrono::milliseconds life,
               std::function<void(Result<bool>)> done);
  void get(const std::string& name, std::function<void(Result<std::optional<std::string>>)> done);
  void erase(const std::string& name, std::function<void(Result<>)> done);
  // All records whose name begins so; those that cannot be opened are left out and counted. Names
  // are "kind/rest", and the prefix holds at least "kind/": each kind has an index beside it, so
  // that nobody walks through the keys of others.
  struct Listing {
    std::vector<std::pair<std::string, std::string>> records;  // name, content
    std::size_t unreadable = 0;
  };
  void list(const std::string& name_prefix, std::function<void(Result<Listing>)> done);

  // For records that lie otherwise than one to a key. `name` is what the seal is bound to.
  [[nodiscard]] Result<std::string> seal(std::string_view name, std::string_view plain);
  [[nodiscard]] std::optional<std::string> open(std::string_view name, std::string_view sealed);
  // The source may say something else by now. Records under the secret before this one can still
  // be opened; new ones are sealed under the new one. True: it did change.
  bool refresh_secret();
  // How often it changed: what lies sealed for long is worth sealing anew then.
  [[nodiscard]] std::uint64_t generation() const;

  [[nodiscard]] upstream::Control& control() { return control_; }
  // Records that could not be opened so far.
  [[nodiscard]] std::uint64_t unreadable() const;

 private:
  struct State;
  upstream::Control& control_;
  std::shared_ptr<State> state_;
};

// An error reply as an Error: NOPERM says what Keyward's own user lacks.
[[nodiscard]] Error redis_error(const upstream::ControlReply& reply);

}  // namespace keyward::fleet
