// Bytes in and out, and the life of the connection.
#include "proxy/session.h"

#include "proxy/farewells.h"
#include "proxy/login_input.h"

#include "keyward/base/log.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

namespace keyward::proxy {

namespace {

// Bytes per readable event: other clients get their turn.
constexpr std::size_t kReadBudget = 256UL * 1024;
constexpr std::size_t kInboxWhilePaused = 64UL * 1024;
constexpr std::size_t kStreamLow = 256UL * 1024;
// A slow reader that others wait behind: so long at any pace, then at least so many bytes a second.
constexpr std::chrono::seconds kSharedStall{2};
constexpr std::size_t kSharedPace = 2UL * 1024 * 1024;

std::span<char> scratch() {
  thread_local std::array<char, 64UL * 1024> bytes;
  return bytes;
}

}  // namespace

Session::Session(Shard& shard, std::uint64_t id, Descriptor socket, const net::Peer& peer,
                 SourceSeat seat, const ListenerConfig& listener, SSL_CTX* tls)
    : shard_(shard),
      seat_(std::move(seat)),
      id_(id),
      stream_(std::make_unique<net::Stream>(std::move(socket))),
      accepted_(shard.clock().mono()),
      progress_(accepted_),
      ending_(shard.limits().expiry_grace,
              spread(id, shard.limits().expiry_jitter, shard.limits().expiry_grace)),
      parser_(resp::before_login()),
      account_(shard, id),
      client_identity_(listener.client_identity) {
  audit::Subject& subject = account_.subject();
  subject.source_ip = peer.address;
  subject.source_port = peer.port;
  subject.listener = listener.name;
  presence_.id = id;
  presence_.address = peer.address + ":" + std::to_string(peer.port);
  if (tls != nullptr) {
    stream_->set_ssl(net::make_server_ssl(*tls));
    wipe_input(stream_->ssl(), true);
    phase_ = Phase::handshake;
  }
}

Session::~Session() {
  *alive_ = false;
  shard_.turn().forget(*this);
}

void Session::start() { stream_->attach(shard_.turn(), *this); }

// While something is awaited the input is kept small; Redis would block there as well. What is not
// read now stays readable() and is read when the pause ends.
bool Session::wants_input() const {
  return phase_ == Phase::open && (pause_ == Pause::none || inbox_.size() < kInboxWhilePaused);
}

void Session::on_writable() {
  if (phase_ != Phase::handshake && phase_ != Phase::closed) wake();
}

// True when the handshake is over. TLS facts go into the subject of every record.
bool Session::handshake() {
  if (!shard_.may_shake_hands()) {
    stream_->again();
    return false;
  }
  const net::IoResult result = stream_->handshake();
  switch (result.status) {
    case net::IoStatus::ok: {
      const net::TlsFacts facts = net::tls_facts(*stream_->ssl());
      account_.subject().tls_version = facts.version;
      account_.subject().tls_cipher = facts.cipher;
      phase_ = Phase::open;
      certificate_ = net::peer_certificate(*stream_->ssl());
      certificate_login();
      return true;
    }
    case net::IoStatus::want_read:
    case net::IoStatus::want_write:
      return false;
    default:
      shard_.metrics().handshake_failures.add();
      spdlog::info("client {}:{}: TLS handshake failed: {}", account_.subject().source_ip,
                   account_.subject().source_port, stream_->error());
      close(EndedBy::protocol, "tls handshake failed");
      return false;
  }
}

void Session::on_readable() {
  if (phase_ == Phase::handshake && !handshake()) return;
  std::size_t budget = kReadBudget;
  while (wants_input() && stream_->readable()) {
    if (budget == 0) return stream_->again();
    const std::span<char> into = scratch();
    const net::IoResult result = stream_->read(into);
    if (result.status == net::IoStatus::want_read) break;
    if (result.status != net::IoStatus::ok)
      return close(EndedBy::client, "client closed the connection");
    shard_.metrics().bytes_in.add(result.bytes);
    const bool before_login = login_ == nullptr;
    take_input({into.data(), result.bytes});
    if (before_login) OPENSSL_cleanse(into.data(), result.bytes);
    budget -= std::min(budget, result.bytes);
  }
}

void Session::take_input(std::string_view bytes) {
  if (inbox_.empty()) {
    const std::size_t used = consume(bytes);
    if (phase_ == Phase::open) inbox_.append(bytes.substr(used));
  } else {
    inbox_.append(bytes);
    inbox_.consume(consume(inbox_.view()));
  }
}

// The commander: takes requests from the input until it is used up or something has to be waited
// for.
std::size_t Session::consume(std::string_view input) {
  using resp::ParseStatus;
  std::size_t used = 0;
  while (pause_ == Pause::none && phase_ == Phase::open) {
    if (upload_ != nullptr && !upload_->admitted && !upload_admit()) continue;
    const resp::ParseResult item = parser_.next(input.substr(used));
    switch (item.status) {
      case ParseStatus::need_more:
        return used + item.consumed;
      case ParseStatus::request:
        if (handle(parser_.args()) == Step::again) return used;
        counted_ = charged_ = false;
        if (std::exchange(intent_, 0) != 0) account_.settle_intent("it was not sent");
        break;
      case ParseStatus::large_begin:
        upload_begin();
        break;
      case ParseStatus::large_arg:
        upload_argument(parser_.large().length);
        break;
      case ParseStatus::chunk:
        upload_chunk(parser_.chunk());
        break;
      case ParseStatus::small_arg:
        upload_->small(parser_.chunk());
        break;
      case ParseStatus::large_end:
        upload_end();
        break;
      case ParseStatus::malformed:
        shard_.metrics().protocol_errors.add();
        answer_error(parser_.error());
        leave(EndedBy::protocol, "protocol error");
        return input.size();
    }
    used += item.consumed;
    spend_bytes(item.consumed);
    // Another pause comes first: what it waits for must happen before the next request.
    if (pause_ == Pause::none &&
        (replies_.bytes() > shard_.limits().output_soft || replies_.open() >= window())) {
      pause_ = Pause::output;
    }
  }
  return used;
}

void Session::wake() { shard_.turn().add(net::Phase::clients, *this); }

void Session::resume(Pause ended) {
  if (pause_ != ended) return;
  if (ended == Pause::login) login_place_ = kNoPlace;
  pause_ = Pause::none;
  resume_ = true;
  wake();
}

void Session::at_turn_end(net::Phase phase) {
  if (phase == net::Phase::reap) return shard_.reap(*this);
  if (phase_ == Phase::closed) return;
  if (relay_ != nullptr && relay_->finished() && transaction_ == nullptr && in_flight_ == 0)
    leave_relay();
  if (pause_ != Pause::login) login_flow_.reset();
  if (std::exchange(resume_, false)) {
    if (!inbox_.empty()) inbox_.consume(consume(inbox_.view()));
    if (phase_ == Phase::open && pause_ == Pause::none) on_readable();
    if (phase_ == Phase::closed) return;
  }
  if (told_ && pause_ == Pause::none) leave_ended();
  flush();
}

void Session::flush() {
  if (phase_ == Phase::handshake) return;
  while (stream_->writable()) {
    const std::string_view out = replies_.takeable(receipt());
    if (out.empty()) break;
    const net::IoResult result = stream_->write(out);
    if (result.status == net::IoStatus::ok) {
      shard_.metrics().bytes_out.add(result.bytes);
      replies_.taken(result.bytes);
      taken_since_ += result.bytes;
      progress_ = shard_.clock().mono();
    } else if (result.status == net::IoStatus::failed) {
      return close(EndedBy::client, "write failed");
    }
  }
  await_sync();
  if (over_output_buffer()) return;
  relieve_link();
  if (pause_ == Pause::output && replies_.bytes() < shard_.limits().output_soft / 2 &&
      replies_.open() < window() / 2 + 1) {
    resume(Pause::output);
  }
  if (phase_ == Phase::leaving && replies_.drained()) {
    stream_->shutdown();
    shard_.farewells().take(std::move(stream_), shard_.clock().mono());
    close(left_by_, leave_reason_);
  }
}

// The client took what it was slow to take: Redis may go on sending.
void Session::relieve_link() {
  if (paused_link_ == nullptr || replies_.bytes() > kStreamLow) return;
  std::exchange(paused_link_, nullptr)->resume();
}

// No more input; what was asked before is still answered.
void Session::leave(EndedBy by, std::string_view reason) {
  if (phase_ == Phase::closed || phase_ == Phase::leaving) return;
  phase_ = Phase::leaving;
  left_by_ = by;
  leave_reason_ = reason;
  inbox_.release();
  wake();
}

void Session::drain() {
  if (phase_ == Phase::handshake || (phase_ == Phase::open && login_ == nullptr))
    return close(EndedBy::shutdown, "shutting down");
  const bool waits_long = lent_ || relay_ != nullptr || held_;
  if (waits_long && phase_ == Phase::open) return close(EndedBy::shutdown, "shutting down");
  leave(EndedBy::shutdown, "shutting down");
}

void Session::close(EndedBy by, std::string_view reason) {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  stop_waiting_for_rate();
  if (intent_ != 0) account_.settle_intent("its client left before it was sent");
  (void)forget_queued("its client left before EXEC");
  if (login_ != nullptr) log_off(by, reason);
  if (room_link_ != nullptr) std::exchange(room_link_, nullptr)->forget_room_waiter(*this);
  if (paused_link_ != nullptr) std::exchange(paused_link_, nullptr)->resume();
  login_flow_.reset();
  replies_.drop_all();
  inbox_.release();
  upload_.reset();
  looking_.reset();
  // Exclusive links end with their client: their requests are told by on_lost and recorded.
  lent_.drop();
  held_.drop();
  if (relay_ != nullptr) relay_->close("its client left");
  if (stream_ != nullptr) stream_->close();
  maybe_reap();
}

void Session::maybe_reap() {
  if (phase_ == Phase::closed && in_flight_ == 0) shard_.turn().add(net::Phase::reap, *this);
}

void Session::tick(MonoTime now, WallTime) {
  const ProxyLimits& limits = shard_.limits();
  if (phase_ == Phase::closed) return;
  if (phase_ == Phase::handshake) {
    if (now - accepted_ > limits.handshake_deadline) close(EndedBy::protocol, "handshake deadline");
    return;
  }
  if (login_ == nullptr && now - accepted_ > limits.login_deadline)
    return close(EndedBy::limits, "login deadline");
  const std::size_t held_back = replies_.bytes();
  if (held_back > 0 && (paused_link_ != nullptr || pause_ == Pause::output ||
                        phase_ == Phase::leaving || held_back > limits.output_soft)) {
    const bool others_wait = paused_link_ != nullptr && paused_link_->shared_with_others(this);
    if (now - progress_ > limits.stall_deadline || (others_wait && too_slow_to_share(now))) {
      shard_.metrics().stalled_clients.add();
      return close(EndedBy::limits, "client does not read its replies");
    }
  }
  // While a command blocks and enough input waits behind it nothing is read: the client's end would
  // go unnoticed.
  if ((lent_ || held_) && in_flight_ > 0 && stream_->peer_ended()) {
    return close(EndedBy::client, "client closed the connection");
  }
  account_.tell_repeats(now);
  mind_break_glass(now);
  watch_end(now);
}

// Since the link was first paused for the answers under way. Who reads a little now and then holds
// up the others as well.
bool Session::too_slow_to_share(MonoTime now) const {
  const std::chrono::duration<double> stalled = now - stalled_since_;
  return stalled > kSharedStall &&
         static_cast<double>(taken_since_) < stalled.count() * static_cast<double>(kSharedPace);
}

}  // namespace keyward::proxy
