#include "keyward/upstream/link.h"

#include "keyward/base/log.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace keyward::upstream {

namespace {

constexpr std::size_t kCongested = 4UL * 1024 * 1024;  // outgoing bytes above which askers wait
constexpr std::size_t kRoom = 1UL * 1024 * 1024;       // and below which they go on
constexpr std::size_t kReadBudget =
    256UL * 1024;  // bytes per readable event: other connections get their turn
constexpr int kLoginTries = 3;
constexpr std::size_t kGreeting = 4096;  // of an answer to HELLO: the id stands at its beginning

// One scratch buffer per shard thread is enough: bytes are consumed before the next read.
std::span<char> scratch() {
  thread_local std::array<char, 128UL * 1024> bytes;
  return bytes;
}

// The number behind the word "id" of an answer to HELLO; 0 when there is none.
std::uint64_t id_in(std::string_view greeting) {
  constexpr std::string_view kField = "$2\r\nid\r\n:";
  const std::size_t at = greeting.find(kField);
  if (at == std::string_view::npos) return 0;
  std::uint64_t id = 0;
  const std::string_view text = greeting.substr(at + kField.size());
  return std::from_chars(text.data(), text.data() + text.size(), id).ec == std::errc() ? id : 0;
}

}  // namespace

Link::Link(LinkSettings& settings, LinkKey key, Secret password)
    : settings_(settings),
      key_(std::move(key)),
      password_(std::move(password)),
      node_(settings.endpoint.text()) {
  relay_scanner_.keep_children(true);
}

Link::~Link() {
  *alive_ = false;
  settings_.turn.forget(*this);
}

void Link::start() {
  state_ = State::connecting;
  connecting_ = net::connect(
      settings_.io, settings_.endpoint, settings_.tls, settings_.server_name,
      settings_.connect_timeout,
      [this](Result<std::unique_ptr<net::Stream>> stream) { connected(std::move(stream)); });
}

void Link::connected(Result<std::unique_ptr<net::Stream>> stream) {
  // The handle owns this callback: it may go only after the callback has returned.
  boost::asio::post(settings_.io, [handle = std::move(connecting_)] {});
  if (down()) return;
  if (!stream) {
    spdlog::warn("upstream {}: {}", node_, stream.error().message());
    close("connect failed");
    return;
  }
  stream_ = std::move(*stream);
  stream_->attach(settings_.turn, *this);
  log_in();
}

void Link::log_in() {
  state_ = State::login;
  ++login_tries_;
  login_since_ = std::chrono::steady_clock::now();
  const Secret* newest = settings_.password ? settings_.password(key_.user) : nullptr;
  if (newest != nullptr) password_ = *newest;
  std::string& out = login_.encode_into();
  // Its answer tells the connection's id, in both protocols.
  const std::string_view protocol = key_.protocol == resp::Protocol::resp3 ? "3" : "2";
  const std::array<std::string_view, 5> hello{"HELLO", protocol, "AUTH", key_.user,
                                              password_.reveal()};
  resp::write_request(out, hello);
  greeting_.clear();
  login_.expect(Awaiting{.sink = this, .place = 1});
  if (key_.db != 0) {
    const std::string db = std::to_string(key_.db);
    const std::array<std::string_view, 2> select{"SELECT", db};
    resp::write_request(login_.encode_into(), select);
    login_.expect(Awaiting{.sink = this, .place = 2});
  }
  mark_dirty();
}

// Only replies to our own login come here.
void Link::on_reply(const Awaiting& awaiting, const ReplyPart& part) {
  if (awaiting.place == 1 && greeting_.size() < kGreeting) greeting_.append(part.bytes);
  if (!part.last || down()) return;
  if (part.head.is_error()) {
    const std::string word(part.head.first_word());
    if (awaiting.place == 1 && word == "WRONGPASS" && login_tries_ < kLoginTries &&
        settings_.repair) {
      ++repairs_;
      settings_.repair(key_.user, [this, alive = alive_](bool repaired) {
        if (!*alive) return;
        --repairs_;
        if (down()) {
          settings_.turn.add(net::Phase::reap, *this);
        } else if (repaired) {
          log_in();
        } else {
          close("login refused");
        }
      });
      return;
    }
    spdlog::error("upstream {}: login of a leased user refused: {}", node_, word);
    close("login refused");
    return;
  }
  if (awaiting.place == 1) client_id_ = id_in(std::exchange(greeting_, {}));
  if (login_.waiting() == 0) {
    state_ = State::up;
    mark_dirty();
  }
}

void Link::on_lost(const Awaiting&, bool) {}

// While a repair is under way the wait is not Redis's fault, and has a bound of its own.
void Link::mind_login(std::chrono::steady_clock::time_point now) {
  if (state_ != State::login || repairs_ > 0 || now - login_since_ < settings_.login_timeout)
    return;
  spdlog::warn("upstream {}: no answer to the login of a leased user", node_);
  close("login unanswered");
}

