// Gives out short-lived users and passwords for tokens, renews and ends them, and says at a login
// whose one is. Lives on the control thread; every function and callback runs there.
#pragma once

#include "keyward/audit/journal.h"
#include "keyward/base/clock.h"
#include "keyward/credential/record.h"
#include "keyward/fleet/store.h"
#include "keyward/identity/remote.h"
#include "keyward/identity/revocation.h"
#include "keyward/policy/snapshot.h"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace keyward::credential {

// Who asks, as far as the connection shows it.
struct Caller {
  std::string source = {};  // address
  std::uint16_t port = 0;
  std::string tls_version = {}, tls_cipher = {};
  std::optional<Digest> certificate = {};  // SHA-256 of the client's
};

struct Wish {
  identity::Vended::Mode mode = identity::Vended::Mode::proxy;
  std::chrono::seconds ttl{0};      // 0 = as long as can be
  std::vector<std::string> grants;  // empty = all that can be had
};

struct Given {
  Record record;
  Secret password;  // empty when it was renewed
  std::string_view limited_by;
  std::string name_space;
  std::vector<std::string> notes;
};

struct Refused {
  enum class Why : std::uint8_t {
    unauthenticated,  // the token is bad: one text for all of them
    forbidden,        // it is good, and this cannot be had by it
    not_found,
    too_many,
    unavailable,  // cannot tell, or cannot do it now
  };
  Why why = Why::unavailable;
  std::string text;  // for the caller
};

template <class T>
using Answer = std::variant<T, Refused>;

struct DeskConfig {
  std::string instance;
  std::uint32_t given_per_minute = 600;         // to one identity
  std::size_t most_direct = 1000;               // Redis users at one time, in the whole fleet
  std::chrono::milliseconds look_every{2'000};  // at the direct users that Redis has
};

struct DeskWiring {
  boost::asio::io_context& io;
  fleet::Store& store;
  audit::Journal& journal;
  const Clock& clock;
  std::function<std::shared_ptr<const policy::Snapshot>()> policy;
  // The limits of the proxy's own door: nothing, or why no token of this address is judged now; and
  // that one was refused.
  std::function<std::string(const Secret& token, const Caller&)> obstacle;
  std::function<void(const Caller&, const identity::Refusal&)> failed;
  // What a login by the token comes to, with everything that a login asks.
  std::function<void(const Secret& token, const Caller&,
                     std::function<void(identity::RemoteAnswer)>)>
      judge;
  // Ends what lives by it on every instance; may be empty.
  std::function<void(identity::Revocation, std::function<void(Result<>)>)> revoke;
};

class Desk {
 public:
  Desk(DeskWiring wiring, DeskConfig config);
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  void give(const Secret& token, Caller caller, Wish wish, std::function<void(Answer<Given>)> done);
  // A direct one, for the identity that it was given to.
  void renew(const Secret& token, Caller caller, std::string user, std::chrono::seconds ttl,
             std::function<void(Answer<Given>)> done);
  // For the identity that it was given to, or, without a token, for `by`, who may end any.
  void end(const Secret& token, Caller caller, std::string user, std::string by,
           std::function<void(Answer<Record>)> done);
  void list(std::function<void(Answer<std::vector<Record>>)> done);

  // The question of a login by a password that was given out here or elsewhere in the fleet.
  void verify(std::shared_ptr<const identity::RemoteQuestion> question,
              std::function<void(identity::RemoteAnswer)> done);

  // Direct users that this denies are gone at once.
  void deny(std::shared_ptr<const identity::DenyList> list);
  // Direct users that this instance gave out keep to the rights that the policy gives now.
  void policy_changed();
  // Redis can be asked: it may be another one, or have lost users, or kept those of the dead.
  void control_up();
  void stop();

  struct Counters {
    std::uint64_t given = 0, renewed = 0, ended = 0, refused = 0, logins = 0, logins_refused = 0;
    std::size_t direct = 0;  // Redis users that this instance knows of
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyward::credential
