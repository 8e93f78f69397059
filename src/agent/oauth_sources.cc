// Tokens of an OAuth 2 authorization server: for a program, and for a person.
#include "keyward/base/json_member.h"
#include "agent/oauth.h"

#include "keyward/base/log.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <utility>

namespace keyward::agent {

namespace {

constexpr std::chrono::seconds kPoll{5};       // RFC 8628 section 3.2, when the server says nothing
constexpr std::chrono::minutes kPatience{15};  // for a person

boost::json::object object_of(std::string_view body) {
  boost::system::error_code bad;
  boost::json::value value = boost::json::parse(body, bad);
  return !bad && value.is_object() ? std::move(value.get_object()) : boost::json::object();
}

// What is asked for, whatever the way.
void add_wishes(const OAuthSettings& settings, Form& form) {
  if (!settings.scope.empty()) form.emplace_back("scope", settings.scope);
  if (!settings.audience.empty()) form.emplace_back("audience", settings.audience);
  if (!settings.resource.empty()) form.emplace_back("resource", settings.resource);
}

class ClientCredentials final : public TokenSource {
 public:
  ClientCredentials(boost::asio::io_context& io, OAuthSettings settings)
      : client_(io, std::move(settings)) {}

  void fetch(Done done) override {
    client_.discover([this, done = std::move(done)](const Result<>& found) {
      if (!found) return done(found.error());
      Form form{{"grant_type", "client_credentials"}};
      add_wishes(client_.settings(), form);
      const std::string url = client_.settings().token_endpoint;
      client_.post(url, std::move(form), [this, done](const Result<net::HttpResponse>& answer) {
        if (!answer) return done(answer.error());
        if (answer->status != 200)
          return done(read_error_answer(answer->status, answer->body, name()));
        done(read_token_answer(object_of(answer->body), name(), SystemClock().wall()));
      });
    });
  }
  [[nodiscard]] std::string name() const override {
    const OAuthSettings& settings = client_.settings();
    return "the token endpoint of " +
           (settings.issuer.empty() ? settings.token_endpoint : settings.issuer);
  }

 private:
  OAuthClient client_;
};

// Asks a person once, then lives on refresh tokens.
class Device final : public TokenSource {
 public:
  Device(boost::asio::io_context& io, OAuthSettings settings,
         std::function<void(const std::string&)> show)
      : client_(io, std::move(settings)), show_(std::move(show)), timer_(io) {}

  void fetch(Done done) override {
    done_ = std::move(done);
    client_.discover([this](const Result<>& found) {
      if (!found) return finish(found.error());
      refresh_.empty() ? ask() : refresh();
    });
  }
  [[nodiscard]] std::string name() const override {
    const OAuthSettings& settings = client_.settings();
    return "the device login at " +
           (settings.issuer.empty() ? settings.device_endpoint : settings.issuer);
  }

 private:
  void finish(Result<Token> token) { std::exchange(done_, nullptr)(std::move(token)); }

  void refresh() {
    Form form{{"grant_type", "refresh_token"}, {"refresh_token", std::string(refresh_.reveal())}};
    client_.post(client_.settings().token_endpoint, std::move(form),
                 [this](const Result<net::HttpResponse>& answer) {
                   if (!answer) return finish(answer.error());
                   if (answer->status == 200) return take(answer->body);
                   const bool spent = error_word(answer->body) == "invalid_grant";
                   if (!spent)
                     return finish(read_error_answer(answer->status, answer->body, name()));
                   refresh_ = Secret();
                   ask();
                 });
  }

  void ask() {
    if (client_.settings().device_endpoint.empty())
      return finish(Error(Errc::invalid, name() + ": the server offers no device login"));
    Form form;
    add_wishes(client_.settings(), form);
    client_.post(client_.settings().device_endpoint, std::move(form),
                 [this](const Result<net::HttpResponse>& answer) {
                   if (!answer) return finish(answer.error());
                   if (answer->status != 200)
                     return finish(read_error_answer(answer->status, answer->body, name()));
                   begin(object_of(answer->body));
                 });
  }

  void begin(const boost::json::object& answer) {
    code_ = Secret(text_of(answer, "device_code"));
    const std::string user_code = text_of(answer, "user_code");
    const std::string place = text_of(answer, "verification_uri");
    if (code_.empty() || user_code.empty() || place.empty())
      return finish(Error(Errc::invalid, name() + " gave no code"));
    pause_ = seconds_of(answer, "interval", kPoll);
    until_ = SystemClock().mono() +
             std::min<std::chrono::seconds>(seconds_of(answer, "expires_in", kPatience), kPatience);
    const std::string whole = text_of(answer, "verification_uri_complete");
    show_("To log in, open  " + log::printable(place, 500) + "  and enter the code  " +
          log::printable(user_code, 64) +
          (whole.empty() ? "" : "\nor open  " + log::printable(whole, 1000)));
    wait();
  }

  static std::chrono::seconds seconds_of(const boost::json::object& answer, std::string_view name,
                                         std::chrono::seconds otherwise) {
    const boost::json::value* value = answer.if_contains(name);
    if (value == nullptr || !value->is_number()) return otherwise;
    return std::chrono::seconds(
        static_cast<std::int64_t>(std::clamp(value->to_number<double>(), 0.0, 3600.0)));
  }

  void wait() {
    timer_.expires_after(pause_);
    timer_.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) poll();
    });
  }

  void poll() {
    if (SystemClock().mono() >= until_)
      return finish(Error(Errc::timeout, name() + ": nobody entered the code in time"));
    Form form{{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"},
              {"device_code", std::string(code_.reveal())}};
    client_.post(client_.settings().token_endpoint, std::move(form),
                 [this](const Result<net::HttpResponse>& answer) { polled(answer); });
  }

  // RFC 8628 section 3.5.
  void polled(const Result<net::HttpResponse>& answer) {
    if (!answer) return wait();
    if (answer->status == 200) return take(answer->body);
    const std::string word = error_word(answer->body);
    if (word == "slow_down") pause_ += kPoll;
    if (word == "slow_down" || word == "authorization_pending") return wait();
    finish(read_error_answer(answer->status, answer->body, name()));
  }

  void take(const std::string& body) {
    const boost::json::object answer = object_of(body);
    if (std::string next = text_of(answer, "refresh_token"); !next.empty())
      refresh_ = Secret(std::move(next));
    finish(read_token_answer(answer, name(), SystemClock().wall()));
  }

  OAuthClient client_;
  std::function<void(const std::string&)> show_;
  boost::asio::steady_timer timer_;
  Done done_;
  Secret code_, refresh_;
  std::chrono::seconds pause_ = kPoll;
  MonoTime until_{};
};

}  // namespace

std::unique_ptr<TokenSource> client_credentials_source(boost::asio::io_context& io,
                                                       OAuthSettings settings) {
  return std::make_unique<ClientCredentials>(io, std::move(settings));
}

std::unique_ptr<TokenSource> device_source(boost::asio::io_context& io, OAuthSettings settings,
                                           std::function<void(const std::string&)> show) {
  return std::make_unique<Device>(io, std::move(settings), std::move(show));
}

}  // namespace keyward::agent