std::string& Link::encode_into() { return pipeline_.encode_into(); }

void Link::expect(const Awaiting& awaiting) {
  pipeline_.expect(awaiting);
  mark_dirty();
}

void Link::mark_dirty() {
  if (!down()) settings_.turn.add(net::Phase::upstream, *this);
}

void Link::at_turn_end(net::Phase phase) {
  if (phase == net::Phase::upstream) flush();
  if (phase == net::Phase::reap && on_down && reapable()) {
    const auto gone = std::move(on_down);  // destroys this link
    gone(*this);
  }
}

void Link::flush() {
  if (stream_ == nullptr || down() || !stream_->writable()) return;
  Pipeline& source = state_ == State::up ? pipeline_ : login_;
  while (!source.outgoing().empty()) {
    const net::IoResult result = stream_->write(source.outgoing());
    if (result.status == net::IoStatus::ok) {
      source.written(result.bytes);
    } else if (result.status == net::IoStatus::want_write ||
               result.status == net::IoStatus::want_read) {
      break;
    } else {
      close("write failed");
      return;
    }
  }
  give_room();
  finish_if_retired();
}

bool Link::congested() const { return pipeline_.outgoing().size() > kCongested; }

void Link::wait_for_room(RoomWaiter& waiter) {
  if (std::find(room_waiters_.begin(), room_waiters_.end(), &waiter) == room_waiters_.end()) {
    room_waiters_.push_back(&waiter);
  }
}

void Link::forget_room_waiter(RoomWaiter& waiter) { std::erase(room_waiters_, &waiter); }

void Link::give_room() {
  if (room_waiters_.empty() || pipeline_.outgoing().size() > kRoom) return;
  std::vector<RoomWaiter*> waiters;
  waiters.swap(room_waiters_);
  for (RoomWaiter* waiter : waiters) waiter->on_room();
}

void Link::resume() {
  if (!std::exchange(paused_, false) || down()) return;
  if (stream_ != nullptr && stream_->readable()) stream_->again();
}

void Link::on_writable() { mark_dirty(); }

void Link::on_readable() {
  std::size_t budget = kReadBudget;
  while (!paused_ && !down()) {
    if (budget == 0) return stream_->again();
    const std::span<char> into = scratch();
    const net::IoResult result = stream_->read(into);
    if (result.status == net::IoStatus::want_read || result.status == net::IoStatus::want_write)
      break;
    if (result.status != net::IoStatus::ok) {
      if (state_ == State::up && settings_.cut) settings_.cut(key_.user);
      close("closed by Redis");
      return;
    }
    if (!receive({into.data(), result.bytes})) {
      close("unexpected bytes");
      return;
    }
    budget -= std::min(budget, result.bytes);
    if (!down() && !stream_->readable()) break;
  }
  if (!down()) finish_if_retired();
}

bool Link::receive(std::string_view bytes) {
  if (state_ != State::up) {
    const bool fine = login_.receive(bytes);
    return fine || down();
  }
  if (relay_ != nullptr) return receive_relay(bytes);
  return pipeline_.receive(bytes);
}

bool Link::receive_relay(std::string_view bytes) {
  while (!bytes.empty() && relay_ != nullptr) {
    const auto progress = relay_scanner_.feed(bytes);
    if (progress.bad) return false;
    std::string_view part = bytes.substr(0, progress.used);
    bytes.remove_prefix(progress.used);
    if (!progress.head_known) {
      relay_early_.append(part);
      continue;
    }
    if (!relay_early_.empty()) {
      relay_early_.append(part);
      part = relay_early_;
    }
    const bool first = relay_first_;
    relay_first_ = progress.done;
    relay_->on_frame({.head = relay_scanner_.head(),
                      .bytes = part,
                      .first = first,
                      .last = progress.done,
                      .children = &relay_scanner_.children()});
    relay_early_.clear();
  }
  return true;
}

void Link::finish_if_retired() {
  if (retired_ && !down() && pipeline_.idle()) close("retired");
}

void Link::close(const char* why) {
  if (down()) return;
  spdlog::debug("upstream {} ({}): {}", node_, key_.user, why);
  state_ = State::down;
  connecting_.reset();
  if (stream_ != nullptr) stream_->close();
  login_.fail();
  pipeline_.fail();
  if (FrameSink* relay = std::exchange(relay_, nullptr)) relay->on_link_down();
  if (LinkHolder* holder = std::exchange(holder_, nullptr)) holder->on_loan_lost();
  std::vector<RoomWaiter*> waiters;
  waiters.swap(room_waiters_);
  for (RoomWaiter* waiter : waiters) waiter->on_room();
  settings_.turn.add(net::Phase::reap, *this);
}

}  // namespace keyward::upstream
