#include "keyward/identity/remote_verifier.h"

#include "identity/file_io.h"
#include "identity/introspection.h"
#include "identity/oidc_metadata.h"
#include "identity/sts_token.h"

#include "keyward/base/log.h"
#include "keyward/net/https_client.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>

namespace keyward::identity {

namespace {

namespace asio = boost::asio;
using std::chrono::seconds;

constexpr std::size_t kAtOnce = 16;        // requests under way
constexpr std::size_t kMaxWaiting = 2048;  // logins that wait for an answer
constexpr std::size_t kMaxKnown = 10'000;
constexpr seconds kRefusedFor{30};
constexpr std::chrono::minutes kStsWindow{15};

using Done = std::function<void(RemoteAnswer)>;
using Question = std::shared_ptr<const RemoteQuestion>;
// The credential and everything that decided with it: which question, by which issuer.
using Key = std::pair<Digest, std::string>;

Key key_of(const RemoteQuestion& question) {
  return {question.digest,
          question.issuer_alias + "/" + std::to_string(static_cast<int>(question.kind))};
}

struct Known {
  RemoteAnswer answer;
  MonoTime until{};
  WallTime ends = WallTime::max();  // of the credential itself
};
struct Flight {
  Question question;
  IssuerConfig* issuer = nullptr;
  std::vector<std::pair<Question, Done>> waiting;
};
struct Seen {  // a presigned request that logged somebody in
  std::string source;
  WallTime until{};
};

}  // namespace

struct RemoteVerifier::State {
  using Self = std::shared_ptr<State>;
  State(asio::io_context& context, std::vector<IssuerConfig> given, const Clock& time)
      : io(context), issuers(std::move(given)), clock(time) {}

  asio::io_context& io;
  std::vector<IssuerConfig> issuers;
  const Clock& clock;
  std::map<Key, Known> known;
  std::map<Key, Flight> flights;
  std::deque<Key> queue;  // flights that are not under way yet
  std::map<Digest, Seen> seen;
  std::size_t under_way = 0, waiting = 0;
  std::uint64_t requests = 0;

