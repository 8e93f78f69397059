// Where tokens come from, and how the one in use is kept fresh.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/result.h"
#include "keyward/base/secret.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace keyward::agent {

struct Token {
  Secret value;
  std::optional<WallTime> expires;  // nothing: it does not say
};

// What a token says about its own end: `exp` of a JWT. Nothing is verified, that is for Keyward.
[[nodiscard]] std::optional<WallTime> expiry_of(std::string_view token);
// With its expiry; errors for what can be no credential: empty, above 16 KiB (the most that Redis
// and Keyward take), or with white space or control characters inside.
[[nodiscard]] Result<Token> make_token(Secret text, const std::string& source);

// One way to get tokens. Used on the thread of its io_context.
class TokenSource {
 public:
  using Done = std::function<void(Result<Token>)>;
  virtual ~TokenSource() = default;
  // One at a time; `done` runs exactly once, never from inside the call.
  virtual void fetch(Done done) = 0;
  // There may be another token now. Cheap: asked about once a second, more often for short-lived
  // tokens.
  [[nodiscard]] virtual bool changed() { return false; }
  // For logs and status: "the file /var/run/token".
  [[nodiscard]] virtual std::string name() const = 0;
};

}  // namespace keyward::agent
