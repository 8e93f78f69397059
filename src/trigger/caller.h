// One target behind its HTTP connections: composes, signs or lets in, sends, judges.
#pragma once

#include "trigger/outgoing.h"
#include "trigger/search.h"

#include "keyward/aws/credential_keeper.h"
#include "keyward/aws/credentials.h"
#include "keyward/net/http_pool.h"
#include "keyward/trigger/target.h"

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace keyward::trigger {

// On the engine's thread; what is under way when it goes is never answered.
class Caller final : public Target {
 public:
  Caller(boost::asio::io_context& io, const Rule& rule, const Connection& connection);
  // Errors: a file of authorities that cannot be used.
  [[nodiscard]] Result<> prepare() { return renew_context(); }
  void start(Start what, std::function<void(Answer)> done) override;
  using OnResponse = std::function<void(const Result<net::HttpResponse>&)>;
  // One question with the connection's credentials, within the rule's timeout. `on` runs once, also
  // from inside the call.
  void ask(Outgoing request, const OnResponse& on);

 private:
  // The timer is for all of its requests together, and for the wait for credentials.
  struct Call {
    Call(boost::asio::io_context& io, Start start, std::function<void(Answer)> on_done)
        : what(std::move(start)), done(std::move(on_done)), timer(io) {}
    void finish(Answer answer);
    Start what;
    std::optional<Search> search;
    std::function<void(Answer)> done;  // empty once it ran
    boost::asio::steady_timer timer;
  };
  using CallPtr = std::shared_ptr<Call>;

  void look(const CallPtr& call);
  void send(const CallPtr& call);
  void send_signed(const CallPtr& call, const Outgoing& request, OnResponse on);
  void transmit(const CallPtr& call, Outgoing request, OnResponse on);
  void conclude(const CallPtr& call, const Result<net::HttpResponse>& response);
  // Errors: the secret cannot be had.
  [[nodiscard]] Result<> let_in(Outgoing& request) const;
  [[nodiscard]] Result<> renew_context();

  boost::asio::io_context& io_;
  Rule rule_;
  Connection connection_;
  SystemClock clock_;
  net::SslContext tls_;
  MonoTime tls_made_{};
  net::HttpPool pool_;
  std::shared_ptr<aws::CredentialChain> chain_;  // aws; made with the first context
  std::optional<aws::CredentialKeeper> keeper_;  // aws
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace keyward::trigger
