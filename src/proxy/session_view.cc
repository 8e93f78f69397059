// What the client writes and sees, where that is not what Redis does: names under a namespace, and
// answers that may name what is not the client's.
#include "proxy/session.h"
#include "proxy/wire_errors.h"

#include "keyward/base/log.h"
#include "keyward/policy/name_space.h"
#include "keyward/view/request.h"

#include <array>

namespace keyward::proxy {

namespace {

// Of RANDOMKEY, in one piece: enough that one of them is the client's where a fair share of the
// keys is.
constexpr std::uint32_t kSamples = 16;
constexpr std::size_t kKeepShown = 64UL * 1024;

// What is shown of the part at hand: used up before the next part.
std::string& shown() {
  thread_local std::string bytes;
  if (bytes.capacity() > kKeepShown) std::string().swap(bytes);
  bytes.clear();
  return bytes;
}

}  // namespace

// From here on the command speaks Redis's names: the decision, the record, what is sent, the relay.
// Answers why it cannot, for the client; empty: done.
std::string Session::qualify() { return shard_.names().qualify(command_, *login_->grants); }

// Records such a refusal.
std::uint64_t Session::unqualified(std::string_view text) {
  const bool script = command_.info->naming == command::Naming::script;
  return account_.refused(command_.info->name, nullptr, nullptr, script ? "script" : "grammar", db_,
                          text);
}

Session::Step Session::refuse_names(const std::string& text) {
  spend_hint();
  const std::uint64_t ticket = unqualified(text);
  answer_error(wire::with_request(text, account_.request_id()), ticket);
  if (transaction_ != nullptr) transaction_->doom();
  return Step::done;
}

view::Lens Session::lens() const {
  return {.grants = *login_->grants, .db = db_, .protocol = protocol_};
}

// Of an answer with that shape: these are one command's each.
view::Lens Session::lens(view::Shape shape) const {
  view::Lens made = lens();
  const command::Catalog& catalog = shard_.policy().snapshot->catalog();
  if (shape == view::Shape::keys) made.by = catalog.by_name("keys");
  if (shape == view::Shape::scan) made.by = catalog.by_name("scan");
  if (shape == view::Shape::some_key) made.by = catalog.by_name("randomkey");
  return made;
}

// A channel of ours as the client wrote it.
std::string Session::client_name(std::string_view channel) const {
  return policy::bare_channel(login_->grants->name_space(), channel).value_or(std::string(channel));
}

// RANDOMKEY where the client may see some keys only: asked a few times, in one piece.
Session::Step Session::sample(const policy::Permit& permit) {
  if (transaction_ != nullptr) {
    answer_error(wire::kSampleInMulti);
    transaction_->doom();
    return Step::done;
  }
  static constexpr std::array<std::string_view, 1> kMulti{"MULTI"}, kAsk{"RANDOMKEY"},
      kExec{"EXEC"};
  // An EXEC would end the WATCH.
  const bool watches = held_ || (relay_ != nullptr && relay_->watches());
  const bool relays = relay_ != nullptr && !watches;
  if (waits_) return wait_idle();
  if (watches) {
    if (in_flight_ > 0) return wait_idle();
    lent_ = borrow();
  }
  upstream::Link* link = relays ? relay_->link() : (watches ? lent_.get() : &shared_link());
  if (in_flight_ > 0 && flight_link_ != link) return wait_idle();
  std::string& out = link->encode_into();
  resp::write_request(out, kMulti);
  for (std::uint32_t i = 0; i < kSamples; ++i) resp::write_request(out, kAsk);
  resp::write_request(out, kExec);
  const upstream::Awaiting awaiting{.sink = this,
                                    .place = replies_.reserve(),
                                    .tag = account_.begin(command_, permit, recording(), db_),
                                    .discard = kSamples + 1,
                                    .shape = static_cast<std::uint8_t>(view::Shape::some_key)};
  if (relays) {
    relay_->expect(awaiting);
  } else {
    link->expect(awaiting);
  }
  ++in_flight_;
  flight_link_ = link;
  mind_room(*link);
  return Step::done;
}

// What the client gets of this part of an answer.
std::string_view Session::look(const upstream::Awaiting& awaiting,
                               const upstream::ReplyPart& part) {
  const bool members = awaiting.shape == kMembers;
  const auto shape = members ? view::Shape::errors : view::Shape{awaiting.shape};
  if (!members && shape == view::Shape::errors && !part.head.is_error()) return part.bytes;
  std::string& out = shown();
  const std::size_t most = shard_.limits().filtered_answer;
  if (!members && part.first && part.last && part.bytes.size() <= most) {
    if (view::show(shape, lens(shape), part.bytes, out)) return out;
    resp::write_error(out, wire::kUnreadable);
    withheld(ValueView::Trouble::unreadable);
    return out;
  }
  if (looking_ == nullptr) {
    if (members) {
      looking_ = std::make_unique<AnswerView>(std::move(members_.front()), most);
      members_.pop_front();
    } else {
      looking_ = std::make_unique<AnswerView>(shape, most);
    }
  }
  looking_->feed(lens(shape), part.bytes, part.last, out);
  if (part.last) {
    withheld(looking_->trouble());
    looking_.reset();
  }
  return out;
}

bool Session::show_relay_frame(std::string_view frame, std::string& out) {
  return view::show_frame(lens(), frame, out);
}

void Session::on_relay_unreadable(const char* why) {
  spdlog::error("subscription of {}: {}", account_.subject().principal, why);
  account_.withheld(db_);
  close(EndedBy::redis, why);
}

// An answer that could not be shown is told to operators: Redis speaks otherwise than we know.
void Session::withheld(ValueView::Trouble trouble) {
  if (trouble != ValueView::Trouble::unreadable) return;
  spdlog::error("an answer of Redis was withheld: it is not what this command is known to answer");
  account_.withheld(db_);
}

}  // namespace keyward::proxy
