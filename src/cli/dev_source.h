// Tokens of the development issuer, made in this process with the key of its state folder.
#pragma once

#include "cli/agent_options.h"

#include "keyward/agent/token.h"

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>

#include <memory>
#include <string>

namespace keyward::cli {

struct DevToken {
  Secret value;
  std::string alias;
  boost::json::object claims;
};
[[nodiscard]] Result<DevToken> make_dev_token(const TokenOptions& options);
[[nodiscard]] Result<std::unique_ptr<agent::TokenSource>> dev_source(boost::asio::io_context& io,
                                                                     const TokenOptions& options);

// Where the Keyward of a state folder listens, and its authority.
struct DevUpstream {
  std::string url, ca;
};
[[nodiscard]] Result<DevUpstream> dev_upstream(const std::string& state);

}  // namespace keyward::cli
