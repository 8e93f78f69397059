#include "proxy/farewells.h"

#include <algorithm>
#include <array>

namespace keyward::proxy {

namespace {

constexpr std::size_t kMost = 1'000;  // beyond: closed at once
constexpr std::size_t kMostBytes = 1024UL * 1024;
constexpr std::chrono::seconds kLongest{2};

}  // namespace

class Farewells::One final : private net::Stream::User {
 public:
  One(std::unique_ptr<net::Stream> stream, MonoTime now) : stream_(std::move(stream)), since_(now) {
    stream_->hand_over(*this);
    if (stream_->readable()) on_readable();
  }
  [[nodiscard]] bool over(MonoTime now) const {
    return !stream_->is_open() || now - since_ >= kLongest;
  }

 private:
  void on_readable() override {
    thread_local std::array<char, 16UL * 1024> thrown_away;
    while (stream_->readable()) {
      const net::IoResult result = stream_->read(thrown_away);
      if (result.status == net::IoStatus::want_read) return;
      bytes_ += result.bytes;
      if (result.status != net::IoStatus::ok || bytes_ > kMostBytes) return stream_->close();
    }
  }
  void on_writable() override {}

  std::unique_ptr<net::Stream> stream_;
  MonoTime since_;
  std::size_t bytes_ = 0;
};

Farewells::Farewells() = default;
Farewells::~Farewells() = default;

void Farewells::take(std::unique_ptr<net::Stream> stream, MonoTime now) {
  if (all_.size() >= kMost) tick(now);
  if (all_.size() < kMost) all_.push_back(std::make_unique<One>(std::move(stream), now));
}

void Farewells::tick(MonoTime now) {
  std::erase_if(all_, [&](const auto& one) { return one->over(now); });
}

}  // namespace keyward::proxy
