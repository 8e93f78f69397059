// The other instances of the fleet: the claim on our own name, and the users of those that are
// gone.
#include "lease/service_state.h"

#include "keyward/base/log.h"

namespace keyward::lease {
namespace {

// Of one look; the others come with the next ones.
constexpr std::size_t kMostAsked = 64;

constexpr std::size_t kHash = 3;  // where it begins in "kw_<8 hex>_<16 hex>"
constexpr std::size_t kHashSize = 8;

}  // namespace

// Before anything is swept. Without a store, or where Redis does not let Keyward keep records, the
// name is taken for ours, as the configuration says it should be.
void LeaseService::State::claim_name_first(std::function<void(Result<>)> then) {
  if (store == nullptr || (claim != nullptr && claim->taken())) return then({});
  if (claim == nullptr) {
    claim = std::make_shared<Claim>(io, *store, config.instance, prefix.substr(kHash, kHashSize),
                                    config.period, clock);
  }
  claim->take([self = shared_from_this(), then = std::move(then)](const Result<>& result) {
    if (self->gone) return;
    if (result || result.error().code() == Errc::invalid) return then(result);
    if (result.error().code() != Errc::forbidden && self->control.up() == false)
      return then(result);
    if (!std::exchange(self->told_unclaimed, true)) {
      spdlog::warn(
          "the instance name cannot be claimed: {}. A second process of this name would delete the "
          "users of this one",
          result.error().message());
    }
    then({});
  });
}

void LeaseService::State::meet_fellows() {
  fellow_timer.expires_after(config.period / 4);
  fellow_timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (error || self->gone || self->stopping) return;
    self->meet_fellows();
    if (!self->control.up() || !self->reconciled) return;
    if (self->claim != nullptr) self->claim->beat();
    if (++self->beats % 2 != 0) return;
    self->ask_fellows();
    self->list_users({}, [](Result<>) {});
  });
}

void LeaseService::State::ask_fellows() {
  if (store == nullptr || claim == nullptr || !claim->taken()) return;
  std::unordered_set<std::string> hashes;
  for (const std::string& user : others) {
    if (!user.starts_with("kw_")) continue;
    hashes.insert(user.substr(kHash, kHashSize));
    if (hashes.size() == kMostAsked) break;
  }
  for (const std::string& hash : hashes) {
    store->get(claim_name(hash),
               [self = shared_from_this(), hash](const Result<std::optional<std::string>>& record) {
                 if (self->gone || self->stopping || !record) return;
                 const MonoTime now = self->clock.mono();
                 self->fellows.heard(hash, *record ? read_claim(**record) : std::nullopt, now);
                 if (self->fellows.gone(hash, now)) self->bury(hash);
               });
  }
}

// Should it live after all, it makes its users again as soon as it looks.
void LeaseService::State::bury(const std::string& hash) {
  fellows.forget(hash);
  const std::string beginning = "kw_" + hash + "_";
  std::size_t found = 0;
  for (const std::string& user : others) {
    if (!user.starts_with(beginning)) continue;
    ++found;
    sweep_one(user, "left by an instance that is gone");
  }
  store->erase(claim_name(hash), [](const Result<>&) {});
  if (found > 0)
    spdlog::warn("an instance of this fleet was not heard for two periods: its {} users go", found);
}

// Own names that the book does not know: made and lost in between, or by somebody else.
void LeaseService::State::sweep_strays(const std::unordered_set<std::string>& own) {
  const MonoTime now = clock.mono();
  std::erase_if(strays, [&](const auto& one) {
    return !own.contains(one.first) || book.find(one.first) != nullptr;
  });
  for (const std::string& user : own) {
    if (book.find(user) != nullptr) continue;
    const auto [at, fresh] = strays.try_emplace(user, now);
    if (!fresh && at->second + 2 * config.period <= now) sweep_one(user, "held by nobody");
  }
}

}  // namespace keyward::lease
