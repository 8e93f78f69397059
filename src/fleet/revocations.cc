#include "keyward/fleet/revocations.h"

#include "fleet/revocation_book.h"
#include "fleet/revocation_file.h"
#include "fleet/revocation_record.h"

#include "keyward/base/hash.h"
#include "keyward/base/log.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace keyward::fleet {
namespace {

using upstream::ControlReply;
using Reply = Result<ControlReply>;
using Type = ControlReply::Type;

// A hash of id -> sealed record, and beside it a word that is another one after each change.
const std::string kAll = std::string(kPrefix) + "revocations";
const std::string kState = kAll + ":state";
constexpr const char* kLongestState = "63";  // last byte of it
// The hash is read as a whole also without a change: somebody may have taken fields out of it.
constexpr std::chrono::seconds kWhole{30};
constexpr std::chrono::seconds kWholeAgain{5};  // while some of it cannot be read
constexpr std::chrono::seconds kAfterFailure{2};
constexpr std::chrono::seconds kExpireEvery{1};
// Somebody who reaches the key filled it: beyond this it is thrown away and written anew.
constexpr std::int64_t kMostBytes = 32LL * 1024 * 1024;
constexpr std::size_t kFieldsAtOnce = 500;

std::string seal_name(std::string_view id) { return "revocations/" + std::string(id); }

}  // namespace

struct Revocations::State : std::enable_shared_from_this<Revocations::State> {
  State(boost::asio::io_context& context, Store& shared, Config settings, const Clock& now)
      : io(context), store(&shared), config(std::move(settings)), clock(now), timer(context) {}

  // --- what is known
  void publish(const std::vector<News>& news) {
    list = book.denials();
    for (const auto& tell : changed) tell(list, news);
  }

  void keep() {
    if (config.file.empty()) return;
    const Result<> written = write_revocations(config.file, book.list());
    if (!written && count.kept) spdlog::error("revocations: {}", written.error().message());
    count.kept = written.has_value();
  }

  // What somebody else told: news for everybody here.
  std::vector<News> take(std::vector<RevocationEntry> entries) {
    std::vector<News> news;
    for (RevocationEntry& entry : entries) {
      // Others may add as many at the same time as are added here.
      if (book.size() >= 2 * config.most && book.find(entry.what.id) == nullptr) continue;
      const std::string id = entry.what.id;
      const auto what = book.merge(std::move(entry), clock.wall());
      if (what == RevocationBook::News::none) continue;
      news.push_back({*book.find(id), what == RevocationBook::News::lifted, false});
    }
    return news;
  }

