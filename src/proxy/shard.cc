#include "keyward/proxy/shard.h"

#include "proxy/draft.h"
#include "proxy/farewells.h"
#include "proxy/rate_waiters.h"
#include "proxy/session.h"
#include "proxy/wire_errors.h"

#include "keyward/base/log.h"
#include "keyward/trigger/leavings.h"
#include "keyward/view/request.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace keyward::proxy {

namespace {

constexpr std::uint32_t kHandshakesPerTurn = 4;
constexpr std::chrono::seconds kLastAnswers{1};

}  // namespace

struct Shard::Listener {
  std::unique_ptr<net::Acceptor> acceptor;
  ListenerConfig config;
  net::SslContext tls;
};

// Flushes the journal at the end of each turn in which something was appended.
struct Shard::JournalMember final : net::Turn::Member {
  explicit JournalMember(Shard& owner) : shard(owner) {}
  ~JournalMember() override { shard.turn_.forget(*this); }
  void at_turn_end(net::Phase) override {
    const bool before = shard.journal_->healthy();
    (void)shard.journal_->flush();
    if (before && !shard.journal_->healthy()) {
      spdlog::error("audit trail {} cannot be written: state-changing commands are refused",
                    shard.journal_->path());
    } else if (!before && shard.journal_->healthy()) {
      spdlog::info("audit trail {} is written again", shard.journal_->path());
      // Answers that waited for their records: nothing else will happen on those sessions.
      for (const auto& [pointer, session] : shard.sessions_) pointer->wake();
    }
  }
  Shard& shard;
};

Shard::Shard(boost::asio::io_context& io, ShardWiring wiring, upstream::LinkSettings links,
             std::unique_ptr<audit::Journal> journal,
             std::unique_ptr<identity::Authenticator> authenticator,
             std::unique_ptr<lease::LeaseClient> leases, net::Turn& turn)
    : io_(io),
      wiring_(std::move(wiring)),
      turn_(turn),
      clock_(wiring_.clock, turn),
      journal_(std::move(journal)),
      journal_member_(std::make_unique<JournalMember>(*this)),
      authenticator_(std::move(authenticator)),
      leases_(std::move(leases)),
      pool_(std::move(links)),
      ending_timer_(io),
      drafts_(std::make_unique<Drafts>()),
      names_(std::make_unique<view::RequestNames>()),
      leavings_(std::make_unique<trigger::Leavings>()),
      rate_waiters_(std::make_unique<RateWaiters>(io)),
      farewells_(std::make_unique<Farewells>()),
      next_id_(wiring_.first_id),
      timer_(io) {
  journal_->on_synced([this, life = std::weak_ptr<char>(life_)] {
    boost::asio::post(io_, [this, life] {
      if (!life.expired()) trail_synced();
    });
  });
}

Shard::~Shard() {
  listeners_.clear();
  for (auto& [pointer, session] : sessions_) session->close(EndedBy::shutdown, "shutting down");
  tell_unseen(MonoTime::max());
  pool_.close_all();
  sessions_.clear();
}

audit::Journal& Shard::journal() {
  turn_.add(net::Phase::journal, *journal_member_);
  return *journal_;
}

void Shard::trail_synced() {
  journal_member_->at_turn_end(net::Phase::journal);  // a disk that was slow is not any more
  for (Session* session : std::exchange(await_sync_, {})) session->synced();
}

void Shard::listen(std::unique_ptr<net::Acceptor> acceptor, ListenerConfig config,
                   net::SslContext tls) {
  auto listener = std::make_unique<Listener>();
  listener->acceptor = std::move(acceptor);
  listener->config = std::move(config);
  listener->tls = std::move(tls);
  listeners_.push_back(std::move(listener));
}

void Shard::set_tls(const std::string& listener, net::SslContext tls) {
  for (auto& candidate : listeners_) {
    if (candidate->config.name == listener) candidate->tls = tls;
  }
}

void Shard::start() {
  for (auto& listener : listeners_) {
    Listener* one = listener.get();
    one->acceptor->start(turn_, [this, one](Descriptor socket, net::Peer peer) {
      accepted(*one, std::move(socket), peer);
    });
  }
  publish_gauges();  // readiness asks for them at once
  arm_tick();
}

