#include "credential/direct_users.h"

#include "keyward/base/log.h"
#include "keyward/credential/desk.h"
#include "keyward/identity/vended_password.h"
#include "keyward/lease/self_test.h"

#include <algorithm>

namespace keyward::credential {
namespace {

using identity::kDirectUsers;
using upstream::ControlReply;

std::vector<std::string> setuser(const Record& record, const policy::Grants& grants) {
  std::vector<std::string> argv{"ACL",   "SETUSER", record.principal.vended.user,
                                "reset", "on",      "#" + hex(record.password)};
  argv.insert(argv.end(), grants.acl().tokens.begin(), grants.acl().tokens.end());
  return argv;
}

Result<> outcome(const Result<ControlReply>& reply) {
  if (!reply) return reply.error();
  if (reply->type == ControlReply::Type::error) return fleet::redis_error(*reply);
  return {};
}

}  // namespace

DirectUsers::DirectUsers(const DeskWiring& wiring, Trail& trail, std::string instance,
                         std::chrono::milliseconds look_every)
    : wiring_(wiring),
      trail_(trail),
      instance_(std::move(instance)),
      look_every_(look_every),
      timer_(wiring.io) {}

void DirectUsers::make(const Record& record, const std::shared_ptr<const policy::Grants>& grants,
                       Done done) {
  upstream::Control& control = wiring_.store.control();
  const bool tested = !grants->acl().probes.empty();
  auto made = std::make_shared<Result<>>();
  control.call(setuser(record, *grants), [self = shared_from_this(), record, made, tested,
                                          done](const Result<ControlReply>& reply) {
    *made = outcome(reply);
    if (!tested) self->made(record, *made, done);
  });
  if (!tested) return;
  // Sent right behind: when SETUSER failed, its answer comes first and decides.
  lease::self_test(control, record.principal.vended.user, grants->acl(),
                   [self = shared_from_this(), record, made, done](lease::SelfTest test,
                                                                   const std::string& detail) {
                     if (*made && test == lease::SelfTest::lost)
                       *made = Error(Errc::unavailable, "the connection to Redis was lost");
                     if (*made && test == lease::SelfTest::disagrees)
                       *made = Error(Errc::internal,
                                     "the Redis user does not match the policy: " + detail);
                     self->made(record, *made, done);
                   });
}

void DirectUsers::made(const Record& record, const Result<>& result, const Done& done) {
  const std::string& user = record.principal.vended.user;
  if (result && !stopped_) {
    known_[user] = record;
    arm();
  } else if (!result) {
    spdlog::error("direct credential {}: {}", user, log::printable(result.error().message(), 512));
  }
  done(result);
}

std::shared_ptr<const policy::Grants> DirectUsers::grants_of(const Record& record) const {
  const auto snapshot = wiring_.policy();
  if (snapshot == nullptr) return nullptr;
  auto grants = snapshot->grants_for(record.principal);
  return grants ? *grants : nullptr;
}

void DirectUsers::remake(const Record& record, Done done) {
  const auto grants = grants_of(record);
  if (grants == nullptr || grants->rights_id() != record.rights_id)
    return done(Error(Errc::forbidden, "the policy gives other rights now"));
  known_[record.principal.vended.user] = record;
  wiring_.store.control().call(setuser(record, *grants), [self = shared_from_this(), record,
                                                          done = std::move(done)](
                                                             const Result<ControlReply>& reply) {
    if (self->stopped_) return;
    if (const Result<> made = outcome(reply); !made) return done(made);
    // Whoever ended it meanwhile erased the record before the user.
    const std::string& user = record.principal.vended.user;
    self->wiring_.store.get(
        record_name(user), [self, record, done](const Result<std::optional<std::string>>& found) {
          if (self->stopped_) return;
          if (!found || found->has_value()) return done({});
          self->delete_user(record, "its record is gone", [done](const Result<>&) {
            done(Error(Errc::not_found, "it was ended meanwhile"));
          });
        });
  });
}

void DirectUsers::remove(const Record& record, const std::string& reason, Done done) {
  const std::string user = record.principal.vended.user;
  if (!leaving_.insert(user).second) return done({});
  wiring_.store.erase(record_name(user), [self = shared_from_this(), record, reason, user,
                                          done = std::move(done)](const Result<>& erased) {
    if (self->stopped_) return;
    if (!erased) {  // looked at again, with the next round
      self->leaving_.erase(user);
      return done(erased);
    }
    self->delete_user(record, reason, [self, user, done](const Result<>& result) {
      self->leaving_.erase(user);
      done(result);
    });
  });
}

// DELUSER closes the connections of the user as well (acl.c ACLFreeUserAndKillClients).
void DirectUsers::delete_user(const Record& record, const std::string& reason, Done done) {
  const std::string user = record.principal.vended.user;
  wiring_.store.control().call({"ACL", "DELUSER", user},
                               [self = shared_from_this(), record, reason, user,
                                done = std::move(done)](const Result<ControlReply>& reply) {
                                 if (self->stopped_) return;
                                 const Result<> result = outcome(reply);
                                 if (result) self->known_.erase(user);
                                 // One of the fleet was first, and that one records it.
                                 if (result && reply->integer > 0)
                                   self->trail_.ended(record, reason);
                                 done(result);
                               });
}

std::string DirectUsers::objection(const Record& record) const {
  if (wiring_.clock.wall() >= record.principal.expires_at) return "expired";
  if (denied_ != nullptr && denied_->denies(record.principal) != nullptr) return "revoked";
  // Whoever gave it out says so: while a new policy goes round, others may still have the old one.
  if (record.instance != instance_ || wiring_.policy() == nullptr) return {};
  const auto grants = grants_of(record);
  const bool same = grants != nullptr && grants->rights_id() == record.rights_id;
  return same ? std::string() : "the policy gives other rights now";
}

// The records first: a user that Redis lists after them and that has none is a leftover, since
// users are made after their records and deleted after them.
void DirectUsers::look() {
  if (stopped_) return;
  again_ = looking_;
  if (std::exchange(looking_, true)) return;
  wiring_.store.list(std::string(kDirectRecords),
                     [self = shared_from_this()](Result<fleet::Store::Listing> found) {
                       if (self->stopped_) return;
                       if (!found) return self->finish_round();
                       Records records;
                       for (const auto& [name, text] : found->records) {
                         auto record = read_record(text);
                         if (record && name == record_name(record->principal.vended.user))
                           records.emplace(record->principal.vended.user, std::move(*record));
                       }
                       self->wiring_.store.control().call(
                           {"ACL", "USERS"}, [self, records = std::move(records)](
                                                 const Result<ControlReply>& users) mutable {
                             if (!self->stopped_) self->listed(std::move(records), users);
                           });
                     });
}

void DirectUsers::listed(Records records, const Result<ControlReply>& users) {
  // Without ACL USERS there are none: the policy of such a Redis cannot give out any.
  if (!users || users->type != ControlReply::Type::array) return finish_round();
  std::set<std::string> in_redis;
  for (const ControlReply& one : users->elements) {
    if (identity::is_vended_user(one.text, kDirectUsers)) in_redis.insert(one.text);
  }
  for (const std::string& user : in_redis) {
    if (!records.contains(user)) unknown(user);
  }
  std::erase_if(known_, [&](const auto& one) {
    return !records.contains(one.first) && !in_redis.contains(one.first);
  });
  for (const auto& [user, record] : records) seen(record, in_redis.contains(user));
  finish_round();
}

void DirectUsers::unknown(const std::string& user) {
  wiring_.store.get(record_name(user), [self = shared_from_this(),
                                        user](const Result<std::optional<std::string>>& found) {
    // Redis is away, or the record is of a fleet with another secret, which looks after it; or it
    // was given out a moment ago.
    if (self->stopped_ || !found || found->has_value() || self->leaving_.contains(user)) return;
    Record record;
    record.principal.vended.user = user;
    const auto known = self->known_.find(user);
    if (known != self->known_.end()) record = known->second;
    self->delete_user(record, "its record is gone", [](const Result<>&) {});
  });
}

void DirectUsers::seen(const Record& record, bool in_redis) {
  const std::string& user = record.principal.vended.user;
  if (leaving_.contains(user)) return;
  if (!objection(record).empty()) return confirm(user);
  const auto known = known_.find(user);
  // One that was renewed since the round began is known better.
  if (known == known_.end() || known->second.principal.expires_at < record.principal.expires_at)
    known_[user] = record;
  if (in_redis) return;
  remake(known_[user], [user](const Result<>& made) {
    if (!made) spdlog::warn("direct credential {}: {}", user, made.error().message());
  });
}

void DirectUsers::confirm(const std::string& user) {
  wiring_.store.get(record_name(user), [self = shared_from_this(),
                                        user](const Result<std::optional<std::string>>& found) {
    if (self->stopped_ || !found || !found->has_value()) return;
    const auto record = read_record(**found);
    if (!record || record->principal.vended.user != user) return;
    const std::string why = self->objection(*record);
    if (!why.empty()) self->remove(*record, why, [](const Result<>&) {});
  });
}

void DirectUsers::deny(std::shared_ptr<const identity::DenyList> list) {
  denied_ = std::move(list);
  const auto known = known_;  // remove() changes it
  for (const auto& [user, record] : known) {
    if (const std::string why = objection(record); !why.empty())
      remove(record, why, [](const Result<>&) {});
  }
  look();  // there may be some that were not seen yet
}

void DirectUsers::finish_round() {
  looking_ = false;
  if (std::exchange(again_, false)) return look();
  arm();
}

void DirectUsers::arm() {
  if (stopped_) return;
  std::chrono::milliseconds wait = look_every_;
  const WallTime now = wiring_.clock.wall();
  for (const auto& [user, record] : known_) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(record.principal.expires_at - now);
    wait = std::clamp(left, std::chrono::milliseconds(20), wait);
  }
  timer_.expires_after(wait);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->look();
  });
}

void DirectUsers::stop() {
  stopped_ = true;
  timer_.cancel();
}

}  // namespace keyward::credential
