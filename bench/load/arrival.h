// A connection on its way from connect() to logged in.
#pragma once

#include "connection.h"

#include <memory>
#include <string>
#include <vector>

namespace keyward::load {

// The passwords or tokens of a file, one after the other, again from the start at the end
// unless each may be shown once only.
class Secrets {
 public:
  explicit Secrets(const Options& options);
  // The next AUTH command; empty when there is nothing to log in with.
  const std::string& next();
  [[nodiscard]] std::size_t taken() const { return taken_; }

 private:
  std::vector<std::string> commands_;
  std::size_t first_ = 0, taken_ = 0;
  bool once_ = false;
};

std::string command(const std::vector<std::string>& words);

class Arrival {
 public:
  enum class State { going, ready, failed };

  // `auth` may be empty; `refused`: NOAUTH is the right answer to PING. Without
  // `ping`, OK to AUTH is the end.
  Arrival(Target& target, const std::string& auth, bool refused, bool ping);

  // Goes on as far as the socket allows.
  State advance();

  std::unique_ptr<Connection> connection;
  std::string error;
  std::uint64_t asked = 0;  // when AUTH left

 private:
  enum class Step { handshake, auth, ping };

  State answered();
  State ask(Step step, const std::string& bytes);
  State failed(std::string why);

  std::string auth_;
  bool refused_, ping_;
  Step step_ = Step::handshake;
};

// Logs in `count` connections, at most `width` on their way at a time, and appends them.
void arrive(Target& target, Secrets& secrets, std::uint32_t count, std::uint32_t width,
            std::vector<std::unique_ptr<Connection>>& into);

}  // namespace keyward::load
