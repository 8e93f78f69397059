#include "keyward/forward/forwarders.h"

#include "forward/forwarder.h"
#include "forward/receiver.h"

#include <algorithm>
#include <limits>

namespace keyward::forward {

Forwarders::Forwarders() = default;
Forwarders::~Forwarders() = default;

Result<std::unique_ptr<Forwarders>> Forwarders::open(const std::vector<ForwarderConfig>& configs,
                                                     const std::string& directory,
                                                     const std::string& instance,
                                                     const Clock& clock) {
  std::unique_ptr<Forwarders> out(new Forwarders);
  for (const ForwarderConfig& config : configs) {
    auto receiver = make_receiver(config, instance);
    if (!receiver)
      return Error(receiver.error().code(), config.name + ": " + receiver.error().message());
    out->all_.push_back(
        std::make_unique<Forwarder>(config, directory, instance, *std::move(receiver), clock));
  }
  return out;
}

void Forwarders::start() {
  for (auto& one : all_) one->start();
}

void Forwarders::finish(std::chrono::milliseconds within) {
  const MonoTime until = std::chrono::steady_clock::now() + within;
  for (auto& one : all_) one->finish();
  for (auto& one : all_) one->wait_for_end(until);
  all_.clear();
}

std::uint64_t Forwarders::hold(std::string_view stream) const {
  std::uint64_t lowest = std::numeric_limits<std::uint64_t>::max();
  for (const auto& one : all_) lowest = std::min(lowest, one->hold(stream));
  return lowest;
}

std::vector<ForwarderStatus> Forwarders::statuses() const {
  std::vector<ForwarderStatus> out;
  for (const auto& one : all_) out.push_back(one->status());
  return out;
}

Result<> probe(const ForwarderConfig& config, const std::string& instance) {
  auto receiver = make_receiver(config, instance);
  if (!receiver) return receiver.error();
  return (*receiver)->probe([] { return true; });
}

}  // namespace keyward::forward
