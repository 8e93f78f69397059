#include "trigger/rule_runner.h"

#include "keyward/base/hash.h"
#include "keyward/base/log.h"
#include "keyward/trigger/input.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <random>
#include <utility>

namespace keyward::trigger {
namespace {

using std::chrono::milliseconds;
using Reply = upstream::ControlReply;

constexpr std::string_view kOwnFields = "keyward-";  // kAttestationField among them
constexpr milliseconds kOfferAgain{1000};  // what Redis or the trail did not take is offered again

std::uint64_t seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// Where a new group begins: with what may be attested, a moment before the rule was known.
std::string group_begin(const Clock& clock) {
  const auto now = std::chrono::duration_cast<milliseconds>(clock.wall().time_since_epoch());
  return std::to_string((now - milliseconds(5000)).count()) + "-0";
}

bool went_well(const Result<Reply>& reply) {
  return reply.has_value() && reply->type != Reply::Type::error;
}

}  // namespace

RuleRunner::RuleRunner(Common& common, Rule rule, std::unique_ptr<Target> target,
                       std::shared_ptr<Counters> counters)
    : common_(common),
      rule_(std::move(rule)),
      stream_(event_stream(rule_)),
      group_(event_group(rule_)),
      since_(group_begin(common.clock)),
      target_(std::move(target)),
      counters_(std::move(counters)),
      flow_(rule_, seed()),
      reader_(common.io, common.config.redis),
      pump_timer_(common.io),
      read_timer_(common.io),
      life_timer_(common.io),
      sweep_timer_(common.io) {}

void RuleRunner::stop(std::function<void()> idle) {
  stopping_ = true;
  idle_ = std::move(idle);
  reader_.stop();
  read_timer_.cancel();
  sweep_timer_.cancel();
  counters_->up = false;
  look_idle();
}

void RuleRunner::wake() {
  pump();
  if (!reading_) read();
  settle_soon();
}

void RuleRunner::look_idle() {
  show();
  if (!idle_ || flow_.under_way() > 0 || !done_.empty() || !burials_.empty()) return;
  life_timer_.cancel();
  pump_timer_.cancel();
  boost::asio::post(common_.io, std::exchange(idle_, nullptr));
}

void RuleRunner::show() {
  counters_->under_way = static_cast<std::int64_t>(flow_.under_way());
  counters_->waiting = static_cast<std::int64_t>(flow_.waiting());
  counters_->breaker_open = flow_.breaker_open(common_.clock.mono());
}

void RuleRunner::pump() {
  std::optional<MonoTime> wake;
  while (!stopping_ && common_.records.healthy()) {
    const Flow::Next next = flow_.next(common_.clock.mono());
    if (next.event == nullptr) {
      wake = next.wake;
      break;
    }
    begin(*next.event, next.attempt);
  }
  show();
  if (stopping_) return;
  if (!common_.records.healthy()) {  // what is started and not recorded would never have been
    (void)common_.records.flush();
    wake = common_.clock.mono() + kOfferAgain;
  }
  if (!wake) return;
  pump_timer_.expires_after(std::max(*wake - common_.clock.mono(), MonoTime::duration(0)));
  pump_timer_.async_wait([weak = Weak(weak_from_this())](const boost::system::error_code& error) {
    if (error) return;
    if (const auto self = weak.lock()) self->pump();
  });
}

void RuleRunner::begin(const Event& event, std::uint32_t attempt) {
  const EntryId id = event.id;
  Result<std::string> input = render_input(rule_, event);
  if (!input) {
    Answer answer;
    answer.verdict = Answer::Verdict::dead;
    answer.reason = "input";
    answer.detail = input.error().message();
    return answered(id, answer);
  }
  Start start;
  start.name = execution_name(rule_.name, id);
  start.input = std::move(*input);
  start.rule = rule_.name;
  start.subject = subject_of(rule_, event);
  start.principal = event.by.principal;
  start.time = event.by.at;
  start.attempt = attempt;
  target_->start(std::move(start), [weak = Weak(weak_from_this()), id](Answer answer) {
    const auto self = weak.lock();
    if (!self) return;
    self->answered(id, answer);
    self->pump();
  });
}

void RuleRunner::answered(EntryId id, const Answer& answer) {
  const Flow::After after = flow_.answered(id, answer, common_.clock.mono());
  const Event* event = flow_.find(id);
  if (event == nullptr) return;
  switch (after) {
    case Flow::After::wait:
      ++counters_->retries;
      spdlog::debug("trigger {}: {} is tried again: {} {}", rule_.name, id.text(), answer.reason,
                    answer.detail);
      break;
    case Flow::After::acknowledge: {
      ++(answer.already ? counters_->already : counters_->started);
      const auto now =
          std::chrono::duration_cast<milliseconds>(common_.clock.wall().time_since_epoch());
      const auto lag = std::max<std::int64_t>(0, now.count() - static_cast<std::int64_t>(id.ms));
      counters_->lag_ms += static_cast<std::uint64_t>(lag);
      const auto bound = std::lower_bound(Counters::kLagBounds.begin(), Counters::kLagBounds.end(),
                                          static_cast<double>(lag) / 1000.0);
      ++counters_->lag[static_cast<std::size_t>(bound - Counters::kLagBounds.begin())];
      common_.records.started(rule_, *event, answer);
      acknowledge(id);
      break;
    }
    case Flow::After::bury: {
      const bool gave_up = answer.verdict == Answer::Verdict::retry;
      ++counters_->dead;
      const std::string reason = gave_up ? "attempts" : answer.reason;
      const std::string detail =
          gave_up ? "the last answer was " + answer.reason + " " + answer.detail : answer.detail;
      common_.records.dead(rule_, id, event, reason, detail);
      bury(id, event, event->fields, reason, detail);
      break;
    }
  }
  look_idle();
}

void RuleRunner::acknowledge(EntryId id) {
  done_.push_back(id);
  settle_soon();
}

// Everything that one turn of the loop brought leaves together.
void RuleRunner::settle_soon() {
  if (std::exchange(settling_, true)) return;
  boost::asio::post(common_.io, [weak = Weak(weak_from_this())] {
    const auto self = weak.lock();
    if (!self) return;
    self->settling_ = false;
    if (!self->common_.records.flush()) return;  // the sign of life tries again
    self->send_acknowledgements();
    self->send_burials();
  });
}

void RuleRunner::send_acknowledgements() {
  if (done_.empty() || acknowledging_) return;
  acknowledging_ = true;
  std::vector<std::string> words{"XACK", stream_, group_};
  for (const EntryId& id : done_) words.push_back(id.text());
  const std::size_t count = done_.size();
  common_.writer.call(words, [weak = Weak(weak_from_this()), count](const Result<Reply>& reply) {
    const auto self = weak.lock();
    if (!self) return;
    self->acknowledging_ = false;
    if (!went_well(reply)) {
      // No such group any more: nothing is pending in it either.
      const bool no_group = reply.has_value() && reply->text.starts_with("NOGROUP");
      if (!no_group) return;  // the sign of life tries again
    }
    for (std::size_t i = 0; i < count; ++i) self->flow_.gone(self->done_[i]);
    self->done_.erase(self->done_.begin(),
                      self->done_.begin() + static_cast<std::ptrdiff_t>(count));
    if (!self->done_.empty()) self->settle_soon();
    self->look_idle();
    if (!self->reading_) self->read();
  });
}

// The letter: the event's own fields as they were, and why it is here in fields of our own names,
// which the event cannot bring along.
void RuleRunner::bury(EntryId id, const Event* event, const std::vector<Field>& fields,
                      const std::string& reason, const std::string& detail) {
  Burial burial;
  burial.id = id;
  for (const Field& field : fields) {
    if (!field.name.starts_with(kOwnFields)) burial.fields.push_back(field);
  }
  const auto add = [&](const char* name, const std::string& value) {
    burial.fields.push_back({std::string(kOwnFields).append(name), value});
  };
  add("rule", rule_.name);
  add("id", id.text());
  add("stream", stream_);
  add("reason", reason);
  add("detail", detail);
  add("principal", event == nullptr ? "" : event->by.principal);
  add("grant", event == nullptr ? "" : event->by.grant);
  spdlog::warn("trigger {}: {} goes to {}: {}{}{}", rule_.name, id.text(),
               log::printable(rule_.dead_letter.stream), reason, detail.empty() ? "" : ": ",
               detail);
  burials_.push_back(std::move(burial));
  settle_soon();
}

// Letter and acknowledgement in one transaction: neither without the other.
void RuleRunner::send_burials() {
  for (Burial& burial : burials_) {
    if (burial.under_way) continue;
    burial.under_way = true;
    std::vector<std::string> letter{
        "XADD", rule_.dead_letter.stream, "MAXLEN", "~", std::to_string(rule_.dead_letter.most),
        "*"};
    for (const Field& field : burial.fields) {
      letter.push_back(field.name);
      letter.push_back(field.value);
    }
    const EntryId id = burial.id;
    const auto nothing = [](const Result<Reply>&) {};
    common_.writer.call({"MULTI"}, nothing);
    common_.writer.call(letter, nothing);
    common_.writer.call({"XACK", stream_, group_, id.text()}, nothing);
    common_.writer.call({"EXEC"}, [weak = Weak(weak_from_this()), id](const Result<Reply>& reply) {
      const auto self = weak.lock();
      if (!self) return;
      const auto found = std::find_if(self->burials_.begin(), self->burials_.end(),
                                      [&](const Burial& one) { return one.id == id; });
      if (found == self->burials_.end()) return;
      found->under_way = false;
      const bool written = went_well(reply) && reply->type == Reply::Type::array &&
                           !reply->elements.empty() &&
                           reply->elements[0].type != Reply::Type::error;
      if (!written) {
        spdlog::error("trigger {}: the dead letter of {} cannot be written: {}", self->rule_.name,
                      id.text(),
                      reply.has_error()         ? reply.error().message()
                      : reply->elements.empty() ? reply->text
                                                : reply->elements[0].text);
        return;  // the sign of life tries again
      }
      self->burials_.erase(found);
      self->flow_.gone(id);
      self->look_idle();
      if (!self->reading_) self->read();
    });
  }
}

}  // namespace keyward::trigger
