// The flow: when a request may begin, and what is put between two of them.
#include "keyward/agent/dialogue.h"

#include "keyward/base/ascii.h"

#include <algorithm>
#include <array>

namespace keyward::agent {

namespace {

constexpr std::size_t kMuch = 1UL * 1024 * 1024;   // outgoing bytes above which its source waits
constexpr std::size_t kHeldInput = 64UL * 1024;    // of a client whose requests wait
constexpr std::size_t kMostAwaited = 64UL * 1024;  // requests under way
constexpr std::string_view kKnock = "*2\r\n$7\r\nKEYWARD\r\n$5\r\nAGENT\r\n";

}  // namespace

Dialogue::Dialogue(const DialogueRules& rules)
    : rules_(rules),
      parser_(rules.password ? resp::before_login() : resp::Limits{}),
      locked_(rules.password != nullptr) {}

bool Dialogue::reads_client() const {
  if (end_ != End::none || client_gone_) return false;
  return !held_ || inbox_.size() < kHeldInput;
}

bool Dialogue::reads_upstream() const { return end_ == End::none && to_client_.size() < kMuch; }

void Dialogue::log_in(Token token) {
  if (end_ != End::none) return;
  token_ = std::move(token);
  login_ = Login::sent;
  const std::array<std::string_view, 5> hello{"HELLO", "2", "AUTH", rules_.user,
                                              token_.text->reveal()};
  send(hello, {.kind = Expected::Kind::login});
}

void Dialogue::renew(Token token) {
  if (end_ != End::none || login_ == Login::none || login_ == Login::refused) return;
  pending_ = std::move(token);
  digest_inbox();
}

void Dialogue::from_client(std::string_view bytes) {
  if (end_ != End::none) return;
  if (inbox_.empty()) {
    const std::size_t used = digest(bytes);
    inbox_.append(bytes.substr(used));
  } else {
    inbox_.append(bytes);
    digest_inbox();
  }
}

void Dialogue::digest_inbox() {
  const std::size_t used = digest(inbox_.view());
  inbox_.consume(used);
}

// How many bytes of `input` are done with.
std::size_t Dialogue::digest(std::string_view input) {
  std::string_view rest = input;
  held_ = false;
  while (end_ == End::none && knock(rest)) {
    if (!large_ && !may_begin()) {
      held_ = true;
      break;
    }
    const resp::ParseResult parsed = parser_.next(rest);
    const std::string_view raw = rest.substr(0, parsed.consumed);
    Step step = Step::done;
    switch (parsed.status) {
      case resp::ParseStatus::need_more:
        rest.remove_prefix(parsed.consumed);
        if (client_gone_) end_ = End::leave;
        return input.size() - rest.size();
      case resp::ParseStatus::request:
        step = judge(parser_.args(), raw);
        break;
      case resp::ParseStatus::large_begin:
        step = judge_large(parser_.args(), raw);
        break;
      case resp::ParseStatus::large_end:
        large_ = false;
        [[fallthrough]];
      case resp::ParseStatus::large_arg:
      case resp::ParseStatus::chunk:
      case resp::ParseStatus::small_arg:
        to_upstream_.append(raw);
        break;
      case resp::ParseStatus::malformed:
        // The answers that are on their way come first; half a request upstream has none.
        malformed_ = true;
        if (large_) refuse(parser_.error());
        rest = {};
        continue;
    }
    if (step == Step::hold) {
      held_ = true;
      break;
    }
    rest.remove_prefix(parsed.consumed);
    if (large_ && to_upstream_.size() > kMuch) {
      held_ = true;
      break;
    }
  }
  return input.size() - rest.size();
}

// Between two requests: whether the next one may be looked at. Sends what was waiting for this
// moment.
bool Dialogue::may_begin() {
  if (own_ > 0 || login_ != Login::good) return false;
  if (expected_.empty()) multi_ = multi_answered_;
  if (malformed_) {
    if (quiet()) refuse(parser_.error());
    return false;
  }
  if (draining_ && quiet() && !multi_) {
    if (wait_) deliver(wait_->nothing);
    end_ = End::deliver;
    return false;
  }
  if (pending_.text && !multi_ && !client_gone_ && !deaf()) {
    if (!expected_.empty()) return false;
    token_ = std::exchange(pending_, {});
    const std::array<std::string_view, 3> auth{"AUTH", rules_.user, token_.text->reveal()};
    send(auth, {.kind = Expected::Kind::renewal});
    return false;
  }
  if (wait_) {
    send_part();
    return false;
  }
  return to_upstream_.size() < kMuch && to_client_.size() < kMuch &&
         expected_.size() < kMostAwaited;
}

// Before the first request: the agent answers for itself without Keyward. False: wait for more.
bool Dialogue::knock(std::string_view& input) {
  while (!calls_) {
    if (input.empty()) {
      if (client_gone_ || draining_) end_ = End::deliver;
      return false;
    }
    const std::size_t shown = std::min(input.size(), kKnock.size());
    if (rules_.status == nullptr || !same_word(input.substr(0, shown), kKnock.substr(0, shown))) {
      calls_ = true;
    } else if (shown < kKnock.size()) {
      return false;
    } else {
      resp::write_bulk(to_client_.tail(), rules_.status());
      input.remove_prefix(kKnock.size());
    }
  }
  return true;
}

void Dialogue::client_ended() {
  if (end_ != End::none) return;
  client_gone_ = true;
  to_client_.release();
  // An element must not go to nobody; what was sent behind the wait never began.
  if (wait_) {
    end_ = End::leave;
  } else {
    digest_inbox();
  }
}

void Dialogue::upstream_ended() {
  if (end_ == End::none) end_ = client_gone_ ? End::leave : End::deliver;
}

void Dialogue::drain() {
  draining_ = true;
  if (end_ == End::none && login_ == Login::none && inbox_.empty()) end_ = End::deliver;
  digest_inbox();
}

void Dialogue::refuse(std::string_view error) {
  if (end_ != End::none) return;
  if (scanner_.at_boundary() && !client_gone_) resp::write_error(to_client_.tail(), error);
  end_ = End::deliver;
}

void Dialogue::send(Args args, Expected expected) {
  resp::write_request(to_upstream_.tail(), args);
  expected_.push_back(expected);
  if (expected.kind >= Expected::Kind::hello) ++own_;
}

// Precondition of both: quiet(), so this is the place of the answer.
void Dialogue::answer(std::string_view bytes) { deliver(bytes); }

void Dialogue::answer_error(std::string_view text) {
  if (!client_gone_) resp::write_error(to_client_.tail(), text);
}

}  // namespace keyward::agent
