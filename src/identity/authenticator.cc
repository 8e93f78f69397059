#include "keyward/identity/authenticator.h"

#include "identity/claims.h"
#include "identity/jwt.h"
#include "identity/missing_keys.h"
#include "identity/verdict_cache.h"

#include "keyward/base/hash.h"
#include "keyward/identity/jwks.h"

#include <algorithm>
#include <map>
#include <utility>

namespace keyward::identity {

namespace {

constexpr std::size_t kCachedVerdicts = 10'000;
// A session may end this much before its max_session, so that a token that is used all the time
// does not copy its principal every time.
constexpr std::chrono::seconds kSessionStep{1};

struct Issuer {
  IssuerConfig config;
  std::shared_ptr<const KeySet> keys;
  MonoTime fetched{};
  MissingKeys missing;
};

// The user field is compared, never believed: it may say nothing, or what the token says.
bool user_agrees(std::string_view user, const Principal& principal, const IssuerConfig& config,
                 const std::vector<std::string>& placeholders) {
  if (user.empty() || user == "default" || user == principal.id || user == principal.subject) {
    return true;
  }
  if (std::find(placeholders.begin(), placeholders.end(), user) != placeholders.end()) return true;
  return std::any_of(config.user_claims.begin(), config.user_claims.end(),
                     [&](const std::string& path) {
                       const auto claim = text_claim(principal.claims, path);
                       return claim && *claim == user;
                     });
}

}  // namespace

struct Authenticator::State {
  std::vector<Issuer> issuers;
  std::map<std::string, std::size_t, std::less<>> by_issuer;
  std::vector<std::string> placeholders;
  const Clock* clock = nullptr;
  VerdictCache cache{kCachedVerdicts};

  bool stale(const Issuer& issuer) const {
    return clock->mono() - issuer.fetched > issuer.config.max_stale;
  }
  static CannotDecide too_old(const Issuer& issuer) {
    return {issuer.config.alias, "the issuer's keys could not be refreshed within max_stale"};
  }
  Verdict admit(std::shared_ptr<const Principal> principal, const Issuer& issuer,
                std::string_view user) const {
    if (user_agrees(user, *principal, issuer.config, placeholders)) return principal;
    return Refusal{"user_mismatch", "the user name is not that of the token", issuer.config.alias,
                   principal->evidence};
  }
  Verdict missing_key(Issuer& issuer, const std::string& kid, bool second_try, Refusal refusal);
  Verdict judge(const Credential& credential, const Digest& digest, bool second_try);
  Verdict reuse(VerdictCache::Entry& entry, std::string_view user);
};

Verdict Authenticator::State::missing_key(Issuer& issuer, const std::string& kid, bool second_try,
                                          Refusal refusal) {
  const MonoTime now = clock->mono();
  if (second_try || issuer.missing.proven_missing(kid, issuer.fetched, now)) {
    refusal.reason = "unknown_key";
    refusal.detail = "the issuer has no key for this token";
    return refusal;
  }
  issuer.missing.ask(kid, now);
  return NeedKeys{issuer.config.alias};
}

Verdict Authenticator::State::judge(const Credential& credential, const Digest& digest,
                                    bool second_try) {
  Refusal refusal;
  refusal.evidence = hex(digest).substr(0, 16);
  const auto refuse = [&refusal](const Rejected& rejected) {
    refusal.reason = rejected.reason;
    refusal.detail = rejected.detail;
    return refusal;
  };
  auto parsed = parse_token(credential.secret);
  if (const auto* rejected = std::get_if<Rejected>(&parsed)) return refuse(*rejected);
  ParsedToken& token = std::get<ParsedToken>(parsed);
  const auto place = by_issuer.find(token.issuer);
  if (place == by_issuer.end()) {
    return refuse({"unknown_issuer", "the token is from an issuer that is not configured"});
  }
  Issuer& issuer = issuers[place->second];
  refusal.issuer_alias = issuer.config.alias;
  if (issuer.keys == nullptr) {
    if (!second_try) return NeedKeys{issuer.config.alias};
    return CannotDecide{issuer.config.alias, "there are no keys of the issuer yet"};
  }
  if (stale(issuer)) return too_old(issuer);

  Outcome outcome = check_token(std::move(token), *issuer.keys, issuer.config, clock->wall());
  if (const auto* rejected = std::get_if<Rejected>(&outcome)) return refuse(*rejected);
  if (const auto* unknown = std::get_if<KeyUnknown>(&outcome)) {
    return missing_key(issuer, unknown->kid, second_try, std::move(refusal));
  }
  Accepted& accepted = std::get<Accepted>(outcome);
  auto principal = std::make_shared<const Principal>(std::move(accepted.principal));
  cache.put({digest, place->second, principal, accepted.valid_from, accepted.valid_until});
  return admit(std::move(principal), issuer, credential.user);
}

Verdict Authenticator::State::reuse(VerdictCache::Entry& entry, std::string_view user) {
  const Issuer& issuer = issuers[entry.issuer];
  if (stale(issuer)) return too_old(issuer);
  if (entry.principal->expires_at < entry.valid_until) {
    // max_session counts from this login, not from the first one with this token.
    const WallTime ends =
        std::min(entry.valid_until, clock->wall() + WallTime::duration(issuer.config.max_session));
    if (ends < entry.principal->expires_at || ends - entry.principal->expires_at >= kSessionStep) {
      auto renewed = std::make_shared<Principal>(*entry.principal);
      renewed->expires_at = ends;
      entry.principal = std::move(renewed);
    }
  }
  return admit(entry.principal, issuer, user);
}

Authenticator::Authenticator(std::vector<IssuerConfig> issuers,
                             std::vector<std::string> placeholders, const Clock& clock)
    : state_(std::make_unique<State>()) {
  state_->placeholders = std::move(placeholders);
  state_->clock = &clock;
  for (IssuerConfig& config : issuers) {
    // Two issuers with one `iss` cannot be told apart by a token: check_issuers() refuses them,
    // here the first one stays.
    state_->by_issuer.emplace(config.issuer, state_->issuers.size());
    state_->issuers.push_back(Issuer{std::move(config), nullptr, {}, {}});
  }
}

Authenticator::~Authenticator() = default;

void Authenticator::set_keys(const std::string& issuer_alias, std::shared_ptr<const KeySet> keys,
                             MonoTime fetched) {
  for (std::size_t at = 0; at < state_->issuers.size(); ++at) {
    Issuer& issuer = state_->issuers[at];
    if (issuer.config.alias != issuer_alias) continue;
    const bool same = keys != nullptr && issuer.keys != nullptr &&
                      keys->fingerprint() == issuer.keys->fingerprint();
    issuer.keys = std::move(keys);
    issuer.fetched = fetched;
    // A verdict rests on the keys: the same keys fetched again change nothing.
    if (same) continue;
    state_->cache.purge_issuer(at);
    issuer.missing.clear();
  }
}

Verdict Authenticator::authenticate(const Credential& credential, bool second_try) {
  if (credential.secret.size() > kMaxToken) {
    return Refusal{"too_large", "the credential is above 16 KiB", "", ""};
  }
  const Digest digest = sha256(credential.secret);
  VerdictCache::Entry* const known = state_->cache.find(digest, state_->clock->wall());
  if (known != nullptr) return state_->reuse(*known, credential.user);
  return state_->judge(credential, digest, second_try);
}

}  // namespace keyward::identity
