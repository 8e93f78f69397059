// Is Redis still the one that has our users, and did somebody else change users there? Asked all
// the time, since the question is cheap and nothing tells otherwise.
#include "lease/service_state.h"

#include "keyward/base/log.h"

namespace keyward::lease {

AclCalls LeaseService::State::own_calls() const {
  const auto sent = control.acl_calls();
  return {.setuser = sent.setuser, .deluser = sent.deluser, .load = 0};
}

// On a new connection. Asked in this order: what changes between the two is seen by the next look.
void LeaseService::State::look_first(const std::function<void(Result<>)>& done) {
  control.call({kAskFacts.begin(), kAskFacts.end()}, [self = shared_from_this(), own = own_calls(),
                                                      done](const Result<ControlReply>& reply) {
    if (self->gone) return;
    if (reply.has_error()) return done(reply.error());
    AclWatch::News news;
    if (const auto facts = read_facts(reply->text)) {
      news = self->acl_watch.observe(*facts, own);
    } else {
      news.unsure = true;
    }
    self->tell_moved(news);
    self->list_users(news, done);
    self->look_again_later();
    self->meet_fellows();
  });
}

void LeaseService::State::look() {
  if (gone || stopping || !control.up()) return;
  if (std::exchange(under_look, true)) {
    look_once_more = true;
    return;
  }
  control.call({kAskFacts.begin(), kAskFacts.end()},
               [self = shared_from_this(), own = own_calls()](const Result<ControlReply>& reply) {
                 self->under_look = false;
                 if (self->gone) return;
                 self->looked(reply, own);
                 if (std::exchange(self->look_once_more, false)) self->look();
               });
}

void LeaseService::State::looked(const Result<ControlReply>& reply, const AclCalls& own) {
  if (reply.has_error()) return;  // the connection is gone, and on_control_up comes
  post(book.expire(clock.mono()));
  book.rotate(clock.mono());
  pump();
  look_again_later();
  const auto facts = read_facts(reply->text);
  if (!facts) {
    if (!std::exchange(uncounted, true))
      spdlog::info("this Redis does not tell who changes ACL users: they are listed every time");
    AclWatch::News unknown;
    return list_users(unknown, [](Result<>) {});
  }
  uncounted = false;
  const AclWatch::News news = acl_watch.observe(*facts, own);
  tell_moved(news);
  // The address may lead to the new primary by now. If not, the next look finds no news.
  if (news.demoted) return control.reconnect("Redis is no longer a primary");
  if (!news.quiet()) return list_users(news, [](Result<>) {});
  rules.settle(true);
  learn_some();
}

void LeaseService::State::tell_moved(const AclWatch::News& news) {
  if (news.loaded) {
    ++counters.reloads;
    spdlog::warn("somebody let Redis load its ACL file: every leased user is made again");
  }
  if (!news.another && !news.demoted) return;
  ++counters.moves;
  const char* reason = news.another ? "another Redis process answers: it was restarted, or another "
                                      "server was promoted"
                                    : "Redis is no longer a primary";
  spdlog::warn("{}: connections to it are made anew, and so are the leased users", reason);
  if (hooks.moved) hooks.moved(reason);
}

void LeaseService::State::list_users(const AclWatch::News& news,
                                     std::function<void(Result<>)> done) {
  control.call({"ACL", "USERS"}, [self = shared_from_this(), news,
                                  done = std::move(done)](const Result<ControlReply>& reply) {
    if (self->gone) return;
    if (reply.has_error()) return done(reply.error());
    const bool strange = news.another || news.loaded;
    if (strange) self->rules.forget_all();
    const auto seen = self->reconcile(*reply, strange);
    if (!seen) return done(seen.error());
    self->judge(news, *seen);
    done({});
  });
}

// Other instances make and delete users all the time. What shows as a name that came or went is
// theirs; anything else may have been done to ours.
void LeaseService::State::judge(const AclWatch::News& news, const Listed& seen) {
  if (news.another || news.loaded) return;
  const bool explained =
      !news.unsure && news.made <= seen.appeared && news.removed <= seen.vanished;
  rules.settle(explained);
  if (explained) return learn_some();
  for (const std::string& user : rules.unknown(config.max_users))
    book.remake(user, LeaseBook::Cause::confirm);
  pump();
  compare_known();
}

void LeaseService::State::look_again_later() {
  if (gone || stopping || config.look_every.count() == 0) return;
  look_timer.expires_after(config.look_every);
  look_timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error) self->look();
  });
}

}  // namespace keyward::lease
