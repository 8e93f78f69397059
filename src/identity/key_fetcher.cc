#include "keyward/identity/key_fetcher.h"

#include "identity/file_io.h"
#include "identity/oidc_metadata.h"

#include "keyward/base/hash.h"
#include "keyward/base/log.h"
#include "keyward/identity/jwks.h"
#include "keyward/net/https_client.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace keyward::identity {

namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kFilePoll{1};
constexpr seconds kCoolDown{30};  // between two fetches for unknown key ids
constexpr seconds kLongestBackOff{300};
constexpr std::size_t kMaxWaiters = 1024;
using Done = std::function<void()>;

// `span` less or more a tenth, so that instances that started together do not ask together.
milliseconds with_jitter(seconds span) {
  const std::string bytes = random_bytes(2);
  const auto part =
      static_cast<unsigned char>(bytes[0]) * 256U + static_cast<unsigned char>(bytes[1]);
  const std::int64_t whole = milliseconds(span).count();
  return milliseconds(whole * 9 / 10 + whole / 5 * static_cast<std::int64_t>(part) / 65536);
}

seconds back_off(unsigned failures) {
  return std::min(kLongestBackOff, seconds(1LL << std::min(failures, 10U)));
}

// One issuer's keys and the one fetch that may be under way for it.
struct Source {
  Source(asio::io_context& io, IssuerConfig wanted) : config(std::move(wanted)), timer(io) {}
  IssuerConfig config;
  asio::steady_timer timer;
  std::string jwks_uri;  // configured or discovered; empty = discover first
  std::shared_ptr<const KeySet> keys;
  MonoTime fetched{}, started{};
  std::optional<MonoTime> asked;  // start of the last fetch for an unknown key id
  std::optional<FileStamp> stamp;
  bool busy = false;
  std::vector<Done> waiters;
  std::string last_error;
  unsigned failures_in_row = 0;
  std::uint64_t fetches = 0, failures = 0;
  [[nodiscard]] bool from_file() const { return !config.jwks_file.empty(); }
};

Result<std::shared_ptr<const KeySet>> usable_keys(std::string_view document) {
  auto keys = KeySet::parse(document);
  if (keys.has_error() || !(*keys)->empty()) return keys;
  std::string why = "the key set has no usable key";
  for (const KeySet::Skipped& skipped : (*keys)->skipped()) {
    why += "; key " + std::to_string(skipped.place) + ": " + skipped.reason;
    if (why.size() > 300) break;
  }
  return Error(Errc::invalid, why);
}

// Kubernetes answers its keys to who has a token. The file is read anew each time, and what is in
// it goes to the origins that the operator wrote down, not to where a document points.
std::optional<Error> add_bearer(const IssuerConfig& config, const std::string& url,
                                std::vector<std::pair<std::string, std::string>>& headers) {
  if (config.bearer_file.empty()) return std::nullopt;
  if (!same_origin(url, config.issuer) && !same_origin(url, config.jwks_uri)) return std::nullopt;
  auto token = read_bearer(config.bearer_file);
  if (token.has_error()) return token.error();
  headers.emplace_back("Authorization", std::move(*token));
  return std::nullopt;
}

bool shares_a_key(const KeySet& before, const KeySet& after) {
  return std::any_of(before.keys().begin(), before.keys().end(), [&](const VerificationKey& old) {
    return std::any_of(after.keys().begin(), after.keys().end(), [&](const VerificationKey& now) {
      return now.thumbprint == old.thumbprint;
    });
  });
}

}  // namespace

struct KeyFetcher::State {
  // Callbacks of timers and requests hold it weakly: the fetcher may be gone when they come.
  using Self = std::shared_ptr<State>;
  using Fetched = Result<std::pair<std::shared_ptr<const KeySet>, seconds>>;

  State(asio::io_context& context, const Clock& time, Publish receiver)
      : io(context), clock(time), publish(std::move(receiver)) {}

  asio::io_context& io;
  const Clock& clock;
  Publish publish;
  std::vector<std::unique_ptr<Source>> sources;
  bool stopped = false;

  Source* find(const std::string& alias);
  void adopt(Source& source, std::shared_ptr<const KeySet> keys);
  static void note_failure(Source& source, const Error& error);
  void read_keys_file(Source& source);
  void renew_file(Source& source);

  static void wait(const Self& self, Source& source, milliseconds delay);
  static void tick(const Self& self, Source& source);
  static void fetch(const Self& self, Source& source);
  static void discover(const Self& self, Source& source, std::size_t attempt);
  static void fetch_keys(const Self& self, Source& source);
  static void complete(const Self& self, Source& source, const Fetched& result);
  static void get(const Self& self, Source& source, const std::string& url,
                  std::function<void(const Self&, Result<net::HttpResponse>)> then);
};

