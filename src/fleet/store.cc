#include "keyward/fleet/store.h"

#include <algorithm>

namespace keyward::fleet {
namespace {

using upstream::ControlReply;
using Reply = Result<ControlReply>;
using std::chrono::steady_clock;

// The source may be a program; records that never open must not make it run all the time.
constexpr std::chrono::seconds kAskSecretAgain{1};
// The last byte that is read of one: whoever reaches the key may have put there what he likes.
constexpr const char* kLongestRecord = "262143";
constexpr std::size_t kMostListed = 100'000;
constexpr std::size_t kGetsAtOnce = 256;
// Instances may read the time this differently before one forgets what another still counts.
constexpr std::chrono::minutes kForgetLater{1};

std::string key_of(std::string_view name) { return std::string(kPrefix) + std::string(name); }

// Names of one kind with the times in ms when they end, for list().
std::string index_of(std::string_view name) {
  return key_of("index/" + std::string(name.substr(0, name.find('/'))));
}

std::string in_milliseconds(std::chrono::system_clock::time_point time) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  return std::to_string(since.count());
}

std::vector<std::string> set_command(std::string_view name, std::string sealed,
                                     std::chrono::milliseconds life) {
  using std::chrono::milliseconds;
  return {"SET", key_of(name), std::move(sealed), "PX",
          std::to_string(std::max(life, milliseconds(1)).count())};
}

// Before the record: one that is listed and not there yet is nothing, the other way round it would
// be overlooked.
void add_to_index(upstream::Control& control, const std::string& name,
                  std::chrono::milliseconds life) {
  const auto end = std::chrono::system_clock::now() + life;
  control.call({"ZADD", index_of(name), in_milliseconds(end), name}, [](const Reply&) {});
}

// The error of a call, whichever way it failed.
std::optional<Error> failure(const Reply& reply) {
  if (!reply) return reply.error();
  if (reply->type == ControlReply::Type::error) return redis_error(*reply);
  return std::nullopt;
}

}  // namespace

Error redis_error(const ControlReply& reply) {
  if (reply.text.starts_with("NOPERM")) {
    return {Errc::forbidden, "Redis refuses Keyward's own user what the fleet shares (" +
                                 reply.text + "); grant it ~" + std::string(kPrefix) +
                                 "* and the commands in docs/configuration.md, upstream"};
  }
  return {Errc::unavailable, "Redis: " + reply.text};
}

struct Store::State {
  StoreConfig config;
  std::optional<Seal> current, before;
  steady_clock::time_point asked{};
  std::uint64_t unreadable = 0, generation = 0;

  Result<const Seal*> seal() {
    if (!current) {
      auto secret = ask();
      if (!secret) return secret.error();
      current.emplace(*secret);
    }
    return &*current;
  }

  Result<Secret> ask() {
    asked = steady_clock::now();
    if (!config.secret) return Error(Errc::unavailable, "the fleet has no secret");
    auto secret = config.secret();
    if (!secret) return Error(Errc::unavailable, "the fleet's secret: " + secret.error().message());
    if (secret->empty()) return Error(Errc::invalid, "the fleet's secret is empty");
    return secret;
  }

  bool refresh() {
    if (!current) return false;  // asked for when it is needed
    const auto secret = ask();
    if (!secret) return false;
    Seal fresh(*secret);
    if (current && current->same_as(fresh)) return false;
    before = std::move(current);
    current.emplace(std::move(fresh));
    ++generation;
    return true;
  }

  std::optional<std::string> try_open(std::string_view name, std::string_view sealed) {
    if (!seal()) return std::nullopt;
    if (auto plain = current->open(name, sealed)) return plain;
    return before ? before->open(name, sealed) : std::nullopt;
  }

  std::optional<std::string> open(std::string_view name, std::string_view sealed) {
    auto plain = try_open(name, sealed);
    if (!plain && steady_clock::now() - asked >= kAskSecretAgain && refresh())
      plain = try_open(name, sealed);
    if (!plain) ++unreadable;
    return plain;
  }
};

namespace {

// The names of a kind, then the records in blocks.
struct Walk : std::enable_shared_from_this<Walk> {
  using Open = std::function<std::optional<std::string>(std::string_view, std::string_view)>;
  using Done = std::function<void(Result<Store::Listing>)>;

  Walk(upstream::Control& to, std::string begins, Open with, Done then)
      : control(to), prefix(std::move(begins)), open(std::move(with)), done(std::move(then)) {}

  void start() {
    const std::string index = index_of(prefix);
    const std::string now = in_milliseconds(std::chrono::system_clock::now() - kForgetLater);
    control.call({"ZREMRANGEBYSCORE", index, "-inf", now}, [](const Reply&) {});
    control.call({"ZRANGE", index, "0", "-1"},
                 [self = shared_from_this()](const Reply& reply) { self->named(reply); });
  }

