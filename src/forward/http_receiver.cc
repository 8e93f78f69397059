#include "forward/backoff.h"
#include "forward/client_context.h"
#include "forward/dialect.h"
#include "forward/gzip.h"
#include "forward/receiver.h"

#include "keyward/base/hash.h"
#include "keyward/net/https_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <optional>

namespace keyward::forward {
namespace {

constexpr std::size_t kMostAnswer = std::size_t{4} << 20;  // an error text per document

// {"text": "No data", "code": 5}
bool knows_token(std::string_view body) {
  boost::json::error_code failed;
  const auto whole = boost::json::parse(body, failed);
  const auto* code =
      !failed && whole.is_object() ? whole.get_object().if_contains("code") : nullptr;
  return code != nullptr && *code == 5;
}

// A context of its own for each request: leaving it is what cancels.
Result<net::HttpResponse> exchange(const net::SslContext& tls, net::HttpRequest request,
                                   const GoOn& go_on) {
  std::optional<Result<net::HttpResponse>> answer;
  boost::asio::io_context io{1};
  net::http_fetch(io, tls, std::move(request), [&answer](Result<net::HttpResponse> result) {
    answer.emplace(std::move(result));
  });
  while (!answer && !io.stopped() && go_on()) io.run_one_for(kTurn);
  if (answer) return *std::move(answer);
  return Error(Errc::closed, "Keyward is stopping");
}

class HttpReceiver final : public Receiver {
 public:
  HttpReceiver(const ForwarderConfig& config, std::string instance)
      : config_(config), instance_(std::move(instance)) {}

  Result<> renew_context() {
    if (config_.url.starts_with("http://")) return {};
    return tls_.renew(config_);
  }

  [[nodiscard]] Answer deliver(Items items, const GoOn& go_on) override {
    const auto answer = post(encode(config_, instance_, items), go_on);
    if (!answer) return later(answer.error().message());
    Answer out = judge(config_, answer->status, answer->body, items);
    if (out.verdict != Answer::Verdict::unfit)
      out.wait = retry_after(answer->retry_after, std::chrono::system_clock::now());
    return out;
  }

  // Nothing to store is asked for: HEC says "No data" (code 5) only to a token that it knows, OTLP
  // and `_bulk` take part in the same way.
  [[nodiscard]] Result<> probe(const GoOn& go_on) override {
    Post empty = encode(config_, instance_, {});
    const bool search = config_.kind == Kind::opensearch;
    if (search) empty = {config_.url, {}, {}};
    const auto answer = config_.kind == Kind::http
                            ? post({config_.url, {}, {}}, go_on, "OPTIONS")
                            : post(std::move(empty), go_on, search ? "GET" : "POST");
    if (!answer) return answer.error();
    const int status = answer->status;
    const bool no_data =
        config_.kind == Kind::splunk_hec && status == 400 && knows_token(answer->body);
    const bool lets_in = config_.kind == Kind::http ? status != 401 && status != 403 && status < 500
                                                    : status >= 200 && status < 300;
    if (lets_in || no_data) return {};
    return Error(Errc::unavailable, said(status, answer->body));
  }

 private:
  Result<net::HttpResponse> post(Post what, const GoOn& go_on, const char* method = "POST") {
    if (auto ready = renew_context(); !ready) return ready.error();
    net::HttpRequest request;
    request.method = method;
    request.url = std::move(what.url);
    if (!what.content_type.empty()) request.headers.emplace_back("Content-Type", what.content_type);
    if (config_.secret) {
      const auto secret = config_.secret();
      if (!secret) return secret.error();
      const std::string_view text = secret->reveal();
      const bool printable = std::all_of(text.begin(), text.end(),
                                         [](char byte) { return byte > ' ' && byte <= '~'; });
      if (text.empty() || !printable)
        return Error(Errc::invalid, "the secret for " + config_.name + " is no printable word");
      std::string value = config_.scheme.empty() ? std::string() : config_.scheme + " ";
      value +=
          config_.scheme == "Basic" ? base64_encode(config_.user + ":" + std::string(text)) : text;
      request.headers.emplace_back(config_.header, std::move(value));
    }
    if (config_.gzip && !what.body.empty()) {
      request.headers.emplace_back("Content-Encoding", "gzip");
      request.body = gzip(what.body);
    } else {
      request.body = std::move(what.body);
    }
    request.allow_plain = request.url.starts_with("http://");  // the configuration allowed it
    request.allow_private = true;
    request.max_body = kMostAnswer;
    request.deadline = config_.timeout;
    return exchange(tls_.get(), std::move(request), go_on);
  }

  ForwarderConfig config_;
  std::string instance_;
  ClientContext tls_;
};

}  // namespace

Result<std::unique_ptr<Receiver>> make_http_receiver(const ForwarderConfig& config,
                                                     const std::string& instance) {
  auto made = std::make_unique<HttpReceiver>(config, instance);
  if (auto ready = made->renew_context(); !ready) return ready.error();
  return std::unique_ptr<Receiver>(std::move(made));
}

}  // namespace keyward::forward