Source* KeyFetcher::State::find(const std::string& alias) {
  for (const auto& source : sources) {
    if (source->config.alias == alias) return source.get();
  }
  return nullptr;
}

void KeyFetcher::State::note_failure(Source& source, const Error& error) {
  ++source.failures;
  ++source.failures_in_row;
  if (source.last_error != error.message()) {
    spdlog::warn("issuer {}: keys not refreshed: {}", source.config.alias,
                 log::printable(error.message(), 512));
  }
  source.last_error = error.message();
}

void KeyFetcher::State::adopt(Source& source, std::shared_ptr<const KeySet> keys) {
  source.failures_in_row = 0;
  source.last_error.clear();
  const bool changed = !source.keys || source.keys->fingerprint() != keys->fingerprint();
  if (changed) {
    spdlog::info("issuer {}: {} usable keys", source.config.alias, keys->size());
    for (const KeySet::Skipped& skipped : keys->skipped()) {
      spdlog::warn("issuer {}: key {} is not used: {}", source.config.alias, skipped.place,
                   skipped.reason);
    }
    if (source.keys && !shares_a_key(*source.keys, *keys)) {
      spdlog::warn("issuer {}: none of the keys known so far is left", source.config.alias);
    }
  }
  source.keys = std::move(keys);
  source.fetched = source.started;  // what the issuer said was true when it was asked
  publish(source.config.alias, source.keys, source.fetched);
}

void KeyFetcher::State::read_keys_file(Source& source) {
  ++source.fetches;
  auto content = read_file(source.config.jwks_file, KeySet::kMaxBytes);
  if (content.has_error()) {
    note_failure(source, content.error());
    return;
  }
  source.stamp = content->stamp;  // a bad file is not read again until it changes
  auto keys = usable_keys(content->bytes);
  if (keys.has_error()) {
    note_failure(source, Error(keys.error().code(),
                               source.config.jwks_file + ": " + keys.error().message()));
    return;
  }
  adopt(source, std::move(*keys));
}

// A file that is still there unchanged is a refresh too: published again before its age could look
// like max_stale.
void KeyFetcher::State::renew_file(Source& source) {
  source.started = clock.mono();
  const auto stamp = stamp_file(source.config.jwks_file);
  if (stamp.has_error()) {
    if (source.last_error != stamp.error().message()) note_failure(source, stamp.error());
    source.stamp.reset();
    return;
  }
  if (source.stamp != *stamp) {
    read_keys_file(source);
    return;
  }
  const bool sound = source.keys && source.last_error.empty();
  const seconds span = std::min(source.config.refresh, source.config.max_stale / 4);
  if (sound && source.started - source.fetched >= std::max(span, kFilePoll)) {
    adopt(source, source.keys);
  }
}

void KeyFetcher::State::wait(const Self& self, Source& source, milliseconds delay) {
  source.timer.expires_after(delay);
  source.timer.async_wait(
      [weak = std::weak_ptr<State>(self), &source](const boost::system::error_code& cancelled) {
        const Self alive = weak.lock();
        if (!cancelled && alive && !alive->stopped) tick(alive, source);
      });
}

void KeyFetcher::State::tick(const Self& self, Source& source) {
  if (source.from_file()) {
    self->renew_file(source);
    wait(self, source, kFilePoll);
    return;
  }
  if (source.busy) return;                   // complete() waits anew
  source.jwks_uri = source.config.jwks_uri;  // discover again: the issuer may have moved its keys
  fetch(self, source);
}

void KeyFetcher::State::get(const Self& self, Source& source, const std::string& url,
                            std::function<void(const Self&, Result<net::HttpResponse>)> then) {
  net::HttpRequest request;
  request.url = url;
  request.headers = {{"Accept", "application/json, application/jwk-set+json"}};
  request.allow_private = source.config.internal;
  if (auto refused = add_bearer(source.config, url, request.headers)) {
    complete(self, source, *refused);
    return;
  }
  request.max_body = KeySet::kMaxBytes;
  net::ClientTlsConfig trust;
  trust.ca_file = source.config.ca_file;
  auto tls =
      net::make_client_context(trust);  // read anew each time: CA files are replaced in place
  if (tls.has_error()) {
    complete(self, source, tls.error());
    return;
  }
  net::http_fetch(
      self->io, std::move(*tls), std::move(request),
      [weak = std::weak_ptr<State>(self), then = std::move(then)](auto answer) {
        const Self alive = weak.lock();
        if (!alive || alive->stopped) return;
        if (answer.has_value() && answer->status == 200 && !is_json_type(answer->content_type)) {
          answer = Error(Errc::invalid, "the answer is no JSON by its Content-Type");
        }
        then(alive, std::move(answer));
      });
}

