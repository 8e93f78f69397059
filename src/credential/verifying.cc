// A login by a password that was given out: whose it is, by the record that the fleet keeps.
#include "credential/desk_state.h"

#include "keyward/identity/vended_password.h"

#include <boost/asio/post.hpp>
#include <openssl/crypto.h>

namespace keyward::credential {
namespace {

using identity::CannotDecide;
using identity::Refusal;
using identity::RemoteAnswer;
using identity::RemoteQuestion;
using identity::Vended;

constexpr std::size_t kMostWaiting = 4096;
constexpr std::size_t kMostKnown = 10'000;

// Of no issuer: all passwords that were given out are counted together, whosever they are.
Refusal refusal(const RemoteQuestion& question, const char* reason, const char* detail) {
  return {reason, detail, {}, identity::evidence_of(question.digest)};
}

}  // namespace

void Desk::State::verify(Login login) {
  const auto user = identity::vended_user_of(login.question->credential.reveal());
  const auto answer = [&](RemoteAnswer what) {
    boost::asio::post(wiring.io,
                      [done = std::move(login.done), what = std::move(what)] { done(what); });
  };
  if (stopped || waiting >= kMostWaiting)
    return answer(CannotDecide{"", "too many logins wait for an answer"});
  if (!user) return answer(refusal(*login.question, "credential", "no credential of ours"));
  ++waiting;
  std::vector<Login>& logins = asking[*user];
  logins.push_back(std::move(login));
  if (logins.size() > 1) return;
  wiring.store.get(record_name(*user), [self = shared_from_this(), user = *user](
                                           const Result<std::optional<std::string>>& text) {
    if (!self->stopped) self->found(user, text);
  });
}

std::shared_ptr<const Record> Desk::State::read(const std::string& user, const std::string& text) {
  const Digest digest = sha256(text);
  const auto place = known.find(user);
  if (place != known.end() && place->second.text == digest) return place->second.record;
  auto record = read_record(text);
  if (!record || record->principal.vended.user != user) return nullptr;
  if (known.size() >= kMostKnown) known.clear();
  auto shared = std::make_shared<const Record>(std::move(*record));
  known[user] = {digest, shared};
  return shared;
}

std::optional<Refusal> Desk::State::objection(const RemoteQuestion& question,
                                              const Record* record) const {
  if (record == nullptr) {
    return refusal(question, "credential_unknown",
                   "it has ended, was revoked, or was never given out by this fleet");
  }
  const identity::Principal& who = record->principal;
  if (CRYPTO_memcmp(question.digest.data(), record->password.data(), question.digest.size()) != 0) {
    return refusal(question, "credential_password", "it is not the password of that user");
  }
  if (who.vended.mode != Vended::Mode::proxy || who.expires_at <= wiring.clock.wall())
    return refusal(question, "credential_unknown", "it has ended");
  return std::nullopt;
}

void Desk::State::found(const std::string& user, const Result<std::optional<std::string>>& text) {
  const auto node = asking.extract(user);
  waiting -= node.mapped().size();
  std::shared_ptr<const Record> record;
  if (text && text->has_value()) record = read(user, **text);
  if (text && !text->has_value()) known.erase(user);
  // A record that cannot be opened was made with another secret, or by somebody else: no reason to
  // let anybody in, and none to have them try again for ever.
  const bool decided = text.has_value() || text.error().code() == Errc::invalid;
  for (const Login& login : node.mapped()) {
    if (!decided) {
      login.done(CannotDecide{"", "the records of credentials: " + text.error().message()});
      continue;
    }
    if (auto refused = objection(*login.question, record.get())) {
      ++counters.logins_refused;
      login.done(std::move(*refused));
    } else {
      ++counters.logins;
      login.done(PrincipalPtr(record, &record->principal));  // one value for all sessions of it
    }
  }
}

}  // namespace keyward::credential
