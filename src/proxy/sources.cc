#include "keyward/proxy/sources.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <functional>
#include <netinet/in.h>

namespace keyward::proxy {

namespace {

// Attempts with the same credentials until they count as much as that many different ones.
constexpr std::uint64_t kRepeats = 10;
// What is kept of the credentials of one address and issuer.
constexpr std::size_t kMostKept = 4096;
// Addresses whose refusals are counted apart at a time.
constexpr std::size_t kMostUnseen = 1024;
// One address may hold so much of limits.waiting_logins; the rest is for the others.
constexpr std::uint64_t kShareOf = 5, kShare = 4;

}  // namespace

std::string source_of(const std::string& address) {
  in6_addr parsed{};
  if (::inet_pton(AF_INET6, address.c_str(), &parsed) != 1) return address;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IN6_IS_ADDR_V4MAPPED(&parsed)) {
    ::inet_ntop(AF_INET, &parsed.s6_addr[12], text.data(), text.size());
    return text.data();
  }
  std::fill(std::begin(parsed.s6_addr) + 8, std::end(parsed.s6_addr), 0);
  ::inet_ntop(AF_INET6, &parsed, text.data(), text.size());
  return std::string(text.data()) + "/64";
}

bool MinuteCount::take(std::uint32_t most, MonoTime now) {
  if (over(now)) {
    since_ = now;
    count_ = 0;
  }
  if (most > 0 && count_ >= most) return false;
  ++count_;
  return true;
}

void FailedLogins::renew(MonoTime now) {
  if (!over(now)) return;
  *this = FailedLogins();
  since_ = now;
}

void FailedLogins::note(std::string_view evidence, std::uint32_t most, MonoTime now) {
  renew(now);
  ++attempts_;
  if (full(most)) return;
  const std::uint64_t hash = std::hash<std::string_view>()(evidence);
  const auto place = std::lower_bound(credentials_.begin(), credentials_.end(), hash);
  // Without evidence nothing says that it is the same again.
  if (evidence.empty() || place == credentials_.end() || *place != hash)
    credentials_.insert(place, hash);
}

bool FailedLogins::full(std::uint32_t most) const {
  return credentials_.size() >= std::min<std::size_t>(most, kMostKept);
}

bool FailedLogins::holds(std::string_view evidence) const {
  return std::binary_search(credentials_.begin(), credentials_.end(),
                            std::hash<std::string_view>()(evidence));
}

bool FailedLogins::locked(std::uint32_t most, MonoTime now) const {
  return !over(now) && (full(most) || attempts_ >= kRepeats * most);
}

bool FailedLogins::locked(std::string_view evidence, std::uint32_t most, MonoTime now) const {
  return locked(most, now) && (full(most) || evidence.empty() || holds(evidence));
}

bool FailedLogins::first_refusal(MonoTime now) { return !over(now) && !std::exchange(told_, true); }

SourceSeat::~SourceSeat() {
  if (sources_ != nullptr) sources_->change(address_, -1, logged_in_ ? 0 : -1);
}

void SourceSeat::logged_in(bool yes) {
  if (sources_ == nullptr || std::exchange(logged_in_, yes) == yes) return;
  sources_->change(address_, 0, yes ? -1 : 1);
}

bool Sources::Source::forgettable(MonoTime now) const {
  return connections == 0 && logins.over(now) &&
         std::all_of(failed.begin(), failed.end(),
                     [&](const auto& entry) { return entry.second.over(now); });
}

SourceSeat Sources::arrive(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(address);
  if (found != all_.end()) {
    const Source& source = found->second;
    if (limits_.connections_per_source > 0 && source.connections >= limits_.connections_per_source)
      return {};
    if (std::uint64_t{source.waiting} * kShareOf >= std::uint64_t{limits_.waiting_logins} * kShare)
      return {};
  }
  if (waiting_ >= limits_.waiting_logins) return {};
  Source& source = all_[address];
  ++source.connections;
  ++source.waiting;
  ++waiting_;
  return {shared_from_this(), address};
}

void Sources::change(const std::string& address, int connections, int waiting) {
  const std::lock_guard lock(mutex_);
  waiting_ += static_cast<std::uint32_t>(waiting);
  const auto found = all_.find(address);
  if (found == all_.end()) return;
  found->second.connections += static_cast<std::uint32_t>(connections);
  found->second.waiting += static_cast<std::uint32_t>(waiting);
}

// Addresses come and go; those that have nothing here any more are forgotten when they get many.
void Sources::sweep(MonoTime now) {
  if (all_.size() < sweep_above_) return;
  std::erase_if(all_, [&](const auto& entry) { return entry.second.forgettable(now); });
  sweep_above_ = std::max<std::size_t>(1024, 2 * all_.size());
}

bool Sources::may_try(const std::string& address, MonoTime now) {
  const std::lock_guard lock(mutex_);
  sweep(now);
  return all_[address].logins.take(limits_.logins_per_source, now);
}

void Sources::failed(const std::string& address, const std::string& issuer,
                     std::string_view evidence, MonoTime now) {
  const std::lock_guard lock(mutex_);
  all_[address].failed[issuer].note(evidence, limits_.failed_logins_per_minute, now);
}

bool Sources::suspicious(const std::string& address, MonoTime now) const {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(address);
  return found != all_.end() &&
         std::any_of(found->second.failed.begin(), found->second.failed.end(),
                     [&](const auto& entry) {
                       return entry.second.locked(limits_.failed_logins_per_minute, now);
                     });
}

Sources::Lock Sources::lock(const std::string& address, const std::string& issuer,
                            std::string_view evidence, MonoTime now) {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(address);
  if (found == all_.end()) return Lock::open;
  const auto failed = found->second.failed.find(issuer);
  if (failed == found->second.failed.end() ||
      !failed->second.locked(evidence, limits_.failed_logins_per_minute, now)) {
    return Lock::open;
  }
  return failed->second.first_refusal(now) ? Lock::just_locked : Lock::locked;
}

void Sources::refused_unseen(const std::string& address, const std::string& issuer,
                             std::string_view reason, MonoTime now, WallTime wall) {
  const std::lock_guard lock(mutex_);
  const bool full = unseen_.size() + 1 >= kMostUnseen;
  auto found = std::find_if(unseen_.begin(), unseen_.end(), [&](const Unseen& one) {
    return one.what.reason == reason && one.what.address == address && one.what.issuer == issuer;
  });
  if (found == unseen_.end() && full) {
    found = std::find_if(unseen_.begin(), unseen_.end(),
                         [](const Unseen& one) { return one.what.address.empty(); });
  }
  if (found == unseen_.end()) {
    // One entry without an address stands for all that find no room.
    unseen_.push_back({full ? Uncounted{"", "", "several", 0, wall}
                            : Uncounted{address, issuer, reason, 0, wall},
                       now});
    found = unseen_.end() - 1;
  }
  ++found->what.count;
}

std::vector<Sources::Uncounted> Sources::take_unseen(MonoTime now) {
  std::vector<Uncounted> due;
  const std::lock_guard lock(mutex_);
  std::erase_if(unseen_, [&](Unseen& one) {
    if (now != MonoTime::max() && now - one.began < std::chrono::minutes(1)) return false;
    due.push_back(std::move(one.what));
    return true;
  });
  return due;
}

std::uint32_t Sources::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

std::size_t Sources::known() const {
  const std::lock_guard lock(mutex_);
  return all_.size();
}

}  // namespace keyward::proxy