  // --- the rounds
  void arm() {
    const auto wait =
        count.trouble.empty() ? config.every : std::chrono::milliseconds(kAfterFailure);
    timer.expires_after(wait);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && !self->stopped) self->round();
    });
  }

  void round() {
    if (clock.mono() >= expire_at) {
      expire_at = clock.mono() + kExpireEvery;
      if (book.expire(clock.wall())) {
        keep();
        publish({});
      }
    }
    if (asking || !store->control().up()) return arm();
    asking = true;
    // A part of it: whatever somebody may have put there, it is short.
    call({"GETRANGE", kState, "0", kLongestState}, [this](const Reply& reply) {
      if (!reply) return failed(reply.error());
      // Of another type it is none of ours, and written anew.
      const std::string state = reply->type == Type::string ? reply->text : "?";
      if (std::exchange(generation, store->generation()) != store->generation()) rewrite = true;
      // All of it went, perhaps before the word of the last change was ever seen here.
      if (state.empty() && book.size() > 0) rewrite = true;
      if (state == known_state && clock.mono() < whole_at && !rewrite) return done();
      known_state = state;
      measure();
    });
  }

  void measure() {
    call({"MEMORY", "USAGE", kAll, "SAMPLES", "0"}, [this](const Reply& reply) {
      if (!reply) return failed(reply.error());
      if (reply->type == Type::error) return failed(redis_error(*reply));
      if (reply->type == Type::integer && reply->integer > kMostBytes) {
        spdlog::error(
            "revocations: {} in Redis is {} bytes, which Keyward did not write; it is "
            "replaced",
            kAll, reply->integer);
        return replace();
      }
      read();
    });
  }

  void read() {
    call({"HGETALL", kAll}, [this](const Reply& reply) {
      if (!reply) return failed(reply.error());
      if (reply->type == Type::error && reply->text.starts_with("WRONGTYPE")) return replace();
      if (reply->type == Type::error) return failed(redis_error(*reply));
      learn(*reply);
    });
  }

  void replace() {
    call({"DEL", kAll}, [this](const Reply& reply) {
      if (!reply) return failed(reply.error());
      learn({});
    });
  }

  // Field, record, field, record ...
  void learn(const ControlReply& all) {
    std::unordered_map<std::string, bool> there;  // id -> as it is known here
    std::vector<RevocationEntry> entries;
    std::vector<std::string> over;
    std::size_t unreadable = 0;
    for (std::size_t at = 0; at + 1 < all.elements.size(); at += 2) {
      const std::string& id = all.elements[at].text;
      const auto record = store->open(seal_name(id), all.elements[at + 1].text);
      auto entry = record ? from_record(id, *record) : std::nullopt;
      if (!entry) {
        ++unreadable;
      } else if (entry->what.until <= clock.wall()) {
        over.push_back(id);
      } else {
        there[id] = entry->lifted.has_value();
        entries.push_back(std::move(*entry));
      }
    }
    const std::vector<News> news = take(std::move(entries));
    note_unreadable(unreadable);
    if (!news.empty()) {
      keep();
      publish(news);
    }
    if (!over.empty()) forget(over);
    whole_at = clock.mono() + (unreadable > 0 ? kWholeAgain : kWhole);
    put_back(there);
  }

  void note_unreadable(std::size_t unreadable) {
    if (unreadable > count.unreadable) {
      spdlog::error(
          "revocations: {} records in Redis cannot be opened: an instance with another "
          "fleet.secret "
          "wrote them, or somebody who is none",
          unreadable);
    }
    count.unreadable = unreadable;
  }

  void forget(const std::vector<std::string>& ids) {
    std::vector<std::string> argv{"HDEL", kAll};
    argv.insert(argv.end(), ids.begin(), ids.end());
    call(argv, [](const Reply&) {});
  }

  // What is missing there, unreadable, or not lifted although it was.
  void put_back(const std::unordered_map<std::string, bool>& there) {
    std::vector<RevocationEntry> missing;
    const bool all = std::exchange(rewrite, false);
    for (RevocationEntry& entry : book.list()) {
      const auto found = there.find(entry.what.id);
      if (all || found == there.end() || (entry.lifted && !found->second))
        missing.push_back(std::move(entry));
    }
    if (missing.empty()) return done();
    count.put_back += missing.size();
    spdlog::info("revocations: {} put back into Redis", missing.size());
    write(missing, [this](const Result<>& written) {
      if (!written) return failed(written.error());
      done();
    });
  }

  void write(const std::vector<RevocationEntry>& entries, std::function<void(Result<>)> then) {
    const auto trouble = std::make_shared<std::optional<Error>>();
    std::vector<std::string> argv;
    for (std::size_t at = 0; at < entries.size(); ++at) {
      if (argv.empty()) argv = {"HSET", kAll};
      const std::string& id = entries[at].what.id;
      auto sealed = store->seal(seal_name(id), to_record(entries[at]));
      if (!sealed) return then(sealed.error());
      argv.push_back(id);
      argv.push_back(std::move(*sealed));
      if (argv.size() < 2 * kFieldsAtOnce && at + 1 < entries.size()) continue;
      call(argv, [trouble](const Reply& reply) {
        if (reply && reply->type == Type::error) *trouble = redis_error(*reply);
      });
      argv.clear();
    }
    // Behind the records: who sees the new word finds them.
    call({"SET", kState, hex(random_bytes(16))},
         [trouble, then = std::move(then)](const Reply& reply) {
           if (!reply) return then(reply.error());
           if (*trouble) return then(**trouble);
           if (reply->type == Type::error) return then(redis_error(*reply));
           then({});
         });
  }

  void done() {
    if (!count.trouble.empty()) spdlog::info("revocations: exchanged with the fleet again");
    count.trouble.clear();
    count.last = clock.mono();
    settle({});
  }

  void failed(const Error& error) {
    ++count.failures;
    known_state.reset();
    // Without a connection everybody is told already, and it comes back by itself.
    if (error.code() != Errc::closed && error.message() != count.trouble) {
      spdlog::error(
          "revocations: the fleet's list cannot be exchanged: {}; what this instance knows "
          "counts here",
          error.message());
    }
    if (error.code() != Errc::closed) count.trouble = error.message();
    settle(error);
  }

  void settle(Result<> result) {
    asking = false;
    if (stopped) return;
    // A connection that broke is no answer; without the rights there will be none.
    const bool answered = result.has_value() || result.error().code() == Errc::forbidden;
    if (auto tell = answered ? std::exchange(first, nullptr) : nullptr) tell(std::move(result));
    arm();
  }

  // Calls of an owner that is gone come to nothing.
  void call(const std::vector<std::string>& argv, std::function<void(const Reply&)> then) {
    store->control().call(argv, [self = shared_from_this(), then = std::move(then)](Reply reply) {
      if (!self->stopped) then(reply);
    });
  }

  // --- what is asked for here
  void share(const std::string& id, std::function<void(Result<Added>)> then) {
    const RevocationEntry entry = *book.find(id);
    if (!store->control().up()) return then(Added{entry, false});
    write({entry}, [this, entry, then = std::move(then)](const Result<>& written) {
      if (!written) rewrite = true;  // with the next round that succeeds
      if (!written && written.error().code() != Errc::closed)
        spdlog::error("revocations: {} is not in Redis yet: {}", entry.what.id,
                      written.error().message());
      then(Added{entry, written.has_value()});
    });
  }

  boost::asio::io_context& io;
  Store* store;
  Config config;
  const Clock& clock;
  boost::asio::steady_timer timer;
  RevocationBook book;
  Denials list = std::make_shared<const identity::DenyList>();
  std::vector<std::function<void(const Denials&, const std::vector<News>&)>> changed;
  std::function<void(Result<>)> first;
  std::optional<std::string> known_state;
  MonoTime whole_at{};
  MonoTime expire_at{};
  std::uint64_t generation = 0;  // of the secret that they were written under
  bool asking = false, rewrite = false, stopped = false;
  Counters count;
};

