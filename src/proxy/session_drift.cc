// Redis refuses what the policy allows: somebody changed the leased user. The user is made again,
// and the command sent once more where nobody can tell the difference.
#include "proxy/session.h"
#include "proxy/wire_errors.h"

namespace keyward::proxy {

// The refusal itself guarantees that nothing was executed (Redis looks at the ACL before it runs a
// command); not so for scripts and transactions, where it may stand for one step of several. And
// the client's next command must not come before this one: nothing else may be under way.
void Session::keep_lone(std::string_view request) {
  const command::Kind kind = command_.info->kind;
  if (kind == command::Kind::plain || kind == command::Kind::publish) lone_.keep(request);
}

// True: the answer is not for the client.
bool Session::mend(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part) {
  if (!part.head.is_error() || part.head.first_word() != "NOPERM") return false;
  const bool waits_here = pause_ == Pause::none || pause_ == Pause::idle;
  const bool alone = in_flight_ == 1 && part.first && part.last && phase_ == Phase::open;
  if (!alone || !waits_here || login_ == nullptr || !login_->lease) return false;
  if (pause_ == Pause::none) pause_ = Pause::channel;
  account_.mending(static_cast<Draft*>(awaiting.tag), part.head, flight_link_->node());
  shard_.leases().repair((*login_->lease)->user, lease::Refusal::command,
                         [this, alive = alive_, awaiting](const Result<>&) {
                           if (*alive) send_again(awaiting);
                         });
  return true;
}

// Whatever became of the repair: Redis's next answer is the one that counts.
void Session::send_again(const upstream::Awaiting& awaiting) {
  const bool allowed = phase_ == Phase::open && login_ != nullptr && login_->lease && !outdated() &&
                       !ended() && !break_glass_over();
  if (!allowed) return not_again(awaiting);
  upstream::Link& link = shared_link();
  link.encode_into().append(lone_.bytes());
  lone_.forget();
  link.expect(awaiting);
  flight_link_ = &link;
  resume(Pause::channel);
}

// The client left, or the rights of the moment are no longer those that it was judged by.
void Session::not_again(const upstream::Awaiting& awaiting) {
  std::uint64_t ticket = 0;
  lone_.forget();
  if (auto* draft = static_cast<Draft*>(awaiting.tag)) {
    ticket = account_.lost(*draft, false, "");
    shard_.drafts().release(draft);
  }
  if (phase_ != Phase::closed) {
    std::string refusal;
    resp::write_error(refusal, wire::kRefusedByRedis);
    replies_.add(awaiting.place, refusal, ticket, false);
    replies_.finish(awaiting.place, ticket);
    resume(Pause::channel);
    wake();
  }
  one_less_in_flight();
}

// It was not alone, or of a kind that cannot be sent twice: its client is told, and the user mended
// for what comes next.
void Session::note_refusal(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part) {
  const auto* draft = static_cast<const Draft*>(awaiting.tag);
  const bool counts = draft != nullptr && !draft->script && !draft->transaction;
  if (!counts || !part.first || part.head.first_word() != "NOPERM") return;
  if (login_ == nullptr || !login_->lease || phase_ == Phase::closed) return;
  shard_.leases().repair((*login_->lease)->user, lease::Refusal::command, [](const Result<>&) {});
}

}  // namespace keyward::proxy
