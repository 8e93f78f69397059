// The ways to Redis. forward() is the one door: it takes a Permit.
#include "proxy/local_commands.h"
#include "proxy/session.h"
#include "proxy/wire_errors.h"

#include <algorithm>
#include <array>

namespace keyward::proxy {

using command::Kind;

upstream::LinkKey Session::link_key() const {
  // In a database that is no longer granted only what names no key is permitted: any other will do.
  const std::vector<std::uint32_t>& granted = login_->grants->databases();
  const bool there = login_->grants->may_select(db_) || granted.empty();
  return {
      .user = (*login_->lease)->user, .protocol = protocol_, .db = there ? db_ : granted.front()};
}

upstream::Link& Session::shared_link() {
  upstream::Pool& pool = shard_.pool();
  const bool known = shared_.link != nullptr && shared_.removals == pool.removals() &&
                     shared_.protocol == protocol_ && shared_.db == db_ && shared_.link->usable();
  if (!known) {
    upstream::Link& link = pool.shared(link_key(), (*login_->lease)->password);
    shared_ = {&link, pool.removals(), protocol_, db_};
  }
  return *shared_.link;
}

// What a block leaves for triggers lies in database 0: only a PUBLISH comes here from another one,
// and means the same there.
upstream::Link& Session::link_for_block() {
  if (!leaves_ || db_ == 0) return shared_link();
  upstream::LinkKey key = link_key();
  key.db = 0;
  return shard_.pool().shared(key, (*login_->lease)->password);
}

upstream::Loan Session::borrow() {
  upstream::Loan loan = shard_.pool().borrow(link_key(), (*login_->lease)->password);
  loan->held_by(this);
  return loan;
}

// Too much waits for that link's socket: no further request is taken until some of it left.
void Session::mind_room(upstream::Link& link) {
  if (!link.congested() || pause_ != Pause::none) return;
  pause_ = Pause::room;
  room_link_ = &link;
  link.wait_for_room(*this);
}

// The one door upstream: takes the permit, keeps what the record needs, encodes what was judged.
// `way`: the link itself, or the relay on it.
template <class Way>
Session::Step Session::forward(const policy::Permit& permit, Way& way, upstream::Link& link) {
  Draft* draft = account_.begin(command_, permit, recording(), db_);
  note_source(draft);
  const Place place = replies_.reserve();
  std::string& out = way.encode_into();
  const std::size_t begin = out.size();
  const std::uint32_t discard = write_judged(permit, out, place);
  lone_.forget();
  if (in_flight_ == 0 && discard == 0 && !lent_ && !held_ && relay_ == nullptr)
    keep_lone(std::string_view(out).substr(begin));
  way.expect(
      {.sink = this, .place = place, .tag = draft, .discard = discard, .shape = shape_for(permit)});
  if (command_.blocks) waits_.keep(command_.args);
  ++in_flight_;
  flight_link_ = &link;
  mind_room(link);
  return Step::done;
}

Session::Step Session::forward(const policy::Permit& permit, upstream::Link& link) {
  return forward(permit, link, link);
}

Session::Step Session::send_shared(const policy::Permit& permit) {
  upstream::Link& link = shared_link();
  if (in_flight_ > 0 && flight_link_ != &link) return wait_idle();
  return forward(permit, link);
}

Session::Step Session::send_lent(const policy::Permit& permit) {
  if (in_flight_ > 0) return wait_idle();
  lent_ = borrow();
  return forward(permit, *lent_);
}

Session::Step Session::send_held(const policy::Permit& permit) {
  if (!held_ && in_flight_ > 0) return wait_idle();
  if (held_ends_ || waits_) return wait_idle();
  if (!held_) held_ = borrow();
  if (command_.info->kind == Kind::unwatch) {
    held_ends_ = true;
    watch_broken_ = false;
  }
  return forward(permit, *held_);
}

Session::Step Session::send_relay(const policy::Permit& permit) {
  if (relay_ == nullptr && (held_ends_ || in_flight_ > 0)) return wait_idle();
  // The watch is on a link that is no relay.
  if (relay_ == nullptr && held_) {
    answer_error(wire::kPinnedState);
    return Step::done;
  }
  if (waits_) return wait_idle();
  if (!literal_channels_ready()) return channel_error_.empty() ? Step::again : deny_channel();
  if (relay_ == nullptr) {
    relay_ = std::make_unique<Relay>(static_cast<RelayOwner&>(*this), replies_, borrow(), protocol_,
                                     shard_.limits().filtered_answer);
    if (renamed()) relay_->look();
  }
  if (is_subscription(command_.info->kind)) {
    account_.subscribed(command_, permit, recording(), db_);
    relay_->change(command_.info->kind, command_.args);
    appear();
    mind_room(*relay_->link());
    return Step::done;
  }
  if (command_.info->name == "client|tracking") relay_->track(starts_tracking(command_));
  relay_->hint(command_.info->name == "client|caching");
  if (command_.info->kind == Kind::watch) relay_->watch(true);
  if (command_.info->kind == Kind::unwatch) {
    relay_->watch(false);
    watch_broken_ = false;
  }
  return forward(permit, *relay_, *relay_->link());
}

// The link runs as the user of the rights of before: what those do not allow Redis would refuse. A
// new connection has the new ones.
bool Session::relay_carries() const {
  if (relay_login_ == nullptr) return true;
  const Kind kind = command_.info->kind;
  const bool leaves =
      kind == Kind::unsubscribe || kind == Kind::punsubscribe || kind == Kind::sunsubscribe;
  return leaves || is_local(kind) ||
         std::holds_alternative<policy::Permit>(
             relay_login_->grants->decide(command_, {.db = db_, .expiry_later = true}));
}

// CLIENT CACHING speaks of the next command, whatever becomes of it. When that one does not reach
// Redis, another has to take its place there: else the one behind it would be taken for it.
void Session::spend_hint() {
  if (relay_ == nullptr || !relay_->hinted() || transaction_ != nullptr) return;
  static constexpr std::array<std::string_view, 1> kPing{"PING"};
  relay_->hint(false);
  resp::write_request(relay_->encode_into(), kPing);
  relay_->expect({.sink = this, .place = kNoPlace});
  ++in_flight_;
  flight_link_ = relay_->link();
}

// Redis compares a PSUBSCRIBE argument with the user's channel patterns by string equality: what
// policy allowed by containment must be made known to it first.
bool Session::literal_channels_ready() {
  if (command_.info->kind != Kind::psubscribe) return true;
  const auto pattern_of = [this](const command::ChannelUse& use) { return command_.args[use.arg]; };
  // One selector must cover a whole PSUBSCRIBE: as soon as one pattern has to be added, all of them
  // have.
  if (std::none_of(command_.channels.begin(), command_.channels.end(),
                   [&](const command::ChannelUse& use) {
                     return carrier().grants->needs_literal_channel(pattern_of(use));
                   })) {
    return true;
  }
  for (const command::ChannelUse& use : command_.channels) {
    if (literals_.contains(pattern_of(use))) continue;
    if (channel_error_.empty()) add_literal_channel(std::string(pattern_of(use)));
    return false;
  }
  return true;
}

void Session::add_literal_channel(std::string pattern) {
  pause_ = Pause::channel;
  const std::string& user = (*carrier().lease)->user;
  shard_.leases().allow_literal_channel(user, pattern,
                                        [this, alive = alive_, pattern](Result<> result) {
                                          if (!*alive || phase_ == Phase::closed) return;
                                          if (result) {
                                            literals_.insert(pattern);
                                          } else {
                                            channel_error_ = result.error().message();
                                          }
                                          resume(Pause::channel);
                                        });
}

Session::Step Session::deny_channel() {
  channel_error_.clear();
  answer_error(wire::kCannotDecide);
  return Step::done;
}

}  // namespace keyward::proxy