  void named(const Reply& reply) {
    if (const auto failed = failure(reply)) return done(*failed);
    for (const ControlReply& name : reply->elements) {
      if (name.text.starts_with(prefix)) left.push_back(name.text);
    }
    if (left.size() > kMostListed)
      return done(Error(Errc::limit, "there are more shared records than one list holds"));
    read();
  }

  void read() {
    if (left.empty()) return done(std::move(listing));
    const std::size_t count = std::min(left.size(), kGetsAtOnce);
    waiting = count;
    std::vector<std::string> block(left.end() - static_cast<std::ptrdiff_t>(count), left.end());
    left.resize(left.size() - count);
    for (std::string& name : block) {
      const std::string key = key_of(name);
      control.call({"GETRANGE", key, "0", kLongestRecord},
                   [self = shared_from_this(), name = std::move(name)](const Reply& reply) {
                     self->got(name, reply);
                   });
    }
  }

  void got(const std::string& name, const Reply& reply) {
    if (const auto failed = failure(reply)) {
      // A key of another type is none of ours; anything else ends the walk.
      const bool foreign = reply && reply->text.starts_with("WRONGTYPE");
      if (!foreign && !error) error = *failed;
    } else if (!reply->text.empty()) {
      if (auto plain = open(name, reply->text)) {
        listing.records.emplace_back(name, std::move(*plain));
      } else {
        ++listing.unreadable;
      }
    }
    if (--waiting > 0) return;
    if (error) return done(*error);
    read();
  }

  upstream::Control& control;
  std::string prefix;
  Open open;
  Done done;
  std::vector<std::string> left;
  std::size_t waiting = 0;
  std::optional<Error> error;
  Store::Listing listing;
};

}  // namespace

Store::Store(upstream::Control& control, StoreConfig config)
    : control_(control), state_(std::make_shared<State>()) {
  state_->config = std::move(config);
}

void Store::put(const std::string& name, std::string_view plain, std::chrono::milliseconds life,
                std::function<void(Result<>)> done) {
  auto sealed = seal(name, plain);
  if (!sealed) return done(sealed.error());
  add_to_index(control_, name, life);
  control_.call(set_command(name, std::move(*sealed), life),
                [done = std::move(done)](const Reply& reply) {
                  if (const auto failed = failure(reply)) return done(*failed);
                  done({});
                });
}

void Store::put_new(const std::string& name, std::string_view plain, std::chrono::milliseconds life,
                    std::function<void(Result<bool>)> done) {
  auto sealed = seal(name, plain);
  if (!sealed) return done(sealed.error());
  auto argv = set_command(name, std::move(*sealed), life);
  argv.emplace_back("NX");
  add_to_index(control_, name, life);
  control_.call(argv, [done = std::move(done)](const Reply& reply) {
    if (const auto failed = failure(reply)) return done(*failed);
    done(reply->type == ControlReply::Type::status);
  });
}

void Store::get(const std::string& name,
                std::function<void(Result<std::optional<std::string>>)> done) {
  control_.call({"GETRANGE", key_of(name), "0", kLongestRecord},
                [state = state_, name, done = std::move(done)](const Reply& reply) {
                  if (const auto failed = failure(reply)) return done(*failed);
                  // GETRANGE has no nil: a key that is not there is an empty text.
                  if (reply->text.empty()) return done(std::optional<std::string>());
                  auto plain = state->open(name, reply->text);
                  if (!plain) return done(Error(Errc::invalid, "a shared record cannot be opened"));
                  done(std::move(plain));
                });
}

void Store::erase(const std::string& name, std::function<void(Result<>)> done) {
  control_.call({"ZREM", index_of(name), name}, [](const Reply&) {});
  control_.call({"DEL", key_of(name)}, [done = std::move(done)](const Reply& reply) {
    if (const auto failed = failure(reply)) return done(*failed);
    done({});
  });
}

void Store::list(const std::string& name_prefix, std::function<void(Result<Listing>)> done) {
  std::make_shared<Walk>(
      control_, name_prefix,
      [state = state_](std::string_view name, std::string_view sealed) {
        return state->open(name, sealed);
      },
      std::move(done))
      ->start();
}

Result<std::string> Store::seal(std::string_view name, std::string_view plain) {
  const auto with = state_->seal();
  if (!with) return with.error();
  return (*with)->close(name, plain);
}

std::optional<std::string> Store::open(std::string_view name, std::string_view sealed) {
  return state_->open(name, sealed);
}

bool Store::refresh_secret() { return state_->refresh(); }

std::uint64_t Store::generation() const { return state_->generation; }

std::uint64_t Store::unreadable() const { return state_->unreadable; }

}  // namespace keyward::fleet
