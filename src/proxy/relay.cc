#include "proxy/relay.h"

#include "keyward/policy/name_space.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace keyward::proxy {

namespace {

constexpr std::size_t kKeep = 64UL * 1024;  // memory that a large message may leave behind

}  // namespace

// Up to its first special byte a pattern is plain text, and hears only names that begin with it.
bool hears_keyspace(std::string_view name, bool pattern) {
  if (!pattern) return policy::keyspace_channel(name).kind != policy::KeyspaceChannel::Kind::none;
  const std::string_view plain = name.substr(0, name.find_first_of("*?[\\"));
  const auto meets = [&](std::string_view head) {
    return plain.starts_with(head) || (plain.size() < name.size() && head.starts_with(plain));
  };
  return meets("__keyspace@") || meets("__keyevent@");
}

Relay::Relay(RelayOwner& owner, ReplyQueue& replies, upstream::Loan loan, resp::Protocol protocol,
             std::size_t most)
    : owner_(owner), replies_(replies), link_(std::move(loan)), protocol_(protocol), most_(most) {
  link_->relay_to(this);
}

Relay::~Relay() {
  if (link_) link_->relay_to(nullptr);
}

void Relay::change(command::Kind kind, std::span<const std::string_view> args) {
  using command::Kind;
  auto& names = kind == Kind::subscribe || kind == Kind::unsubscribe     ? channels_
                : kind == Kind::psubscribe || kind == Kind::punsubscribe ? patterns_
                                                                         : shards_;
  const bool adds = kind == Kind::subscribe || kind == Kind::psubscribe || kind == Kind::ssubscribe;
  std::size_t confirmations = args.size() - 1;
  if (args.size() == 1) {
    confirmations = std::max<std::size_t>(1, names.size());
    names.clear();
  }
  for (const std::string_view name : args.subspan(1)) {
    if (adds) {
      names.emplace(name);
      looks_ = looks_ || hears_keyspace(name, kind == Kind::psubscribe);
    } else if (const auto found = names.find(name); found != names.end()) {
      names.erase(found);
    }
  }
  resp::write_request(link_->encode_into(), args);
  link_->push();
  waiting_.push_back(
      Expected{.confirmations = confirmations, .awaiting = {.place = replies_.reserve()}});
}

void Relay::expect(const upstream::Awaiting& awaiting) {
  waiting_.push_back(Expected{.confirmations = 0, .awaiting = awaiting});
  link_->push();
}

void Relay::leave() {
  link_->relay_to(nullptr);
  link_.give_back();
}

void Relay::on_frame(const upstream::ReplyPart& frame) {
  std::string_view bytes = frame.bytes;
  const bool last = frame.last;
  if (frame.first) {
    kind_ = FrameKind::unknown_yet;
    if (start_.capacity() > kKeep) std::string().swap(start_);
    start_.clear();
    answer_begun_ = false;
    gathers_ = looks_;
  }
  mid_frame_ = !last;
  if (kind_ == FrameKind::unknown_yet) {
    start_.append(bytes);
    bytes = start_;
    kind_ = frame_kind(bytes, protocol_);
    if (kind_ == FrameKind::unknown_yet) {
      if (!last) return;
      kind_ = FrameKind::message;
    }
  } else if (kind_ == FrameKind::confirmation || (gathers_ && kind_ == FrameKind::message)) {
    start_.append(bytes);
    bytes = start_;
  }
  if (kind_ == FrameKind::message) {
    message(bytes, last);
  } else if (kind_ == FrameKind::answer) {
    answer(frame, bytes);
  } else if (last) {
    confirmation(bytes);
  }
}

void Relay::message(std::string_view bytes, bool last) {
  if (gathers_) {
    // Redis itself ends a subscriber that so much waits for.
    if (start_.size() > most_) return owner_.on_relay_unreadable("a message is too large to hold");
    if (!last || !show(bytes)) return;
  }
  // Also when nothing of it is shown: somebody may wait for the frame to end.
  if (!bytes.empty()) replies_.interject(bytes, last);
  owner_.on_relay_bytes();
}

// `frame` becomes what the client gets of it. False: the connection ended for it.
bool Relay::show(std::string_view& frame) {
  if (shown_.capacity() > kKeep) std::string().swap(shown_);
  shown_.clear();
  if (!owner_.show_relay_frame(frame, shown_)) {
    owner_.on_relay_unreadable("a message of unknown form");
    return false;
  }
  frame = shown_;
  return true;
}

void Relay::confirmation(std::string_view frame) {
  if (gathers_ && !show(frame)) return;
  if (waiting_.empty() || waiting_.front().confirmations == 0) {
    replies_.interject(frame,
                       true);  // Redis unsubscribed us by itself (ssubscribe after a slot moved)
    return owner_.on_relay_bytes();
  }
  Expected& expected = waiting_.front();
  replies_.add(expected.awaiting.place, frame);
  if (--expected.confirmations == 0) {
    replies_.finish(expected.awaiting.place);
    waiting_.pop_front();
  }
  owner_.on_relay_bytes();
}

void Relay::answer(const upstream::ReplyPart& frame, std::string_view bytes) {
  const bool last = frame.last;
  if (waiting_.empty()) return link_->close("answer to nothing");
  Expected& expected = waiting_.front();
  if (expected.awaiting.discard > 0) {
    if (last) --expected.awaiting.discard;
    return;
  }
  const upstream::Awaiting awaiting = expected.awaiting;
  const bool refused_change = expected.confirmations > 0;
  if (last) waiting_.pop_front();
  if (refused_change) {
    // Redis refused a subscription that policy allowed: its whole answer is this one frame.
    replies_.add(awaiting.place, bytes);
    if (last) replies_.finish(awaiting.place);
    return owner_.on_relay_bytes();
  }
  owner_.on_relay_reply(awaiting, {.head = frame.head,
                                   .bytes = bytes,
                                   .first = !std::exchange(answer_begun_, true),
                                   .last = last,
                                   .children = frame.children});
}

void Relay::on_link_down() {
  std::vector<upstream::Awaiting> lost;
  while (!waiting_.empty()) {
    lost.push_back(waiting_.front().awaiting);
    waiting_.pop_front();
  }
  link_ = upstream::Loan();
  owner_.on_relay_down(lost);
}

}  // namespace keyward::proxy
