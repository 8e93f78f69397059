// Keeps every issuer's keys fresh: files by change, HTTPS by discovery and cache headers. Lives on
// the control thread.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/identity/authenticator.h"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keyward::identity {

class KeyFetcher {
 public:
  // Called on the control thread for every new key set; the receiver posts it to the shards.
  using Publish = std::function<void(const std::string& issuer_alias, std::shared_ptr<const KeySet>,
                                     MonoTime fetched)>;

  KeyFetcher(boost::asio::io_context& io, std::vector<IssuerConfig> issuers, const Clock& clock,
             Publish publish);
  ~KeyFetcher();
  void start();  // reads files at once, fetches the others, then refreshes for ever
  void stop();
  // An unknown kid was seen. At most one fetch per issuer per 30 s; `done` runs on the control
  // thread when the fetch that was started, joined or refused by the cool-down is over.
  void refresh(const std::string& issuer_alias, std::function<void()> done);
  struct Status {
    std::string alias;
    bool has_keys = false;
    MonoTime fetched{};
    std::string last_error;
    std::size_t keys = 0;
    std::uint64_t fetches = 0, failures = 0;
  };
  [[nodiscard]] std::vector<Status> status() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyward::identity