Revocations::Revocations(boost::asio::io_context& io, Store& store, Config config,
                         const Clock& clock)
    : state_(std::make_shared<State>(io, store, std::move(config), clock)) {}

Revocations::~Revocations() {
  state_->stopped = true;
  state_->timer.cancel();
}

Result<> Revocations::load() {
  if (state_->config.file.empty()) return {};
  auto read = read_revocations(state_->config.file);
  if (!read) return read.error();
  const std::vector<News> news = state_->take(std::move(*read));
  if (!news.empty()) state_->publish(news);
  return {};
}

void Revocations::start(std::function<void(Result<>)> first) {
  state_->first = std::move(first);
  state_->round();
}

void Revocations::control_up() {
  state_->known_state.reset();
  state_->whole_at = {};
}

void Revocations::on_change(std::function<void(const Denials&, const std::vector<News>&)> changed) {
  state_->changed.push_back(std::move(changed));
}

void Revocations::add(identity::Revocation what, std::function<void(Result<Added>)> done) {
  State& state = *state_;
  if (state.book.size() >= state.config.most) {
    return done(Error(Errc::limit, std::to_string(state.config.most) +
                                       " revocations are kept, which is the most; each is "
                                       "forgotten at its `until`"));
  }
  what.id = "r-" + hex(random_bytes(8));
  what.at = state.clock.wall();
  if (what.until <= what.at) return done(Error(Errc::invalid, "`until` is over already"));
  const std::string id = what.id;
  (void)state.book.merge({std::move(what), std::nullopt}, state.clock.wall());
  state.keep();
  state.publish({{*state.book.find(id), false, true}});
  state.share(id, std::move(done));
}

void Revocations::lift(const std::string& id, std::string by, std::string reason,
                       std::function<void(Result<Added>)> done) {
  State& state = *state_;
  const RevocationEntry* known = state.book.find(id);
  if (known == nullptr) return done(Error(Errc::not_found, "there is no revocation of that id"));
  if (!known->lifted) {
    RevocationEntry lifted = *known;
    lifted.lifted = {state.clock.wall(), std::move(by), std::move(reason)};
    (void)state.book.merge(std::move(lifted), state.clock.wall());
    state.keep();
    state.publish({{*state.book.find(id), true, true}});
  }
  state.share(id, std::move(done));
}

Revocations::Denials Revocations::denials() const { return state_->list; }

std::vector<RevocationEntry> Revocations::list() const { return state_->book.list(); }

Revocations::Counters Revocations::counters() const {
  Counters out = state_->count;
  out.active = state_->book.active();
  out.lifted = state_->book.size() - out.active;
  return out;
}

}  // namespace keyward::fleet
