// What both OAuth sources ask an authorization server: where its endpoints are, and for a token.
// Bodies and answers as pure functions beside the asking.
#pragma once

#include "keyward/agent/sources.h"
#include "keyward/net/https_client.h"

#include <boost/json/object.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::agent {

using Form = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] std::string form_text(const Form& form);
// RFC 6749 section 5.1: the token with the earlier of its own end and `expires_in`.
[[nodiscard]] Result<Token> read_token_answer(const boost::json::object& answer,
                                              const std::string& source, WallTime now);
// The error of an answer (RFC 6749 section 5.2), as one line for people.
[[nodiscard]] Error read_error_answer(int status, std::string_view body, const std::string& what);
// The `error` word of such an answer; "" without one.
[[nodiscard]] std::string error_word(std::string_view body);
// "Basic ..." of RFC 6749 section 2.3.1.
[[nodiscard]] std::string basic_credentials(std::string_view id, std::string_view secret);

// Owned by one source, used on its thread; one question at a time.
class OAuthClient {
 public:
  using Answer = std::function<void(Result<net::HttpResponse>)>;
  OAuthClient(boost::asio::io_context& io, OAuthSettings settings)
      : io_(io), settings_(std::move(settings)) {}
  [[nodiscard]] const OAuthSettings& settings() const { return settings_; }
  // Learns the endpoints unless they are known.
  void discover(std::function<void(Result<>)> done);
  // With the client's proof of who it is.
  void post(const std::string& url, Form form, Answer done);

 private:
  Result<> learn(const net::HttpResponse& document);
  Result<> prove(net::HttpRequest& request, Form& form) const;

  boost::asio::io_context& io_;
  OAuthSettings settings_;
  bool discovered_ = false;
};

}  // namespace keyward::agent
