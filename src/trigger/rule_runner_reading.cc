// How a rule gets its events: new ones, its own of an earlier life, those of dead instances.
#include "trigger/rule_runner.h"

#include "keyward/base/log.h"
#include "keyward/trigger/timers.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace keyward::trigger {
namespace {

using std::chrono::milliseconds;
using Reply = upstream::ControlReply;

constexpr std::size_t kMostAtOnce = 256;
constexpr const char* kBlock = "1000";  // ms; shorter than the control connection's patience
constexpr milliseconds kTryAgain{500};
constexpr milliseconds kSweepEvery{100};
constexpr std::uint32_t kMostSwept = 256;
// Behind max_age, so that clocks that differ leave no gap.
constexpr milliseconds kRememberLonger{600'000};

bool is_error(const Result<Reply>& reply, std::string_view prefix) {
  return reply.has_value() && reply->type == Reply::Type::error && reply->text.starts_with(prefix);
}

}  // namespace

void RuleRunner::start() {
  reader_.start(
      [weak = Weak(weak_from_this())] {
        if (const auto self = weak.lock()) self->up();
      },
      [weak = Weak(weak_from_this())](const std::string& why) {
        const auto self = weak.lock();
        if (!self) return;
        if (self->counters_->up.exchange(false) || why.find("WRONGPASS") != std::string::npos)
          spdlog::warn("trigger {}: {}", self->rule_.name, why);
      });
  last_life_ = common_.clock.mono();
  live();
  if (rule_.source.kind == SourceKind::expired) sweep();
}

// A connection is there: what was pending for this consumer comes first.
void RuleRunner::up() {
  if (stopping_) return;
  own_ = true;
  own_from_ = "0-0";
  reading_ = false;
  make_group();
}

void RuleRunner::make_group() {
  group_made_ = false;
  reader_.call({"XGROUP", "CREATE", stream_, group_, since_, "MKSTREAM"},
               [weak = Weak(weak_from_this())](const Result<Reply>& reply) {
                 const auto self = weak.lock();
                 if (!self || reply.has_error()) return;  // the next connection does it
                 if (reply->type == Reply::Type::error && !reply->text.starts_with("BUSYGROUP")) {
                   spdlog::error("trigger {}: group {} of {}: {}", self->rule_.name, self->group_,
                                 log::printable(self->stream_), reply->text);
                   self->counters_->up = false;
                   return self->read_again(kTryAgain * 4);
                 }
                 self->group_made_ = true;
                 self->counters_->up = true;
                 self->read();
               });
}

void RuleRunner::read_again(milliseconds after) {
  read_timer_.expires_after(after);
  read_timer_.async_wait([weak = Weak(weak_from_this())](const boost::system::error_code& error) {
    if (error) return;
    const auto self = weak.lock();
    if (!self) return;
    self->group_made_ ? self->read() : self->make_group();
  });
}

void RuleRunner::read() {
  if (stopping_ || reading_ || !group_made_ || !reader_.up() || common_.keys == nullptr) return;
  if (!common_.records.healthy() || !common_.writer.up() || std::exchange(slowly_, false))
    return read_again(kTryAgain);
  const std::size_t room = flow_.room();
  if (room == 0) return;  // an acknowledgement comes here again
  reading_ = true;
  std::vector<std::string> words{"XREADGROUP", "GROUP",
                                 group_,       common_.config.instance,
                                 "COUNT",      std::to_string(std::min(room, kMostAtOnce))};
  if (!own_) words.insert(words.end(), {"BLOCK", kBlock});
  words.insert(words.end(), {"STREAMS", stream_, own_ ? own_from_ : ">"});
  reader_.call(words, [weak = Weak(weak_from_this()), own = own_](Result<Reply> reply) {
    if (const auto self = weak.lock()) self->received(std::move(reply), own);
  });
}

void RuleRunner::received(Result<Reply> reply, bool own) {
  if (reply.has_error()) {  // the connection is gone: the next one begins anew
    reading_ = false;
    return;
  }
  if (is_error(reply, "NOGROUP")) {  // FLUSHALL, or somebody deleted it
    reading_ = false;
    return make_group();
  }
  Result<std::vector<Entry>> entries = read_entries(*reply);
  if (!entries) {
    reading_ = false;
    spdlog::error("trigger {}: {}: {}", rule_.name, log::printable(stream_),
                  entries.error().message());
    return read_again(kTryAgain);
  }
  if (own && entries->empty()) own_ = false;
  if (own && !entries->empty()) own_from_ = entries->back().id.text();
  accept(std::move(*entries), [weak = Weak(weak_from_this())] {
    const auto self = weak.lock();
    if (!self) return;
    self->reading_ = false;
    self->read();
  });
}

// Verifies each; `then` runs when it is known of all whether they are new.
void RuleRunner::accept(std::vector<Entry> entries, std::function<void()> then) {
  // Runs `then` when the last who holds it lets go.
  const auto last = std::shared_ptr<void>(
      nullptr, [&io = common_.io, then](void*) { boost::asio::post(io, then); });
  for (Entry& entry : entries) {
    if (flow_.holds(entry.id)) continue;
    const auto refuse = [&](const std::string& reason) {
      if (!flow_.take_dead(entry.id)) return;
      ++counters_->refused;
      common_.records.refused(rule_, entry.id, reason);
      bury(entry.id, nullptr, entry.fields, reason, "");
    };
    if (entry.deleted) {
      if (!flow_.take_dead(entry.id)) continue;
      ++counters_->dead;
      common_.records.dead(rule_, entry.id, nullptr, "trimmed",
                           "the entry was deleted before it was handled");
      bury(entry.id, nullptr, {}, "trimmed", "the entry was deleted before it was handled");
      continue;
    }
    std::vector<FieldView> views;
    views.reserve(entry.fields.size());
    for (const Field& field : entry.fields) views.emplace_back(field.name, field.value);
    const Verdict verdict =
        verify(*common_.keys, stream_, views, common_.clock.wall(), rule_.max_age);
    if (!verdict.who) {
      refuse(std::string(to_string(verdict.why)));
      continue;
    }
    if (!caused_under(*verdict.who, rule_.from)) {
      refuse("grant");
      continue;
    }
    Event event;
    event.id = entry.id;
    event.stream = stream_;
    event.fields = std::move(entry.fields);
    std::erase_if(event.fields, [](const Field& one) { return one.name == kAttestationField; });
    event.by = *verdict.who;
    check_nonce(std::move(event), [last] {});
  }
  pump();
}

// The first entry that shows a nonce keeps it; the same entry may come again, another is a copy.
// That it was kept already tells that somebody had the entry before: a target may ask what came of
// it.
void RuleRunner::check_nonce(Event event, std::function<void()> then) {
  const std::string key = own_base(rule_.name) + "seen:" + event.by.nonce;
  const std::string id = event.id.text();
  const auto life = rule_.max_age + kRememberLonger;
  const auto first = std::make_shared<bool>(false);
  common_.writer.call({"SET", key, id, "NX", "PX", std::to_string(life.count())},
                      [first](const Result<Reply>& reply) {
                        *first = reply.has_value() && reply->type == Reply::Type::status;
                      });
  common_.writer.call({"GETRANGE", key, "0", "63"}, [weak = Weak(weak_from_this()),
                                                     event = std::move(event), id, first,
                                                     then = std::move(then)](
                                                        const Result<Reply>& reply) mutable {
    const auto self = weak.lock();
    if (!self) return;
    const bool answered = reply.has_value() && reply->type == Reply::Type::string;
    if (!answered || reply->text.empty()) {
      // Not known: it stays pending, and is read again as one of our own.
      self->own_ = true;
      self->own_from_ = "0-0";
      self->slowly_ = true;
    } else if (reply->text == id) {
      if (!self->stopping_ &&
          self->flow_.take(std::move(event), self->common_.clock.mono(), !*first))
        self->pump();
    } else if (self->flow_.take_dead(event.id)) {
      ++self->counters_->refused;
      self->common_.records.refused(self->rule_, event.id, "copied");
      self->bury(event.id, nullptr, event.fields, "copied", "its nonce was used by " + reply->text);
    }
    then();
  });
}

// A sign of life for what is held, and a look for what others left.
void RuleRunner::live() {
  life_timer_.expires_after(common_.config.claim_after / 3);
  life_timer_.async_wait([weak = Weak(weak_from_this())](const boost::system::error_code& error) {
    if (error) return;
    const auto self = weak.lock();
    if (!self) return;
    const MonoTime now = self->common_.clock.mono();
    // Silent for too long, others may have begun with what waits here.
    if (now - self->last_life_ > self->common_.config.claim_after) self->flow_.give_up_waiting();
    self->last_life_ = now;
    self->claim();
    self->settle_soon();
    self->pump();
    self->live();
  });
}

void RuleRunner::claim() {
  const std::vector<EntryId> held = flow_.held();
  const auto nothing = [](const Result<Reply>&) {};
  for (std::size_t at = 0; at < held.size(); at += kMostAtOnce) {
    std::vector<std::string> words{"XCLAIM", stream_, group_, common_.config.instance, "0"};
    for (std::size_t i = at; i < std::min(held.size(), at + kMostAtOnce); ++i)
      words.push_back(held[i].text());
    words.emplace_back("JUSTID");
    common_.writer.call(words, nothing);
  }
  const std::size_t room = flow_.room();
  if (stopping_ || claiming_ || room == 0 || !group_made_ || common_.keys == nullptr) return;
  claiming_ = true;
  common_.writer.call({"XAUTOCLAIM", stream_, group_, common_.config.instance,
                       std::to_string(common_.config.claim_after.count()), claim_from_, "COUNT",
                       std::to_string(std::min(room, kMostAtOnce))},
                      [weak = Weak(weak_from_this())](const Result<Reply>& reply) {
                        const auto self = weak.lock();
                        if (!self) return;
                        self->claiming_ = false;
                        if (reply.has_error() || self->stopping_) return;
                        Result<Claimed> claimed = claimed_entries(*reply);
                        if (!claimed) return;
                        const bool more = claimed->next != "0-0" && !claimed->entries.empty();
                        self->claim_from_ = claimed->next;
                        self->counters_->claimed += claimed->entries.size();
                        for (const EntryId id : claimed->dropped) {
                          ++self->counters_->dead;
                          self->common_.records.dead(self->rule_, id, nullptr, "trimmed",
                                                     "the entry was deleted before it was handled");
                        }
                        self->accept(std::move(claimed->entries), [weak, more] {
                          const auto again = weak.lock();
                          if (again && more) again->claim();
                        });
                      });
}

// Timers that are due become events; any instance may do it, each moves in one step.
void RuleRunner::sweep() {
  sweep_timer_.expires_after(kSweepEvery);
  sweep_timer_.async_wait([weak = Weak(weak_from_this())](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->stopping_) return;
    if (!self->common_.writer.up()) return self->sweep();
    self->common_.writer.call(
        sweep_request(self->rule_.name, self->common_.clock.wall(), kMostSwept),
        [weak](const Result<Reply>& reply) {
          const auto after = weak.lock();
          if (!after || after->stopping_) return;
          if (reply.has_value() && reply->type == Reply::Type::error)
            spdlog::error("trigger {}: timers: {}", after->rule_.name, reply->text);
          after->sweep();
        });
  });
}

}  // namespace keyward::trigger
