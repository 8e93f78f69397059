// Asks AWS STS, introspection endpoints and Kubernetes API servers what a credential is worth.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/identity/issuer_config.h"
#include "keyward/identity/remote.h"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace keyward::identity {

// Asks, remembers answers for a short time, and asks once for what many want to know at once. Lives
// on the control thread.
class RemoteVerifier {
 public:
  RemoteVerifier(boost::asio::io_context& io, std::vector<IssuerConfig> issuers,
                 const Clock& clock);
  ~RemoteVerifier();
  RemoteVerifier(const RemoteVerifier&) = delete;
  RemoteVerifier& operator=(const RemoteVerifier&) = delete;

  // `done` runs once on the control thread, never from inside the call.
  void ask(std::shared_ptr<const RemoteQuestion> question, std::function<void(RemoteAnswer)> done);
  [[nodiscard]] std::uint64_t requests() const;  // sent so far

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyward::identity
