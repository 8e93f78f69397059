// What becomes of one request: passed on, answered here, or kept until its time has come.
#include "agent/waits.h"

#include "keyward/agent/dialogue.h"
#include "keyward/base/ascii.h"
#include "keyward/base/same_secret.h"

#include <algorithm>
#include <array>
#include <vector>

namespace keyward::agent {

namespace {

// Redis's own words.
constexpr std::string_view kNoAuth = "NOAUTH Authentication required.";
constexpr std::string_view kHelloNoAuth =
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
    "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
    "protocol version at the same time";
constexpr std::string_view kWrongPass =
    "WRONGPASS invalid username-password pair or user is disabled.";
constexpr std::string_view kAuthArity = "ERR wrong number of arguments for 'auth' command";
constexpr std::string_view kSyntax = "ERR syntax error";

constexpr std::chrono::milliseconds kShortestPart{200};  // of a wait

std::string in_subscribed_mode(std::string_view command) {
  return "ERR Can't execute '" + lowered(command.substr(0, 128)) +
         "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
         "context";
}

bool names_password(std::span<const std::string_view> args) {
  return std::any_of(args.begin() + 1, args.end(),
                     [](std::string_view word) { return same_word(word, "auth"); });
}

}  // namespace

Dialogue::Word Dialogue::word_of(std::string_view text) {
  const auto is = [text](std::string_view name, Word word) {
    return same_word(text, name) ? word : Word::other;
  };
  const auto either = [](Word a, Word b) { return a != Word::other ? a : b; };
  switch (text.size()) {
    case 4:
      return either(either(is("ping", Word::ping), is("exec", Word::exec)),
                    either(is("auth", Word::auth), is("quit", Word::quit)));
    case 5:
      return either(either(is("multi", Word::multi), is("hello", Word::hello)),
                    is("reset", Word::reset));
    case 7:
      return either(is("discard", Word::discard), is("keyward", Word::keyward));
    case 9:
      return is("subscribe", Word::subscribe);
    case 10:
      return either(is("psubscribe", Word::psubscribe), is("ssubscribe", Word::ssubscribe));
    case 11:
      return is("unsubscribe", Word::unsubscribe);
    case 12:
      return either(is("punsubscribe", Word::punsubscribe), is("sunsubscribe", Word::sunsubscribe));
    default:
      return Word::other;
  }
}

Dialogue::Step Dialogue::judge(Args args, std::string_view raw) {
  const Word word = word_of(args[0]);
  if (word == Word::other && !switched_ && !locked_) {
    if (ends_ != MonoTime::max() && !multi_) {
      if (const auto step = wait(args)) return *step;
    }
    return pass(raw, {});
  }
  if (locked_ && word != Word::auth && word != Word::hello && word != Word::quit &&
      word != Word::reset) {
    if (!quiet()) return Step::hold;
    answer_error(kNoAuth);
    return Step::done;
  }
  if (switched_ && !is_change(word)) return while_switched(word, args, raw);
  const bool alone = args.size() == 1;
  switch (word) {
    case Word::auth:
      return auth(args);
    case Word::hello:
      return hello(args, raw);
    case Word::multi:
      multi_ = multi_ || alone;
      return pass(raw, {.kind = alone ? Expected::Kind::multi : Expected::Kind::plain});
    case Word::exec:
    case Word::discard:
      if (!alone) return pass(raw, {});
      multi_ = false;
      return pass(raw,
                  {.kind = word == Word::exec ? Expected::Kind::exec : Expected::Kind::discard});
    case Word::reset:
      return reset(args, raw);
    case Word::keyward:
      if (args.size() != 2 || !same_word(args[1], "agent") || !rules_.status) return pass(raw, {});
      if (!quiet()) return Step::hold;
      resp::write_bulk(to_client_.tail(), rules_.status());
      return Step::done;
    case Word::other:
    case Word::quit:
    case Word::ping:
      return pass(raw, {});
    default:
      return change(word, args, raw);
  }
}

// Streams the value of an ordinary command. None of the others has a use for one that large.
Dialogue::Step Dialogue::judge_large(Args args, std::string_view raw) {
  const Word word = args.empty() ? Word::other : word_of(args[0]);
  if (locked_ || switched_ || is_change(word) || word == Word::auth || word == Word::hello) {
    refuse("ERR Protocol error: too big request");
    return Step::done;
  }
  large_ = true;
  return pass(raw, {});
}

Dialogue::Step Dialogue::pass(std::string_view raw, Expected expected) {
  to_upstream_.append(raw);
  expected_.push_back(expected);
  if (expected.kind >= Expected::Kind::hello) ++own_;
  return Step::done;
}

bool Dialogue::right_password(std::string_view text) const {
  if (!rules_.password) return true;
  return same_secret(text, rules_.password->reveal());
}

// When the part of a wait that begins now is to end: a tenth of what is left of the session remains
// for the renewal, which is due long before.
MonoTime Dialogue::part_end() const {
  if (ends_ == MonoTime::max() || ends_ <= now_) return MonoTime::max();
  return now_ + std::max<MonoTime::duration>((ends_ - now_) * 9 / 10, kShortestPart);
}

// Nothing: it is no wait, or one that ends in time.
std::optional<Dialogue::Step> Dialogue::wait(Args args) {
  const auto request = read_wait(args);
  if (!request) return std::nullopt;
  const MonoTime until = request->time.count() == 0 ? MonoTime::max() : now_ + request->time;
  if (until <= part_end()) return std::nullopt;
  Wait kept;
  kept.args.assign(args.begin(), args.end());
  kept.index = request->index;
  kept.milliseconds = request->milliseconds;
  kept.until = until;
  wait_ = std::move(kept);
  send_part();
  return Step::done;
}

void Dialogue::send_part() {
  wait_->again = false;
  const MonoTime end = std::min(wait_->until, part_end());
  wait_->args[wait_->index] =
      end == MonoTime::max() ? "0"
                             : wait_text(std::chrono::ceil<std::chrono::milliseconds>(end - now_),
                                         wait_->milliseconds);
  const std::vector<std::string_view> args(wait_->args.begin(), wait_->args.end());
  send(args, {.kind = Expected::Kind::wait});
}

// Answered here: what the client says goes no further. Inside a transaction Keyward refuses AUTH
// before it looks at the password, and dooms the transaction: it gets to see a word in its place.
Dialogue::Step Dialogue::auth(Args args) {
  if (!quiet()) return Step::hold;
  if (multi_) {
    const std::array<std::string_view, 2> stand_in{"AUTH", "-"};
    send(stand_in, {});
  } else if (deaf()) {
    answer_error(in_subscribed_mode(args[0]));
  } else if (args.size() == 1) {
    answer_error(kAuthArity);
  } else if (args.size() > 3) {
    answer_error(kSyntax);
  } else if (!right_password(args.back())) {
    answer_error(kWrongPass);
  } else {
    locked_ = false;
    parser_.set_limits({});
    answer("+OK\r\n");
  }
  return Step::done;
}

Dialogue::Step Dialogue::hello(Args args, std::string_view raw) {
  if (!quiet()) return Step::hold;
  if (names_password(args)) return hello_with_password(args);
  if (locked_) {
    answer_error(kHelloNoAuth);
    return Step::done;
  }
  return pass(raw, {.kind = Expected::Kind::hello});
}

// HELLO v [AUTH user password] [SETNAME name] without its password.
Dialogue::Step Dialogue::hello_with_password(Args args) {
  if (multi_) {
    const std::array<std::string_view, 1> stand_in{"HELLO"};
    send(stand_in, {});
    return Step::done;
  }
  std::vector<std::string_view> shown{args[0]};
  if (args.size() > 1) shown.push_back(args[1]);
  bool right = false;
  for (std::size_t i = 2; i < args.size(); ++i) {
    const std::size_t left = args.size() - i - 1;
    if (same_word(args[i], "AUTH") && left >= 2) {
      right = right_password(args[i + 2]);
      if (!right) {
        answer_error(kWrongPass);
        return Step::done;
      }
      i += 2;
    } else if (same_word(args[i], "SETNAME") && left >= 1) {
      shown.push_back(args[i]);
      shown.push_back(args[++i]);
    } else {
      answer_error("ERR Syntax error in HELLO option '" + std::string(args[i].substr(0, 64)) + "'");
      return Step::done;
    }
  }
  if (locked_ && !right) {
    answer_error(kHelloNoAuth);
    return Step::done;
  }
  send(shown, {.kind = Expected::Kind::hello, .unlocks = right});
  return Step::done;
}

// Takes the login along: the next thing that is sent is another one.
Dialogue::Step Dialogue::reset(Args args, std::string_view raw) {
  if (args.size() != 1) return pass(raw, {});
  if (!quiet()) return Step::hold;
  return pass(raw, {.kind = Expected::Kind::reset});
}

std::size_t Dialogue::confirmations(Word word, Args args) const {
  if (args.size() > 1) return args.size() - 1;
  const std::size_t held = word == Word::unsubscribe    ? channels_
                           : word == Word::punsubscribe ? common_ - channels_
                                                        : shards_;
  return std::max<std::size_t>(1, held);
}

// How many confirmations come must be certain before it goes out.
Dialogue::Step Dialogue::change(Word word, Args args, std::string_view raw) {
  const bool bare = args.size() == 1;
  if (multi_) return quiet() ? pass(raw, {}) : Step::hold;
  if (bare && adds(word)) return pass(raw, {});
  if (bare && !quiet()) return Step::hold;
  if (adds(word) && client_ == resp::Protocol::resp2 && !switched_ && subscribed() == 0) {
    if (!quiet()) return Step::hold;
    if (!std::exchange(plain_, false)) {
      const std::array<std::string_view, 2> three{"HELLO", "3"};
      send(three, {.kind = Expected::Kind::enter});
      return Step::hold;
    }
  }
  return pass(raw, {.kind = Expected::Kind::change,
                    .left = static_cast<std::uint32_t>(confirmations(word, args))});
}

// Carried over RESP3 for a RESP2 client: Redis's rules for RESP2 are kept here, and RESP2 comes
// back with the first command after the last subscription.
Dialogue::Step Dialogue::while_switched(Word word, Args args, std::string_view raw) {
  if (!quiet()) return Step::hold;
  if (subscribed() == 0) {
    const std::array<std::string_view, 2> two{"HELLO", "2"};
    send(two, {.kind = Expected::Kind::leave});
    return Step::hold;
  }
  switch (word) {
    case Word::ping:
      return pass(raw, {.kind = Expected::Kind::ping});
    case Word::quit:
      return pass(raw, {});
    case Word::reset:
      return reset(args, raw);
    default:
      answer_error(in_subscribed_mode(args[0]));
      return Step::done;
  }
}

}  // namespace keyward::agent
