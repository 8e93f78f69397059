// Holds the token in use, gets the next one in time, and keeps the old one while that fails.
#pragma once

#include "keyward/agent/token.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>

namespace keyward::agent {

// When the next fetch is due. Pure: time comes in, time goes out.
class RefreshSchedule {
 public:
  explicit RefreshSchedule(std::uint32_t seed) : random_(seed) {}
  // At 70 to 80 % of what is left of its life, so that agents that started together do not ask
  // together; without an expiry after five minutes.
  void fetched(const Token& token, WallTime wall, MonoTime now);
  // 0.5 s, 1 s, 2 s ... 30 s, each with a fifth of jitter; never slower than a tenth of the life
  // the last token had.
  void failed(MonoTime now);
  // The token was refused: ask for another one soon.
  void refused(MonoTime now);
  [[nodiscard]] MonoTime due() const { return due_; }
  // How often to look whether the source has changed: each second, more often for short lives.
  [[nodiscard]] std::chrono::microseconds glance() const;
  [[nodiscard]] int failures() const { return failures_; }

 private:
  [[nodiscard]] double spread(double low, double high);
  std::mt19937 random_;
  MonoTime due_ = MonoTime::min();
  std::chrono::microseconds life_{0};
  int failures_ = 0;
};

class TokenKeeper {
 public:
  using Current = std::shared_ptr<const Secret>;
  // `on_token` runs for each new token. Both must outlive it.
  TokenKeeper(boost::asio::io_context& io, std::unique_ptr<TokenSource> source, const Clock& clock,
              std::function<void()> on_token);
  ~TokenKeeper();
  TokenKeeper(const TokenKeeper&) = delete;
  TokenKeeper& operator=(const TokenKeeper&) = delete;

  void start();
  // The token in use; null while there is none, or none that has not expired.
  [[nodiscard]] Current current();
  // Keyward refused this one.
  void refused(const Current& token);
  // Why there is no token, or no newer one; "" when all is well.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] std::string source() const { return source_->name(); }
  [[nodiscard]] std::optional<WallTime> expires() const { return expires_; }
  // The same on the clock that is not set; max when it does not say.
  [[nodiscard]] MonoTime ends() const { return ends_; }
  [[nodiscard]] std::uint64_t fetched() const { return fetched_; }

 private:
  void tick();
  void fetch();
  void take(Result<Token> token);

  boost::asio::io_context& io_;
  std::unique_ptr<TokenSource> source_;
  const Clock& clock_;
  std::function<void()> on_token_;
  boost::asio::steady_timer timer_;
  RefreshSchedule schedule_;
  Current token_;
  std::optional<WallTime> expires_;
  MonoTime ends_ = MonoTime::max();
  std::string trouble_;
  std::uint64_t fetched_ = 0;
  bool fetching_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace keyward::agent
