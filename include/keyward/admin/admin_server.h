// The admin listener: pages, and the API below /v1/, over HTTP(S), on the control thread. Limits on
// size, time and connections.
#pragma once

#include "keyward/admin/policy_status.h"
#include "keyward/admin/revocation_source.h"
#include "keyward/base/clock.h"
#include "keyward/base/result.h"
#include "keyward/base/secret.h"
#include "keyward/credential/desk.h"
#include "keyward/net/endpoint.h"
#include "keyward/net/tls.h"
#include "keyward/policy/snapshot.h"

#include <boost/asio/io_context.hpp>
#include <prometheus/metric_family.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keyward::admin {

struct ReadyCheck {
  std::string name;  // "redis", "issuer okta", "audit", "policy"
  bool ok = false;
  std::string detail;  // why not, or what to know all the same; no secrets
};
// A call that changed something or told of credentials, sessions or revocations.
struct ApiCall {
  std::string operation;  // "DELETE /v1/sessions/5e0b7c19d2a4"
  std::string by;         // by what right the caller was let in; never a token
  std::uint8_t activity = 0;  // 1 create, 2 read, 3 update, 4 delete
  unsigned status = 0;        // of the answer
  credential::Caller caller;
};
// Where the pages get their facts; called on the control thread.
struct Sources {
  std::function<std::vector<ReadyCheck>()> readiness;
  std::function<std::vector<prometheus::MetricFamily>()> metrics;
  std::function<PolicyStatus()> policy;
  std::function<std::shared_ptr<const policy::Snapshot>()> snapshot;
  // Reads the folder again; `done` when that is over, whatever came of it. False: too many wait.
  std::function<bool(const std::string& trigger, std::function<void()> done)> reload;
  RevocationSource revocations;
  SessionSource sessions;
  std::string instance;
  // What /v1/ asks for, read anew each time; none = loopback only.
  std::function<Result<Secret>()> token;
  credential::Desk* credentials = nullptr;  // null: none are given out
  const Clock* clock = nullptr;
  // Called before the answer leaves. False: the trail cannot be written.
  std::function<bool(const ApiCall&)> record;
};

class AdminServer {
 public:
  // `tls` null = plain HTTP. Port 0 takes a free one.
  AdminServer(boost::asio::io_context& io, net::Endpoint endpoint, net::SslContext tls,
              Sources sources);
  ~AdminServer();
  Result<> start();
  void stop();
  // Connections from now on use this context: certificates were renewed.
  void set_tls(net::SslContext tls);
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyward::admin
