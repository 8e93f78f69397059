#include "keyward/aws/credential_keeper.h"

#include <optional>
#include <utility>
#include <vector>

namespace keyward::aws {

namespace {

// AWS's own clients look for the next ones 15 minutes before the end and must have them 10 minutes
// before; sessions here may be as short as 15 minutes altogether, so less.
constexpr std::chrono::minutes kEarly{5};
constexpr std::chrono::seconds kLast{30};
// A renewal that failed is tried again after that, as long as the present ones are good.
constexpr std::chrono::seconds kPause{10};
// Of credentials that do not say when they end: files and environments are changed by others.
constexpr std::chrono::minutes kLook{5};

}  // namespace

struct CredentialKeeper::State : std::enable_shared_from_this<State> {
  State(Find ask, const Clock& time) : find(std::move(ask)), clock(time) {}

  [[nodiscard]] bool usable() const {
    return held && (!held->expires || *held->expires > clock.wall() + kLast);
  }
  [[nodiscard]] bool due() const {
    const MonoTime now = clock.mono();
    if (!held) return true;
    if (now < not_before) return false;
    return held->expires ? *held->expires <= clock.wall() + kEarly : now >= looked + kLook;
  }
  void ask() {
    if (asking) return;
    asking = true;
    find([weak = weak_from_this()](Result<Credentials> found) {
      if (const auto self = weak.lock()) self->on_found(std::move(found));
    });
  }
  void on_found(Result<Credentials> found) {
    asking = false;
    if (found) {
      held = *found;
      looked = clock.mono();
    }
    not_before = clock.mono() + kPause;
    if (!found && usable()) found = *held;
    for (const Done& done : std::exchange(waiting, {})) done(found);
  }

  Find find;
  const Clock& clock;
  std::optional<Credentials> held;
  MonoTime looked{}, not_before{};
  bool asking = false;
  std::vector<Done> waiting;  // bounded by the calls that targets may have under way
};

CredentialKeeper::CredentialKeeper(Find find, const Clock& clock)
    : state_(std::make_shared<State>(std::move(find), clock)) {}

CredentialKeeper::~CredentialKeeper() = default;

void CredentialKeeper::get(Done done) {
  const auto state = state_;  // what `done` does may end the keeper
  const bool now = state->usable();
  if (!now) state->waiting.push_back(done);
  if (!now || state->due()) state->ask();
  if (now && state->held) done(*state->held);
}

void CredentialKeeper::refused(const Keys& keys) {
  const auto& held = state_->held;
  if (held && held->keys.access_key == keys.access_key &&
      held->keys.session_token == keys.session_token)
    state_->held.reset();
}

}  // namespace keyward::aws
