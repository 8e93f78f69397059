// What is revoked, on its way from the fleet to sessions, leases and the trail.
#include "server/bootstrap.h"
#include "server/state.h"

#include "keyward/base/log.h"

#include <boost/asio/post.hpp>
#include <spdlog/fmt/chrono.h>

namespace keyward::server {

namespace {

using identity::Revocation;
using News = fleet::Revocations::News;

constexpr std::chrono::seconds kFirstRead{10};
// Sessions that are told have this long to answer what is under way; then Redis cuts what still
// runs as their user.
constexpr std::chrono::milliseconds kBeforeCut{250};
constexpr std::size_t kMostShown = 10'000;

std::string time_text(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)));
}

// As the trail has it: "principal okta:bob until 2026-12-22T10:00:00Z".
std::string described(const Revocation& what) {
  std::string out = std::string(identity::name(what.target)) + " " + what.value;
  if (what.issued_before != WallTime::max())
    out += " issued before " + time_text(what.issued_before);
  return out + " until " + time_text(what.until);
}

}  // namespace

// One list on its way to all shards.
struct Server::State::Spread {
  std::size_t waiting = 0, ended = 0;
  std::vector<std::function<void(std::size_t)>> told;
};

Result<> Server::State::load_revocations() {
  revocations = std::make_unique<fleet::Revocations>(
      io, *store,
      fleet::Revocations::Config{.file = config.audit_directory + "/revocations." +
                                         config.instance + ".json"},
      clock);
  return revocations->load();
}

// Nobody is let in before the fleet's list was read: whoever it names would get in for a moment.
Result<> Server::State::read_revocations() {
  bool read = false;
  Result<> result;
  revocations->start([&](Result<> first) {
    read = true;
    result = std::move(first);
  });
  const auto deadline = std::chrono::steady_clock::now() + kFirstRead;
  if (!run_until(io, deadline, [&] { return read; }))
    return Error(Errc::timeout, "Redis did not show the fleet's revocations in time");
  // Told already, and readiness goes on telling: without these rights an instance knows what it is
  // told itself.
  if (!result && result.error().code() != Errc::forbidden) return result;
  revocations->on_change(
      [this](const auto& denials, const auto& news) { spread_denials(denials, news); });
  spread_denials(revocations->denials(), {});
  return {};
}

void Server::State::spread_denials(const fleet::Revocations::Denials& denials,
                                   const std::vector<News>& news) {
  for (const News& one : news) record_revocation(one);
  authenticator->set_denials(denials);
  desk->deny(denials);
  spread = std::make_shared<Spread>();
  spread->waiting = shards.size();
  spread->told.push_back([this, news](std::size_t) { end_leases(news); });
  for (auto& thread : shards) {
    asio::post(thread->io, [this, shard = thread->shard.get(), denials, mine = spread] {
      shard->set_denials(denials, [this, mine](std::size_t ended) {
        asio::post(io, [mine, ended] {
          mine->ended += ended;
          if (--mine->waiting > 0) return;
          for (const auto& tell : std::exchange(mine->told, {})) tell(mine->ended);
        });
      });
    });
  }
}

// The sessions were told. Their Redis users go, and with them whatever Redis still does for them.
void Server::State::end_leases(const std::vector<News>& news) {
  std::vector<std::pair<std::string, std::string>> ends;  // principal, user
  for (const News& one : news) {
    const Revocation& what = one.entry.what;
    if (one.lifted) continue;
    if (what.target == Revocation::Target::lease) ends.emplace_back("", what.value);
    // Newer logins of the same identity run as the same user: theirs is not cut.
    if (what.target == Revocation::Target::principal && what.issued_before == WallTime::max())
      ends.emplace_back(what.value, "");
  }
  if (ends.empty()) return;
  auto wait = std::make_shared<asio::steady_timer>(io, kBeforeCut);
  wait->async_wait([this, wait, ends](const boost::system::error_code& error) {
    if (error || stopping) return;
    for (const auto& [principal, user] : ends) {
      for (auto& thread : shards) {
        asio::post(thread->io, [shard = thread->shard.get(), principal, user] {
          shard->leases().forget(principal, user);
        });
      }
      leases->revoke(principal, user);
    }
  });
}

void Server::State::record_revocation(const News& news) {
  const Revocation& what = news.entry.what;
  const auto& lift = news.entry.lifted;
  const std::string detail = described(what) + (news.here ? "" : "; heard from the fleet");
  audit::Event event;
  event.kind = news.lifted ? audit::Kind::revocation_lifted : audit::Kind::revocation;
  event.revocation = what.id;
  event.detail = detail;
  event.by = news.lifted && lift ? lift->by : what.by;
  event.reason = news.lifted && lift ? lift->reason : what.reason;
  journal->append(event);
  (void)journal->flush();
  spdlog::info("revocation {}: {} ({}, by {})", what.id,
               news.lifted ? "lifted" : log::printable(detail, 512),
               log::printable(event.reason, 256), log::printable(event.by));
}

void Server::State::revoke(Revocation what,
                           std::function<void(Result<admin::RevocationDone>)> done) {
  // Answered when the sessions here were told and Redis has it, whichever is later.
  struct Both {
    std::optional<Result<fleet::Revocations::Added>> added;
    std::optional<std::size_t> ended;
    std::function<void(Result<admin::RevocationDone>)> done;
    void maybe() {
      if (!added || (added->has_value() && !ended)) return;
      auto tell = std::exchange(done, nullptr);
      if (!tell) return;
      if (!*added) return tell(added->error());
      tell(admin::RevocationDone{(*added)->entry, (*added)->shared, *ended});
    }
  };
  auto both = std::make_shared<Both>();
  both->done = std::move(done);
  const auto before = spread;
  revocations->add(std::move(what), [both](Result<fleet::Revocations::Added> added) {
    both->added = std::move(added);
    both->maybe();
  });
  if (spread == before) return;  // refused
  spread->told.emplace_back([both](std::size_t ended) {
    both->ended = ended;
    both->maybe();
  });
}

void Server::State::lift(const std::string& id, const std::string& by, const std::string& reason,
                         std::function<void(Result<admin::RevocationDone>)> done) {
  revocations->lift(id, by, reason,
                    [done = std::move(done)](Result<fleet::Revocations::Added> lifted) {
                      if (!lifted) return done(lifted.error());
                      done(admin::RevocationDone{lifted->entry, lifted->shared, 0});
                    });
}

void Server::State::list_sessions(const admin::SessionQuery& query,
                                  std::function<void(std::vector<proxy::SessionFacts>)> done) {
  struct Gathered {
    std::size_t waiting = 0;
    std::vector<proxy::SessionFacts> all;
    std::function<void(std::vector<proxy::SessionFacts>)> done;
  };
  auto gathered = std::make_shared<Gathered>();
  gathered->waiting = shards.size();
  gathered->done = std::move(done);
  for (auto& thread : shards) {
    asio::post(thread->io, [this, shard = thread->shard.get(), query, gathered] {
      asio::post(io, [gathered, some = shard->sessions(query.principal, query.id, kMostShown)] {
        gathered->all.insert(gathered->all.end(), some.begin(), some.end());
        if (--gathered->waiting == 0) gathered->done(std::move(gathered->all));
      });
    });
  }
}

}  // namespace keyward::server