void Shard::accepted(Listener& listener, Descriptor socket, const net::Peer& peer) {
  metrics_.connections_total.add();
  // Of the process first: what is refused there leaves no trace anywhere else.
  const bool fits = wiring_.connections->fetch_add(1, std::memory_order_relaxed) <
                    static_cast<std::int64_t>(limits().connections);
  SourceSeat seat = fits ? wiring_.sources->arrive(source_of(peer.address)) : SourceSeat();
  if (!seat) {
    wiring_.connections->fetch_sub(1, std::memory_order_relaxed);
    metrics_.connections_refused.add();
    return;  // the socket closes: a TLS client could not read a text anyway
  }
  metrics_.connections.add();
  const std::uint64_t id = next_id_;
  next_id_ += wiring_.id_step;
  auto session = std::make_unique<Session>(*this, id, std::move(socket), peer, std::move(seat),
                                           listener.config, listener.tls.get());
  Session* pointer = session.get();
  sessions_.emplace(pointer, std::move(session));
  pointer->start();
}

void Shard::reap(Session& session) {
  await_sync_.erase(&session);
  sessions_.erase(&session);
  metrics_.connections.subtract();
  wiring_.connections->fetch_sub(1, std::memory_order_relaxed);
  if (draining_ && sessions_.empty() && drained_) std::exchange(drained_, nullptr)();
}

bool Shard::may_shake_hands() {
  if (std::exchange(handshake_turn_, turn_.number()) != turn_.number()) handshakes_ = 0;
  return ++handshakes_ <= kHandshakesPerTurn;
}

void Shard::arm_tick() {
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    tick();
    arm_tick();
  });
}

void Shard::tick() {
  const MonoTime now = clock().mono();
  const WallTime wall = clock().wall();
  std::vector<Session*> sessions;
  sessions.reserve(sessions_.size());
  for (auto& [pointer, session] : sessions_) sessions.push_back(pointer);
  for (Session* session : sessions) session->tick(now, wall);
  tell_unseen(now);
  farewells_->tick(now);
  pool_.tick(now);
  // A trail that could not be written is tried again, and a segment that is old enough is closed,
  // also when nobody asks for anything.
  if (!journal_->healthy() || journal_->outlived() || journal_->syncing())
    turn_.add(net::Phase::journal, *journal_member_);
  publish_gauges();
  if (draining_ && now > drain_until_) close_sessions();
  if (now > answers_until_) pool_.close_all();
}

// How many logins of each address were refused without being judged, exactly.
void Shard::tell_unseen(MonoTime now) {
  for (const Sources::Uncounted& one : sources().take_unseen(now)) {
    audit::Subject attempt;
    attempt.issuer_alias = one.issuer;
    // IPv6 addresses are counted by network; nothing in particular is 0.0.0.0.
    attempt.source_ip =
        one.address.empty() ? "0.0.0.0" : one.address.substr(0, one.address.find('/'));
    const std::string text =
        "logins of " + (one.address.empty() ? std::string("several addresses") : one.address) +
        ", refused without being judged";
    audit::Event event;
    event.kind = audit::Kind::login_refused;
    event.outcome = audit::Outcome::denied;
    event.subject = &attempt;
    event.reason = one.reason;
    event.detail = text;
    event.repeated = one.count;
    event.repeated_since = one.since;
    journal().append(event);
  }
}

void Shard::publish_gauges() {
  const upstream::Pool::Counters links = pool_.counters();
  metrics_.upstream_links.set(links.shared + links.idle + links.lent);
  metrics_.upstream_lent.set(links.lent);
  metrics_.upstream_opened.set(links.opened);
  metrics_.upstream_lost.set(links.lost);
  const audit::Journal::Counters records = journal_->counters();
  metrics_.audit_records.set(records.records);
  metrics_.audit_bytes.set(records.bytes);
  metrics_.audit_failures.set(records.failures);
  metrics_.audit_healthy.set(journal_->healthy() ? 1 : 0);
}

// What is on its way to Redis is waited for a little longer, for the sake of its record.
void Shard::close_sessions() {
  answers_until_ = std::min(answers_until_, clock().mono() + kLastAnswers);
  for (auto& [pointer, session] : sessions_) session->close(EndedBy::shutdown, "shutting down");
}

void Shard::drain(std::function<void()> done) {
  draining_ = true;
  drain_until_ = clock().mono() + limits().drain_deadline;
  for (auto& listener : listeners_) listener->acceptor->stop();
  std::vector<Session*> sessions;
  for (auto& [pointer, session] : sessions_) sessions.push_back(pointer);
  for (Session* session : sessions) session->drain();
  if (sessions_.empty()) {
    done();
  } else {
    drained_ = std::move(done);
  }
}

}  // namespace keyward::proxy
