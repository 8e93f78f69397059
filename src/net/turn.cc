#include "keyward/net/turn.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

namespace keyward::net {
namespace {

// The longest time before Asio's own handlers (timers, posts of other threads) get their turn.
constexpr std::chrono::milliseconds kAsioEvery{1};
// Below this the next events are more likely to come through a wait than at once.
constexpr std::size_t kBusy = 2;

int make_epoll() {
  const int made = ::epoll_create1(EPOLL_CLOEXEC);
  if (made < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return made;
}

template <class List, class Item>
void blank_out(List& list, Item* item) {
  std::replace(list.begin(), list.end(), item, static_cast<Item*>(nullptr));
}

}  // namespace

Turn::Turn(boost::asio::io_context& io) : io_(io), ready_(io, make_epoll()) { wait(); }
Turn::~Turn() = default;

void Turn::watch(Source& source, int descriptor, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  // Fails only for want of memory. Nobody hears of that socket then, and its deadline closes it.
  (void)::epoll_ctl(ready_.native_handle(), EPOLL_CTL_ADD, descriptor, &event);
}

// Before the descriptor closes: its number may come back at once.
void Turn::unwatch(Source& source, int descriptor) {
  epoll_event none{};
  (void)::epoll_ctl(ready_.native_handle(), EPOLL_CTL_DEL, descriptor, &none);
  for (std::size_t i = told_; i < found_; ++i) {
    if (events_[i].data.ptr == &source) events_[i].data.ptr = nullptr;
  }
  blank_out(repeats_, &source);
  blank_out(repeating_, &source);
}

void Turn::repeat(Source& source) {
  repeats_.push_back(&source);
  if (!inside_) post();
}

void Turn::add(Phase phase, Member& member) {
  const auto index = static_cast<std::size_t>(phase);
  if (member.queued_[index]) return;
  member.queued_[index] = true;
  lists_[index].push_back(&member);
  if (!inside_) post();
}

void Turn::forget(Member& member) {
  for (auto& list : lists_) blank_out(list, &member);
  blank_out(running_, &member);
}

void Turn::wait() {
  ready_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this](const boost::system::error_code& error) {
                      if (error) return;
                      run();
                      wait();
                    });
}

// Work that came up outside of a turn. Handlers that are ready now run before it: they share it.
void Turn::post() {
  if (std::exchange(posted_, true)) return;
  boost::asio::post(io_, [this] {
    posted_ = false;
    run();
  });
}

// The first turn asks for what is there. While events come faster than Asio must be visited, the
// next ones wait for more: one system call instead of a way through Asio and its set around ours.
void Turn::run() {
  inside_ = true;
  const auto begun = SteadyClock::now();
  if (begun - ended_ < kAsioEvery) lively_ = true;
  for (Milliseconds patience = 0;;) {
    ++number_;
    const std::size_t told = tell_ready(patience);
    end();
    if (told == 0) {
      if (patience > 0) lively_ = false;
      break;
    }
    if (!lively_ && told < kBusy) break;
    if (SteadyClock::now() - begun >= kAsioEvery) break;
    patience = lively_ && !work_waits() ? 1 : 0;
  }
  inside_ = false;
  ended_ = SteadyClock::now();
  if (work_waits()) post();
}

bool Turn::work_waits() const {
  const auto waiting = [](const auto& list) { return !list.empty(); };
  return waiting(repeats_) || std::any_of(lists_.begin(), lists_.end(), waiting);
}

std::size_t Turn::tell_ready(Milliseconds patience) {
  repeating_.swap(repeats_);
  for (std::size_t i = 0; i < repeating_.size(); ++i) {
    if (Source* source = repeating_[i]) source->ready(EPOLLIN | EPOLLOUT);
  }
  const std::size_t repeated = repeating_.size();
  repeating_.clear();
  const int found = ::epoll_wait(ready_.native_handle(), events_.data(),
                                 static_cast<int>(events_.size()), patience);
  found_ = found > 0 ? static_cast<std::size_t>(found) : 0;
  for (told_ = 0; told_ < found_;) {
    const epoll_event& event = events_[told_++];
    if (event.data.ptr != nullptr) static_cast<Source*>(event.data.ptr)->ready(event.events);
  }
  return found_ + repeated;
}

void Turn::end() {
  for (std::size_t index = 0; index < kPhases; ++index) {
    running_.swap(lists_[index]);
    // By index: a member may be forgotten (set to null) while the list runs, but never added to it.
    for (std::size_t i = 0; i < running_.size(); ++i) {
      Member* member = running_[i];
      if (member == nullptr) continue;
      member->queued_[index] = false;
      member->at_turn_end(static_cast<Phase>(index));
    }
    running_.clear();
  }
}

}  // namespace keyward::net
