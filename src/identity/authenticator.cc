#include "keyward/identity/authenticator.h"

#include "identity/certificate_login.h"
#include "identity/claims.h"
#include "identity/introspection.h"
#include "identity/jwt.h"
#include "identity/missing_keys.h"
#include "identity/sts_token.h"
#include "identity/verdict_cache.h"

#include "keyward/base/hash.h"
#include "keyward/base/same_secret.h"
#include "keyward/identity/jwks.h"
#include "keyward/identity/vended_password.h"

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
  if (user == principal.vended.user) return true;
  if (std::find(placeholders.begin(), placeholders.end(), user) != placeholders.end()) return true;
  return std::any_of(config.user_claims.begin(), config.user_claims.end(),
                     [&](const std::string& path) {
                       const auto claim = text_claim(principal.claims, path);
                       return claim && *claim == user;
                     });
}

// RFC 8705 section 3: the connection's certificate must be the one in the token.
bool certificate_agrees(const Principal& principal, const Digest* certificate) {
  if (principal.bound_to.empty()) return true;
  if (certificate == nullptr) return false;
  return same_secret(hex(*certificate), principal.bound_to);
}

}  // namespace

struct Authenticator::State {
  std::vector<Issuer> issuers;
  std::map<std::string, std::size_t, std::less<>> by_issuer;
  std::vector<std::string> placeholders;
  const Clock* clock = nullptr;
  VerdictCache cache{kCachedVerdicts};
  std::shared_ptr<const DenyList> denials = std::make_shared<DenyList>();
  std::uint64_t remembered = 0;

  bool stale(const Issuer& issuer) const {
    return clock->mono() - issuer.fetched > issuer.config.max_stale;
  }
  static CannotDecide too_old(const Issuer& issuer) {
    return {issuer.config.alias, "the issuer's keys could not be refreshed within max_stale"};
  }
  Verdict admit(std::shared_ptr<const Principal> principal, const IssuerConfig& config,
                const Credential& credential) const;
  // As admit(), for tokens that were judged here: the cluster may still have to confirm it.
  Verdict confirm(std::shared_ptr<const Principal> principal, const Issuer& issuer,
                  const Credential& credential, const Digest& digest) const;
  Verdict ask(RemoteQuestion::Kind kind, const std::string& alias, const Credential& credential,
              const Digest& digest, std::shared_ptr<const Principal> principal = nullptr) const;
  // The credentials that are no signed tokens; nothing for those that may be one.
  std::optional<Verdict> elsewhere(const Credential& credential, const Digest& digest) const;
  const Issuer* find(const std::string& alias) const {
    for (const Issuer& issuer : issuers) {
      if (issuer.config.alias == alias) return &issuer;
    }
    return nullptr;
  }
  Verdict missing_key(Issuer& issuer, const std::string& kid, bool second_try, Refusal refusal);
  Verdict judge(const Credential& credential, const Digest& digest, bool second_try);
  Verdict reuse(VerdictCache::Entry& entry, const Credential& credential, const Digest& digest);
  // Places in `issuers`; the credentials of these do not name their issuer, so there is one of
  // each.
  std::optional<std::size_t> aws, opaque;
};

Verdict Authenticator::State::admit(std::shared_ptr<const Principal> principal,
                                    const IssuerConfig& config,
                                    const Credential& credential) const {
  if (!certificate_agrees(*principal, credential.certificate)) {
    return Refusal{"bound_token", "the token is bound to another client certificate", config.alias,
                   principal->evidence};
  }
  if (!user_agrees(credential.user, *principal, config, placeholders)) {
    return Refusal{"user_mismatch", "the user name is not that of the token", config.alias,
                   principal->evidence};
  }
  if (const Revocation* by = denials->denies(*principal)) return revoked(*by, *principal);
  return principal;
}

Verdict Authenticator::State::confirm(std::shared_ptr<const Principal> principal,
                                      const Issuer& issuer, const Credential& credential,
                                      const Digest& digest) const {
  Verdict verdict = admit(principal, issuer.config, credential);
  if (issuer.config.token_review.url.empty() ||
      !std::holds_alternative<std::shared_ptr<const Principal>>(verdict)) {
    return verdict;
  }
  return ask(RemoteQuestion::Kind::token_review, issuer.config.alias, credential, digest,
             std::move(principal));
}

Verdict Authenticator::State::ask(RemoteQuestion::Kind kind, const std::string& alias,
                                  const Credential& credential, const Digest& digest,
                                  std::shared_ptr<const Principal> principal) const {
  auto question = std::make_shared<RemoteQuestion>();
  question->kind = kind;
  question->issuer_alias = alias;
  question->credential = Secret(std::string(credential.secret));
  question->digest = digest;
  question->source = credential.source;
  question->principal = std::move(principal);
  return AskRemote{std::move(question)};
}