void KeyFetcher::State::fetch(const Self& self, Source& source) {
  source.busy = true;
  ++source.fetches;
  source.started = self->clock.mono();
  if (source.jwks_uri.empty()) {
    discover(self, source, 0);
  } else {
    fetch_keys(self, source);
  }
}

void KeyFetcher::State::discover(const Self& self, Source& source, std::size_t attempt) {
  const std::vector<std::string> urls = discovery_urls(source.config.issuer);
  get(self, source, urls[attempt],
      [&source, attempt, count = urls.size()](const Self& state, auto answer) {
        if (answer.has_error()) {
          complete(state, source,
                   Error(answer.error().code(), "discovery: " + answer.error().message()));
          return;
        }
        if (answer->status == 404 && attempt + 1 < count) {
          discover(state, source, attempt + 1);
          return;
        }
        if (answer->status != 200) {
          complete(
              state, source,
              Error(Errc::unavailable, "discovery: HTTP status " + std::to_string(answer->status)));
          return;
        }
        auto uri = read_metadata(answer->body, source.config);
        if (uri.has_error()) {
          complete(state, source, uri.error());
          return;
        }
        source.jwks_uri = std::move(*uri);
        fetch_keys(state, source);
      });
}

void KeyFetcher::State::fetch_keys(const Self& self, Source& source) {
  get(self, source, source.jwks_uri, [&source](const Self& state, auto answer) {
    if (answer.has_error()) {
      complete(state, source, Error(answer.error().code(), "keys: " + answer.error().message()));
      return;
    }
    if (answer->status != 200) {
      complete(state, source,
               Error(Errc::unavailable, "keys: HTTP status " + std::to_string(answer->status)));
      return;
    }
    auto keys = usable_keys(answer->body);
    if (keys.has_error()) {
      complete(state, source, keys.error());
      return;
    }
    const seconds next = refresh_interval(answer->cache_control, source.config.refresh);
    complete(state, source, std::make_pair(std::move(*keys), next));
  });
}

void KeyFetcher::State::complete(const Self& self, Source& source, const Fetched& result) {
  source.busy = false;
  if (result.has_error()) {
    note_failure(source, result.error());
    source.jwks_uri = source.config.jwks_uri;
    wait(self, source, with_jitter(back_off(source.failures_in_row - 1)));
  } else {
    self->adopt(source, result->first);
    wait(self, source, with_jitter(result->second));
  }
  const auto waiters = std::exchange(source.waiters, {});
  for (const Done& done : waiters) asio::post(self->io, done);
}

KeyFetcher::KeyFetcher(asio::io_context& io, std::vector<IssuerConfig> issuers, const Clock& clock,
                       Publish publish)
    : state_(std::make_shared<State>(io, clock, std::move(publish))) {
  for (IssuerConfig& issuer : issuers) {
    if (!issuer.has_keys()) continue;
    auto source = std::make_unique<Source>(io, std::move(issuer));
    source->jwks_uri = source->config.jwks_uri;
    state_->sources.push_back(std::move(source));
  }
}

KeyFetcher::~KeyFetcher() { stop(); }

void KeyFetcher::start() {
  for (const auto& source : state_->sources) State::tick(state_, *source);
}

void KeyFetcher::stop() {
  state_->stopped = true;
  for (const auto& source : state_->sources) {
    source->timer.cancel();
    source->waiters.clear();
  }
}

void KeyFetcher::refresh(const std::string& issuer_alias, Done done) {
  if (state_->stopped) return;
  Source* const source = state_->find(issuer_alias);
  if (source != nullptr && source->from_file()) {
    state_->renew_file(*source);
  } else if (source != nullptr && source->waiters.size() < kMaxWaiters) {
    const MonoTime now = state_->clock.mono();
    if (source->busy) {
      source->waiters.push_back(std::move(done));
      return;
    }
    if (!source->asked || now - *source->asked >= kCoolDown) {
      source->asked = now;
      source->waiters.push_back(std::move(done));
      State::fetch(state_, *source);
      return;
    }
  }
  asio::post(state_->io, std::move(done));
}

std::vector<KeyFetcher::Status> KeyFetcher::status() const {
  std::vector<Status> all;
  for (const auto& source : state_->sources) {
    Status one;
    one.alias = source->config.alias;
    one.has_keys = source->keys != nullptr;
    one.fetched = source->fetched;
    one.last_error = source->last_error;
    one.keys = source->keys ? source->keys->size() : 0;
    one.fetches = source->fetches;
    one.failures = source->failures;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace keyward::identity