  IssuerConfig* find(const std::string& alias) {
    for (IssuerConfig& issuer : issuers) {
      if (issuer.alias == alias) return &issuer;
    }
    return nullptr;
  }
  void deliver(const Question& question, Done done, RemoteAnswer answer);
  RemoteAnswer for_this_login(const RemoteQuestion& question, RemoteAnswer answer);
  std::optional<Refusal> replayed(const RemoteQuestion& question, const IssuerConfig& issuer);
  const Known* recall(const Key& key);
  void remember(const Key& key, const RemoteAnswer& answer, const IssuerConfig& issuer,
                RemoteQuestion::Kind kind, WallTime ends);
  static void pump(const Self& self);
  static void send(const Self& self, const Key& key);
  static void settle(const Self& self, const Key& key, RemoteAnswer answer,
                     WallTime ends = WallTime::max());
  static void answered(const Self& self, const Key& key, Result<net::HttpResponse> answer);
};

namespace {

Refusal refusal(const RemoteQuestion& question, const Rejected& why) {
  return {std::string(why.reason), why.detail, question.issuer_alias, evidence_of(question.digest)};
}

// What is sent; an error is about our own files.
Result<net::HttpRequest> request_for(const RemoteQuestion& question, const IssuerConfig& issuer,
                                     WallTime now) {
  net::HttpRequest request;
  request.allow_private = issuer.internal;
  request.max_body = 64UL * 1024;
  request.headers = {{"Accept", "application/json"}};
  const std::string_view token = question.credential.reveal();
  if (question.kind == RemoteQuestion::Kind::aws_sts) {
    auto read = read_sts_token(token, issuer, now);
    const auto* sts = std::get_if<StsRequest>(&read);
    if (sts == nullptr) return Error(Errc::invalid, "the request ended while it waited");
    request.url = sts->url;
    request.headers.emplace_back(kStsAudienceHeader, issuer.aws.audience);
    request.connect_to = issuer.aws.endpoint;
    return request;
  }
  request.method = "POST";
  if (question.kind == RemoteQuestion::Kind::introspection) {
    auto secret = issuer.introspection.client_secret();
    if (secret.has_error()) return secret.error();
    request.url = issuer.introspection.url;
    request.headers.emplace_back(
        "Authorization", basic_authorization(issuer.introspection.client_id, secret->reveal()));
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    request.body = introspection_body(token);
    return request;
  }
  request.url = issuer.token_review.url;
  auto bearer = read_bearer(issuer.bearer_file);
  if (bearer.has_error()) return bearer.error();
  request.headers.emplace_back("Authorization", std::move(*bearer));
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = token_review_body(token, issuer.audiences);
  return request;
}

struct Opinion {
  RemoteAnswer answer;
  WallTime ends = WallTime::max();
};

RemoteAnswer shared(Principal principal, const RemoteQuestion& question) {
  principal.evidence = evidence_of(question.digest);
  return std::make_shared<const Principal>(std::move(principal));
}

Opinion judge_sts(const net::HttpResponse& answer, const RemoteQuestion& question,
                  const IssuerConfig& issuer, WallTime now) {
  const auto read = read_sts_token(question.credential.reveal(), issuer, now);
  const auto* const request = std::get_if<StsRequest>(&read);
  if (request == nullptr) return {refusal(question, std::get<Rejected>(read))};
  if (answer.status == 200 && !is_json_type(answer.content_type)) {
    return {refusal(question, {"aws_answer", "the answer of STS is no JSON"})};
  }
  auto result = read_sts_answer(answer.status, answer.body, *request, issuer, now);
  if (auto* principal = std::get_if<Principal>(&result)) {
    return {shared(std::move(*principal), question), request->signed_at + kStsWindow};
  }
  const Rejected& why = std::get<Rejected>(result);
  if (why.reason == "throttled") return {CannotDecide{issuer.alias, why.detail}};
  return {refusal(question, why)};
}

Opinion judge_introspection(const net::HttpResponse& answer, const RemoteQuestion& question,
                            const IssuerConfig& issuer, WallTime now) {
  if (answer.status != 200 || !is_json_type(answer.content_type)) {
    return {CannotDecide{issuer.alias, "introspection: HTTP status " +
                                           std::to_string(answer.status) + ", or no JSON"}};
  }
  auto result = read_introspection(answer.body, question.credential.reveal(), issuer, now);
  if (auto* accepted = std::get_if<Accepted>(&result)) {
    return {shared(std::move(accepted->principal), question), accepted->valid_until};
  }
  const Rejected& why = std::get<Rejected>(result);
  if (why.reason == "malformed") return {CannotDecide{issuer.alias, why.detail}};
  return {refusal(question, why)};
}

Opinion judge_review(const net::HttpResponse& answer, const RemoteQuestion& question,
                     const IssuerConfig& issuer) {
  if ((answer.status != 200 && answer.status != 201) || !is_json_type(answer.content_type)) {
    return {CannotDecide{issuer.alias, "TokenReview: HTTP status " + std::to_string(answer.status) +
                                           ", or no JSON"}};
  }
  const auto wrong = read_token_review(answer.body, question.principal->subject, issuer.audiences);
  if (!wrong) return {question.principal};
  if (wrong->reason == "malformed") return {CannotDecide{issuer.alias, wrong->detail}};
  return {refusal(question, *wrong)};
}

seconds kept_for(const RemoteAnswer& answer, const IssuerConfig& issuer,
                 RemoteQuestion::Kind kind) {
  if (!std::holds_alternative<std::shared_ptr<const Principal>>(answer)) return kRefusedFor;
  if (kind == RemoteQuestion::Kind::aws_sts) return kStsWindow;
  return kind == RemoteQuestion::Kind::introspection ? issuer.introspection.cache
                                                     : issuer.token_review.cache;
}

}  // namespace

// One URL serves the connects of a whole pool, so coming again is normal; the operator may say
// otherwise. Only requests that logged somebody in count, so that "try again" can be followed.
std::optional<Refusal> RemoteVerifier::State::replayed(const RemoteQuestion& question,
                                                       const IssuerConfig& issuer) {
  using Reuse = AwsConfig::Reuse;
  if (issuer.aws.reuse == Reuse::window) return std::nullopt;
  const WallTime now = clock.wall();
  const auto read = read_sts_token(question.credential.reveal(), issuer, now);
  const auto* const request = std::get_if<StsRequest>(&read);
  if (request == nullptr) return refusal(question, std::get<Rejected>(read));
  std::erase_if(seen, [now](const auto& one) { return one.second.until <= now; });
  if (seen.size() >= kMaxKnown) {
    return refusal(question, {"reused", "too many requests to remember them all"});
  }
  const auto [place, fresh] =
      seen.try_emplace(request->signature, Seen{question.source, request->signed_at + kStsWindow});
  if (fresh ||
      (issuer.aws.reuse == Reuse::per_source_ip && place->second.source == question.source)) {
    return std::nullopt;
  }
  return refusal(question, {"reused", "this presigned request logged somebody in before"});
}

// What the answer means for one login: sessions count from it, and replays are judged each time.
RemoteAnswer RemoteVerifier::State::for_this_login(const RemoteQuestion& question,
                                                   RemoteAnswer answer) {
  const auto* const principal = std::get_if<std::shared_ptr<const Principal>>(&answer);
  const IssuerConfig* const issuer = find(question.issuer_alias);
  if (principal == nullptr || issuer == nullptr) return answer;
  // The token's own verdict of this login, with its own end.
  if (question.kind == RemoteQuestion::Kind::token_review) return question.principal;
  if (question.kind != RemoteQuestion::Kind::aws_sts) return answer;
  if (auto refused = replayed(question, *issuer)) return std::move(*refused);
  auto renewed = std::make_shared<Principal>(**principal);
  renewed->expires_at = clock.wall() + WallTime::duration(issuer->max_session);
  return std::shared_ptr<const Principal>(std::move(renewed));
}

void RemoteVerifier::State::deliver(const Question& question, Done done, RemoteAnswer answer) {
  asio::post(io, [done = std::move(done), answer = for_this_login(*question, std::move(answer))] {
    done(answer);
  });
}

const Known* RemoteVerifier::State::recall(const Key& key) {
  const auto place = known.find(key);
  if (place == known.end()) return nullptr;
  if (clock.mono() < place->second.until && clock.wall() < place->second.ends)
    return &place->second;
  known.erase(place);
  return nullptr;
}

void RemoteVerifier::State::remember(const Key& key, const RemoteAnswer& answer,
                                     const IssuerConfig& issuer, RemoteQuestion::Kind kind,
                                     WallTime ends) {
  if (std::holds_alternative<CannotDecide>(answer)) return;
  const MonoTime now = clock.mono();
  if (known.size() >= kMaxKnown) {
    std::erase_if(known, [now](const auto& one) { return one.second.until <= now; });
  }
  if (known.size() >= kMaxKnown) known.clear();
  known.insert_or_assign(key, Known{answer, now + kept_for(answer, issuer, kind), ends});
}

void RemoteVerifier::State::pump(const Self& self) {
  while (self->under_way < kAtOnce && !self->queue.empty()) {
    const Key key = self->queue.front();
    self->queue.pop_front();
    ++self->under_way;
    send(self, key);
  }
}

void RemoteVerifier::State::send(const Self& self, const Key& key) {
  const Flight& flight = self->flights.at(key);
  const auto fail = [&](const Error& error) {
    asio::post(self->io, [weak = std::weak_ptr<State>(self), key, error] {
      if (const Self alive = weak.lock()) answered(alive, key, error);
    });
  };
  auto request = request_for(*flight.question, *flight.issuer, self->clock.wall());
  if (request.has_error()) return fail(request.error());
  net::ClientTlsConfig trust;
  trust.ca_file = flight.issuer->ca_file;
  auto tls = net::make_client_context(trust);
  if (tls.has_error()) return fail(tls.error());
  ++self->requests;
  net::http_fetch(self->io, std::move(*tls), std::move(*request),
                  [weak = std::weak_ptr<State>(self), key](auto answer) {
                    if (const Self alive = weak.lock()) answered(alive, key, std::move(answer));
                  });
}

void RemoteVerifier::State::answered(const Self& self, const Key& key,
                                     Result<net::HttpResponse> answer) {
  const Flight& flight = self->flights.at(key);
  const RemoteQuestion& question = *flight.question;
  Opinion judged;
  if (answer.has_error()) {
    judged.answer = CannotDecide{question.issuer_alias, answer.error().message()};
  } else if (question.kind == RemoteQuestion::Kind::aws_sts) {
    judged = judge_sts(*answer, question, *flight.issuer, self->clock.wall());
  } else if (question.kind == RemoteQuestion::Kind::introspection) {
    judged = judge_introspection(*answer, question, *flight.issuer, self->clock.wall());
  } else {
    judged = judge_review(*answer, question, *flight.issuer);
  }
  if (const auto* cannot = std::get_if<CannotDecide>(&judged.answer)) {
    spdlog::warn("issuer {}: a login could not be decided: {}", cannot->issuer_alias,
                 log::printable(cannot->detail, 512));
  }
  settle(self, key, std::move(judged.answer), judged.ends);
}

void RemoteVerifier::State::settle(const Self& self, const Key& key, RemoteAnswer answer,
                                   WallTime ends) {
  const auto node = self->flights.extract(key);
  Flight flight = std::move(node.mapped());
  --self->under_way;
  self->waiting -= flight.waiting.size();
  self->remember(key, answer, *flight.issuer, flight.question->kind, ends);
  for (auto& [question, done] : flight.waiting) self->deliver(question, std::move(done), answer);
  pump(self);
}

RemoteVerifier::RemoteVerifier(asio::io_context& io, std::vector<IssuerConfig> issuers,
                               const Clock& clock)
    : state_(std::make_shared<State>(io, std::move(issuers), clock)) {}

RemoteVerifier::~RemoteVerifier() = default;

void RemoteVerifier::ask(std::shared_ptr<const RemoteQuestion> question, Done done) {
  const Key key = key_of(*question);
  if (const Known* known = state_->recall(key)) {
    return state_->deliver(question, std::move(done), known->answer);
  }
  IssuerConfig* const issuer = state_->find(question->issuer_alias);
  if (issuer == nullptr || state_->waiting >= kMaxWaiting) {
    return state_->deliver(
        question, std::move(done),
        CannotDecide{question->issuer_alias, "too many logins wait for an answer"});
  }
  ++state_->waiting;
  const auto [place, fresh] = state_->flights.try_emplace(key);
  place->second.waiting.emplace_back(question, std::move(done));
  if (!fresh) return;
  place->second.question = std::move(question);
  place->second.issuer = issuer;
  state_->queue.push_back(key);
  State::pump(state_);
}

std::uint64_t RemoteVerifier::requests() const { return state_->requests; }

}  // namespace keyward::identity
