#include "keyward/agent/token_keeper.h"

#include "keyward/base/hash.h"
#include "keyward/base/log.h"
#include "keyward/base/same_secret.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace keyward::agent {

namespace {

using std::chrono::microseconds;

constexpr microseconds kGlance = std::chrono::seconds(1),
                       kQuickGlance = std::chrono::milliseconds(50);
constexpr std::chrono::minutes kUnsaid{5};  // life of a token that does not say it
constexpr microseconds kShortest = std::chrono::milliseconds(200);
constexpr microseconds kFirstRetry = std::chrono::milliseconds(500);
constexpr microseconds kLastRetry = std::chrono::seconds(30);

microseconds scaled(microseconds time, double factor) {
  return microseconds(static_cast<std::int64_t>(static_cast<double>(time.count()) * factor));
}

std::uint32_t seed() {
  std::uint32_t out = 0;
  std::memcpy(&out, random_bytes(sizeof out).data(), sizeof out);
  return out;
}

}  // namespace

double RefreshSchedule::spread(double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random_);
}

void RefreshSchedule::fetched(const Token& token, WallTime wall, MonoTime now) {
  failures_ = 0;
  life_ = token.expires ? std::max(microseconds(0), *token.expires - wall) : microseconds(kUnsaid);
  // The floor is for a source that gives the same token until its end.
  due_ = now + std::max(kShortest, scaled(life_, token.expires ? spread(0.7, 0.8) : 1.0));
}

void RefreshSchedule::failed(MonoTime now) {
  microseconds pause = kLastRetry;
  if (failures_ < 6) pause = std::min(kLastRetry, kFirstRetry * (1 << failures_));
  if (life_.count() > 0) pause = std::min(pause, std::max(life_ / 10, microseconds(100'000)));
  ++failures_;
  due_ = now + scaled(pause, spread(0.8, 1.2));
}

void RefreshSchedule::refused(MonoTime now) {
  const MonoTime soon = now + scaled(kFirstRetry * (1 << std::min(failures_, 6)), spread(0.8, 1.2));
  if (failures_ < 6) ++failures_;
  due_ = std::min(due_, soon);
}

microseconds RefreshSchedule::glance() const {
  return life_.count() == 0 ? kGlance : std::clamp(life_ / 20, kQuickGlance, kGlance);
}

TokenKeeper::TokenKeeper(boost::asio::io_context& io, std::unique_ptr<TokenSource> source,
                         const Clock& clock, std::function<void()> on_token)
    : io_(io),
      source_(std::move(source)),
      clock_(clock),
      on_token_(std::move(on_token)),
      timer_(io),
      schedule_(seed()) {}

TokenKeeper::~TokenKeeper() { *alive_ = false; }

void TokenKeeper::start() {
  fetch();
  tick();
}

void TokenKeeper::tick() {
  const MonoTime now = clock_.mono();
  if (source_->changed() || now >= schedule_.due()) fetch();
  const MonoTime::duration glance = schedule_.glance();
  timer_.expires_after(fetching_ ? glance : std::min(glance, std::max(schedule_.due(), now) - now));
  timer_.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped) tick();
  });
}

void TokenKeeper::fetch() {
  if (std::exchange(fetching_, true)) return;
  source_->fetch([this, alive = alive_](Result<Token> token) {
    if (*alive) take(std::move(token));
  });
}

void TokenKeeper::take(Result<Token> token) {
  fetching_ = false;
  const WallTime wall = clock_.wall();
  if (token && token->expires && *token->expires <= wall)
    token = Error(Errc::invalid, source_->name() + " gave a token that has expired");
  if (!token) {
    schedule_.failed(clock_.mono());
    if (trouble_ != token.error().message())
      spdlog::warn("token: {}; {}", token.error().message(),
                   token_ ? "the one before stays in use" : "there is none yet");
    trouble_ = token.error().message();
    return;
  }
  if (!trouble_.empty()) spdlog::info("token: {} works again", source_->name());
  trouble_.clear();
  schedule_.fetched(*token, wall, clock_.mono());
  expires_ = token->expires;
  ends_ = expires_ ? clock_.mono() + (*expires_ - wall) : MonoTime::max();
  if (token_ && same_secret(token_->reveal(), token->value.reveal())) return;
  ++fetched_;
  token_ = std::make_shared<const Secret>(std::move(token->value));
  on_token_();
}

TokenKeeper::Current TokenKeeper::current() {
  if (source_->changed()) fetch();
  if (expires_ && *expires_ <= clock_.wall()) return nullptr;
  return token_;
}

void TokenKeeper::refused(const Current& token) {
  if (token == token_) schedule_.refused(clock_.mono());
}

}  // namespace keyward::agent