std::optional<Verdict> Authenticator::State::elsewhere(const Credential& credential,
                                                       const Digest& digest) const {
  if (vended_user_of(credential.secret))
    return ask(RemoteQuestion::Kind::vended, {}, credential, digest);
  if (is_sts_token(credential.secret)) {
    if (!aws) return std::nullopt;  // nothing that others should see
    const IssuerConfig& config = issuers[*aws].config;
    // All that can be judged without asking is judged here: a bad one costs no request.
    auto read = read_sts_token(credential.secret, config, clock->wall());
    if (const auto* rejected = std::get_if<Rejected>(&read)) {
      return Refusal{std::string(rejected->reason), rejected->detail, config.alias,
                     evidence_of(digest)};
    }
    return ask(RemoteQuestion::Kind::aws_sts, config.alias, credential, digest);
  }
  if (!opaque) return std::nullopt;
  const IssuerConfig& config = issuers[*opaque].config;
  if (!config.introspection.only && looks_like_jwt(credential.secret)) return std::nullopt;
  if (!is_bearer_token(credential.secret)) {
    return Refusal{"not_a_jwt", "the credential is neither a JWT nor an opaque token", config.alias,
                   evidence_of(digest)};
  }
  return ask(RemoteQuestion::Kind::introspection, config.alias, credential, digest);
}

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
  refusal.evidence = evidence_of(digest);
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
  return confirm(std::move(principal), issuer, credential, digest);
}

Verdict Authenticator::State::reuse(VerdictCache::Entry& entry, const Credential& credential,
                                    const Digest& digest) {
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
  return confirm(entry.principal, issuer, credential, digest);
}

Authenticator::Authenticator(std::vector<IssuerConfig> issuers,
                             std::vector<std::string> placeholders, const Clock& clock)
    : state_(std::make_unique<State>()) {
  state_->placeholders = std::move(placeholders);
  state_->clock = &clock;
  for (IssuerConfig& config : issuers) {
    // Two issuers with one `iss` cannot be told apart by a token: check_issuers() refuses them,
    // here the first one stays.
    const std::size_t place = state_->issuers.size();
    if (config.has_keys()) state_->by_issuer.emplace(config.issuer, place);
    if (config.profile == Profile::aws_iam && !state_->aws) state_->aws = place;
    if (!config.introspection.url.empty() && !state_->opaque) state_->opaque = place;
    state_->issuers.push_back(Issuer{std::move(config), nullptr, {}, {}});
  }
}

Authenticator::~Authenticator() = default;

Refusal revoked(const Revocation& by, const Principal& principal) {
  return {"revoked", "the " + std::string(name(by.target)) + " was revoked: " + by.id,
          principal.issuer_alias, principal.evidence};
}

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

void Authenticator::set_denials(std::shared_ptr<const DenyList> denials) {
  if (denials != nullptr) state_->denials = std::move(denials);
}

Verdict Authenticator::authenticate(const Credential& credential, bool second_try) {
  if (credential.secret.size() > kMaxToken) {
    return Refusal{"too_large", "the credential is above 16 KiB", "", ""};
  }
  const Digest digest = sha256(credential.secret);
  VerdictCache::Entry* const known = state_->cache.find(digest, state_->clock->wall());
  if (known != nullptr) {
    ++state_->remembered;
    return state_->reuse(*known, credential, digest);
  }
  if (auto verdict = state_->elsewhere(credential, digest)) return std::move(*verdict);
  return state_->judge(credential, digest, second_try);
}

std::uint64_t Authenticator::remembered() const { return state_->remembered; }

Authenticator::Glance Authenticator::glance(std::string_view secret) {
  if (secret.size() > kMaxToken) return {};
  const Digest digest = sha256(secret);
  Glance seen;
  seen.evidence = evidence_of(digest);
  const auto claims = [&](const std::optional<std::size_t>& issuer) {
    if (issuer) seen.issuer_alias = state_->issuers[*issuer].config.alias;
    return seen;
  };
  if (const auto* known = state_->cache.find(digest, state_->clock->wall())) {
    seen.remembered = true;
    return claims(known->issuer);
  }
  if (vended_user_of(secret)) return seen;
  if (is_sts_token(secret)) return claims(state_->aws);
  const auto parsed = parse_token(secret);
  if (const auto* token = std::get_if<ParsedToken>(&parsed)) {
    const auto place = state_->by_issuer.find(token->issuer);
    if (place != state_->by_issuer.end()) return claims(place->second);
  }
  return claims(state_->opaque);
}

Verdict Authenticator::conclude(const Credential& credential, RemoteAnswer answer) const {
  if (auto* refusal = std::get_if<Refusal>(&answer)) return std::move(*refusal);
  if (auto* cannot = std::get_if<CannotDecide>(&answer)) return std::move(*cannot);
  auto& principal = std::get<std::shared_ptr<const Principal>>(answer);
  const Issuer* const issuer = state_->find(principal->issuer_alias);
  if (issuer == nullptr && principal->vended.mode != Vended::Mode::none) {
    return Refusal{"unknown_issuer",
                   "the credential is for a token of an issuer that is not "
                   "configured",
                   principal->issuer_alias, principal->evidence};
  }
  if (issuer == nullptr) return CannotDecide{principal->issuer_alias, "the issuer is gone"};
  return state_->admit(std::move(principal), issuer->config, credential);
}

Verdict Authenticator::identify(const std::string& issuer_alias, std::string_view user,
                                const net::PeerCertificate& certificate) const {
  const Issuer* const issuer = state_->find(issuer_alias);
  if (issuer == nullptr || issuer->config.profile != Profile::mtls) {
    return Refusal{"certificate", "no issuer entry says what certificates mean", issuer_alias, ""};
  }
  auto read = certificate_principal(certificate, issuer->config, state_->clock->wall());
  if (auto* rejected = std::get_if<Rejected>(&read)) {
    return Refusal{std::string(rejected->reason), rejected->detail, issuer_alias,
                   evidence_of(certificate.sha256)};
  }
  auto principal = std::make_shared<const Principal>(std::move(std::get<Principal>(read)));
  return state_->admit(std::move(principal), issuer->config, {.user = user});
}

}  // namespace keyward::identity
