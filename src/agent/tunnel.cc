#include "agent/tunnel.h"

#include "keyward/base/log.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace keyward::agent {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kReadBudget = 256UL * 1024;  // per readable event: others get their turn
constexpr milliseconds kLoginDeadline{10'000};
constexpr milliseconds kFarewell{2'000};  // for the last bytes of an ended connection
constexpr milliseconds kFirstPause{100}, kLongestPause{1'000};
constexpr milliseconds kFirstRenewalPause{1'000}, kLongestRenewalPause{30'000};

std::span<char> scratch() {
  thread_local std::array<char, 128UL * 1024> bytes;
  return bytes;
}

milliseconds doubled(milliseconds first, int times, milliseconds most) {
  return std::min(most, first * (1 << std::min(times, 10)));
}

}  // namespace

Tunnel::Tunnel(TunnelSettings& settings, const DialogueRules& rules, Descriptor client,
               std::function<void(Tunnel&)> on_end)
    : settings_(settings),
      dialogue_(rules),
      client_side_(*this, &Tunnel::read_client),
      upstream_side_(*this, &Tunnel::read_upstream),
      client_(std::move(client)),
      timer_(settings.io),
      on_end_(std::move(on_end)) {
  client_.attach(settings_.turn, client_side_);
}

Tunnel::~Tunnel() {
  *alive_ = false;
  settings_.turn.forget(*this);
}

void Tunnel::mark() {
  if (over_) return;
  settings_.turn.add(net::Phase::upstream, *this);
  settings_.turn.add(net::Phase::clients, *this);
}

void Tunnel::after(milliseconds time, void (Tunnel::*what)()) {
  timer_.expires_after(time);
  timer_.async_wait([this, what, alive = alive_](const boost::system::error_code& stopped) {
    if (!stopped && *alive) (this->*what)();
  });
}

// --- reading

void Tunnel::read_client() {
  dialogue_.at(settings_.clock.mono());
  std::size_t budget = kReadBudget;
  while (!over_ && dialogue_.reads_client()) {
    if (budget == 0) {
      client_.again();
      break;
    }
    const net::IoResult result = client_.read(scratch());
    if (result.status == net::IoStatus::want_read || result.status == net::IoStatus::want_write)
      break;
    if (result.status != net::IoStatus::ok) {
      dialogue_.client_ended();
      break;
    }
    dialogue_.from_client({scratch().data(), result.bytes});
    budget -= std::min(budget, result.bytes);
    if (!client_.readable()) break;
  }
  if (dialogue_.calls() && upstream_ == Upstream::none) call();
  mark();
}

void Tunnel::read_upstream() {
  dialogue_.at(settings_.clock.mono());
  std::size_t budget = kReadBudget;
  while (!over_ && stream_ != nullptr && (ending_ || dialogue_.reads_upstream())) {
    if (budget == 0) {
      stream_->again();
      break;
    }
    const net::IoResult result = stream_->read(scratch());
    if (result.status == net::IoStatus::want_read || result.status == net::IoStatus::want_write)
      break;
    if (result.status != net::IoStatus::ok) {
      upstream_ = Upstream::lost;
      if (dialogue_.login() == Dialogue::Login::sent && !login_seen_)
        dialogue_.refuse("LOADING keyward agent: Keyward closed the connection at the login");
      dialogue_.upstream_ended();
      break;
    }
    dialogue_.from_upstream({scratch().data(), result.bytes});
    budget -= std::min(budget, result.bytes);
    if (!stream_->readable()) break;
  }
  look_at_logins();
  mark();
}

// --- Keyward

void Tunnel::call() {
  if (over_ || dialogue_.end() != Dialogue::End::none) return;
  if (upstream_ == Upstream::none) called_ = settings_.clock.mono();
  upstream_ = Upstream::connecting;
  token_ = settings_.tokens.current();
  if (token_ == nullptr) {
    const std::string& why = settings_.tokens.trouble();
    return try_again("no token" + (why.empty() ? std::string() : ": " + why));
  }
  const auto left = std::chrono::duration_cast<milliseconds>(called_ + settings_.connect_wait -
                                                             settings_.clock.mono());
  connecting_ = net::connect(
      settings_.io, settings_.upstream, settings_.tls, settings_.server_name,
      std::max(left, milliseconds(100)),
      [this](Result<std::unique_ptr<net::Stream>> stream) { connected(std::move(stream)); });
}

void Tunnel::connected(Result<std::unique_ptr<net::Stream>> stream) {
  // The handle owns this callback: it may go only after the callback has returned.
  boost::asio::post(settings_.io, [handle = std::move(connecting_)] {});
  if (over_) return;
  if (!stream) {
    if (settings_.upstream_trouble != stream.error().message())
      spdlog::warn("upstream: {}", stream.error().message());
    settings_.upstream_trouble = stream.error().message();
    return try_again(stream.error().message());
  }
  if (!settings_.upstream_trouble.empty()) spdlog::info("upstream: reachable again");
  settings_.upstream_trouble.clear();
  upstream_ = Upstream::open;
  stream_ = std::move(*stream);
  stream_->attach(settings_.turn, upstream_side_);
  after(kLoginDeadline, &Tunnel::close);
  // A newer one may have come while the connection was made: nobody would tell this tunnel of it
  // again.
  if (TokenKeeper::Current newest = settings_.tokens.current()) token_ = std::move(newest);
  dialogue_.at(settings_.clock.mono());
  dialogue_.log_in({token_, settings_.tokens.ends()});
  mark();
}

// A client waits for a while, then it is told and closed: that it understands.
void Tunnel::try_again(const std::string& why) {
  const milliseconds pause = doubled(kFirstPause, tries_++, kLongestPause);
  if (settings_.clock.mono() + pause < called_ + settings_.connect_wait &&
      dialogue_.end() == Dialogue::End::none)
    return after(pause, &Tunnel::call);
  upstream_ = Upstream::lost;
  dialogue_.refuse("LOADING keyward agent: " + why);
  dialogue_.upstream_ended();
  mark();
}

void Tunnel::look_at_logins() {
  if (dialogue_.login() == Dialogue::Login::refused && !std::exchange(login_seen_, true)) {
    ++settings_.logins_refused;
    spdlog::warn("login refused: {}", dialogue_.refusal());
    settings_.tokens.refused(token_);
  }
  if (dialogue_.login() == Dialogue::Login::good && !std::exchange(login_seen_, true))
    timer_.cancel();
  if (dialogue_.renewed() != renewed_) {
    renewed_ = dialogue_.renewed();
    renewal_tries_ = 0;
    ++settings_.renewed;
  }
  if (dialogue_.renewals_refused() != refused_) {
    refused_ = dialogue_.renewals_refused();
    ++settings_.renewals_refused;
    spdlog::warn("renewal refused: {}; the session goes on until its end", dialogue_.refusal());
    settings_.tokens.refused(token_);
    if (!ending_)
      after(doubled(kFirstRenewalPause, renewal_tries_++, kLongestRenewalPause), &Tunnel::renew);
  }
}

void Tunnel::renew() {
  if (over_ || ending_ || upstream_ != Upstream::open) return;
  TokenKeeper::Current token = settings_.tokens.current();
  if (token == nullptr) return;
  token_ = token;
  dialogue_.at(settings_.clock.mono());
  dialogue_.renew({std::move(token), settings_.tokens.ends()});
  mark();
}

// --- writing, and the end

void Tunnel::drain() {
  dialogue_.drain();
  mark();
}

void Tunnel::close() {
  if (std::exchange(over_, true)) return;
  timer_.cancel();
  connecting_.reset();
  client_.shutdown();
  client_.close();
  if (stream_ != nullptr) {
    stream_->shutdown();
    stream_->close();
  }
  settings_.turn.add(net::Phase::reap, *this);
}

void Tunnel::at_turn_end(net::Phase phase) {
  if (phase == net::Phase::reap) {
    const auto gone = std::move(on_end_);  // destroys this tunnel
    return gone(*this);
  }
  if (over_) return;
  if (phase == net::Phase::upstream) {
    if (stream_ != nullptr && upstream_ == Upstream::open) flush(*stream_, dialogue_.to_upstream());
    return;
  }
  flush_both();
}

void Tunnel::flush(net::Stream& stream, Buffer& bytes) {
  while (!bytes.empty() && stream.is_open() && stream.writable()) {
    const net::IoResult result = stream.write(bytes.view());
    if (result.status == net::IoStatus::ok) {
      bytes.consume(result.bytes);
    } else if (result.status == net::IoStatus::want_write ||
               result.status == net::IoStatus::want_read) {
      return;
    } else {
      bytes.clear();
      if (&stream == &client_) {
        dialogue_.client_ended();
      } else {
        upstream_ = Upstream::lost;
        dialogue_.upstream_ended();
      }
      return;
    }
  }
}

// Room made here lets the dialogue go on, and the side that had to wait be read again.
void Tunnel::flush_both() {
  dialogue_.at(settings_.clock.mono());
  flush(client_, dialogue_.to_client());
  const std::size_t before = dialogue_.to_upstream().size() + dialogue_.to_client().size();
  if (dialogue_.login() == Dialogue::Login::good) dialogue_.go_on();
  if (dialogue_.to_upstream().size() + dialogue_.to_client().size() > before) mark();
  if (client_.is_open() && client_.readable() && dialogue_.reads_client()) client_.again();
  if (stream_ != nullptr && upstream_ == Upstream::open && stream_->readable() &&
      (ending_ || dialogue_.reads_upstream()))
    stream_->again();
  end_if_over();
}

void Tunnel::end_if_over() {
  switch (dialogue_.end()) {
    case Dialogue::End::none:
      // A client that left while something is awaited that may never come.
      if (client_.peer_ended() && !client_.readable() && !std::exchange(ending_, true))
        after(kFarewell, &Tunnel::close);
      return;
    case Dialogue::End::broken:
      return close();
    case Dialogue::End::deliver:
      if (dialogue_.to_client().empty()) return close();
      break;
    case Dialogue::End::leave:
      if (upstream_ != Upstream::open) return close();
      // Keyward reads the end behind the last request; its answers are read and dropped, so that
      // no reset overtakes it.
      if (dialogue_.to_upstream().empty() && !std::exchange(said_goodbye_, true))
        stream_->shutdown();
      break;
  }
  if (!std::exchange(ending_, true)) after(kFarewell, &Tunnel::close);
}

}  // namespace keyward::agent
