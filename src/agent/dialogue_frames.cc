// Keyward's frames: told apart into messages, answers for the client and answers for the agent.
#include "keyward/agent/dialogue.h"

#include <algorithm>
#include <charconv>

namespace keyward::agent {

using resp::FrameKind;
using resp::Protocol;

namespace {

constexpr std::size_t kMostGathered = 1UL * 1024 * 1024;  // of a frame that has to be seen whole
constexpr std::size_t kMostRefusal = 512;
constexpr std::chrono::milliseconds kWorthAsking{2};  // what is left of a wait

}  // namespace

void Dialogue::from_upstream(std::string_view bytes) {
  while (!bytes.empty() && end_ == End::none) {
    const resp::ReplyScanner::Progress progress = scanner_.feed(bytes);
    if (progress.bad) {
      end_ = End::broken;
      return;
    }
    const std::string_view part = bytes.substr(0, progress.used);
    bytes.remove_prefix(progress.used);
    take(part, progress);
  }
  if (end_ == End::none) digest_inbox();
}

void Dialogue::take(std::string_view part, const resp::ReplyScanner::Progress& progress) {
  const bool done = progress.done;
  head_known_ = progress.head_known;
  if (route_ == FrameKind::unknown_yet) sort(part, done);
  switch (route_) {
    case FrameKind::unknown_yet:
      return;
    case FrameKind::message:
      take_message(part);
      break;
    case FrameKind::confirmation:
      // Names of channels are short; only what answers a request of a client can be this.
      gathered_.append(part);
      if (gathered_.size() > kMostGathered) end_ = End::broken;
      if (done) take_confirmation(gathered_);
      break;
    case FrameKind::answer:
      take_answer(part, done);
      break;
  }
  if (!done) return;
  route_ = FrameKind::unknown_yet;
  frame_begun_ = false;
  gathered_.clear();
}

// Decides what the frame is; `part` becomes all of it that was not taken yet.
void Dialogue::sort(std::string_view& part, bool done) {
  const Protocol protocol =
      switched_ || client_ == Protocol::resp3 ? Protocol::resp3 : Protocol::resp2;
  const bool changes = !expected_.empty() && expected_.front().kind == Expected::Kind::change;
  if (protocol == Protocol::resp2 && subscribed() == 0 && !changes) {
    route_ = FrameKind::answer;
    return;
  }
  const bool joined = !gathered_.empty();
  if (joined) {
    gathered_.append(part);
    part = gathered_;
  }
  route_ = resp::frame_kind(part, protocol);
  if (route_ == FrameKind::unknown_yet && done) route_ = FrameKind::message;
  if (route_ == FrameKind::unknown_yet && !joined) gathered_ = part;
  if (route_ == FrameKind::confirmation && joined) part = {};  // it is gathered already
}

void Dialogue::take_message(std::string_view part) {
  if (!std::exchange(frame_begun_, true) && switched_ && !part.empty()) {
    deliver("*");
    part.remove_prefix(1);
  }
  deliver(part);
}

// RESP3 has another null; the name of a channel is nowhere else.
void Dialogue::take_confirmation(std::string_view frame) {
  count(frame);
  if (switched_) {
    const std::size_t null = frame.find("\r\n_\r\n:");
    deliver("*");
    if (null == std::string_view::npos) {
      deliver(frame.substr(1));
    } else {
      deliver(frame.substr(1, null + 1));
      deliver("$-1");
      deliver(frame.substr(null + 3));
    }
  } else {
    deliver(frame);
  }
  // Without a request: Redis took the subscription back (redis cluster.c, a slot moved).
  if (expected_.empty() || expected_.front().kind != Expected::Kind::change) return;
  if (--expected_.front().left == 0) expected_.pop_front();
}

// "<kind> <name> <how many are left>": Redis counts channels and patterns together, and the
// channels of shards by themselves.
void Dialogue::count(std::string_view frame) {
  const std::string_view word = resp::first_element(frame).value_or("");
  const std::size_t colon = frame.rfind(':');
  if (colon == std::string_view::npos || word.empty()) return;
  std::size_t number = 0;
  const std::string_view digits = frame.substr(colon + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (word == "ssubscribe" || word == "sunsubscribe") {
    shards_ = number;
    return;
  }
  if (word[0] == 's' && number > common_) ++channels_;
  if (word[0] == 'u' && number < common_ && channels_ > 0) --channels_;
  common_ = number;
}

void Dialogue::take_answer(std::string_view part, bool done) {
  if (expected_.empty()) {
    // An error that nobody asked for is said before a connection ends; anything else is nobody's.
    if (!std::exchange(frame_begun_, true) && !part.starts_with('-')) {
      end_ = End::broken;
      return;
    }
    deliver(part);
    if (done) end_ = End::deliver;
    return;
  }
  const Expected expected = expected_.front();
  if (expected.kind == Expected::Kind::ping) {
    take_pong(part);
  } else if (expected.kind == Expected::Kind::wait) {
    take_wait(part);
  } else if (expected.kind < Expected::Kind::login) {
    deliver(part);
  } else if (gathered_.size() < kMostRefusal) {
    gathered_.append(part.substr(0, kMostRefusal - gathered_.size()));
  }
  if (!done) return;
  expected_.pop_front();
  answered(expected);
}

// RESP2 has an array there while subscribed (redis server.c, pingCommand).
void Dialogue::take_pong(std::string_view part) {
  if (!std::exchange(frame_begun_, true)) {
    pong_ = part.empty() ? '-' : part[0];
    if (pong_ == '$') deliver("*2\r\n$4\r\npong\r\n");
    if (pong_ == '+') deliver("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  }
  if (pong_ != '+') deliver(part);
}

// That a part of a wait ended with nothing is not the client's to know, while its own time is not
// over.
void Dialogue::take_wait(std::string_view part) {
  if (frame_begun_) return deliver(part);
  gathered_.append(part);
  if (!head_known_) return;
  frame_begun_ = true;
  wait_->again = scanner_.head().is_null() && now_ + kWorthAsking < wait_->until && !draining_;
  if (wait_->again) {
    wait_->nothing = gathered_;
  } else {
    deliver(gathered_);
  }
}

// The whole reply was taken.
void Dialogue::answered(const Expected& expected) {
  const resp::FrameHead& head = scanner_.head();
  const bool error = head.is_error();
  switch (expected.kind) {
    case Expected::Kind::multi:
      if (!error) multi_answered_ = true;
      break;
    case Expected::Kind::exec:
      // Any other error leaves the transaction as it is.
      if (!error || head.first_word() == "EXECABORT") multi_answered_ = false;
      break;
    case Expected::Kind::discard:
      if (!error) multi_answered_ = false;
      break;
    case Expected::Kind::hello:
      --own_;
      if (error) break;
      client_ = head.type == '%' ? Protocol::resp3 : Protocol::resp2;
      if (expected.unlocks) {
        locked_ = false;
        parser_.set_limits({});
      }
      break;
    case Expected::Kind::wait:
      --own_;
      if (!wait_->again) wait_.reset();
      break;
    case Expected::Kind::reset:
    case Expected::Kind::login:
    case Expected::Kind::renewal:
    case Expected::Kind::enter:
    case Expected::Kind::leave:
      --own_;
      own_answered(expected, error);
      break;
    default:
      break;
  }
}

void Dialogue::own_answered(const Expected& expected, bool error) {
  switch (expected.kind) {
    case Expected::Kind::reset:
      if (error) break;
      client_ = Protocol::resp2;
      switched_ = multi_ = multi_answered_ = false;
      common_ = channels_ = shards_ = 0;
      locked_ = rules_.password != nullptr;
      if (locked_) parser_.set_limits(resp::before_login());
      log_in(pending_.text ? std::exchange(pending_, {}) : token_);
      break;
    case Expected::Kind::login:
      login_ = error ? Login::refused : Login::good;
      ends_ = token_.ends;
      if (!error) break;
      refusal_ = gathered_.substr(1, gathered_.find('\r') - 1);
      refuse(refusal_);
      break;
    case Expected::Kind::renewal:
      ++(error ? renewals_refused_ : renewed_);
      if (error) {
        refusal_ = gathered_.substr(1, gathered_.find('\r') - 1);
      } else {
        ends_ = token_.ends;
      }
      break;
    case Expected::Kind::enter:
      (error ? plain_ : switched_) = true;
      break;
    default:
      // RESP2 must come back: everything else would be answered in the wrong words.
      if (error) end_ = End::broken;
      switched_ = false;
      break;
  }
}

}  // namespace keyward::agent
