#include "server/policy_loader.h"

#include "keyward/base/text.h"
#include "keyward/policy/signature.h"
#include "keyward/server/static_user.h"
#include "keyward/server/trigger_connections.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace keyward::server {

namespace {

constexpr std::size_t kMostAsking = 256;
constexpr std::size_t kMostTriggers = 8;

}  // namespace

PolicyAttempt load_policies(const PolicySource& source, std::string trigger, const Clock& clock) {
  PolicyAttempt out;
  out.trigger = std::move(trigger);
  out.at = clock.wall();
  const MonoTime began = clock.mono();
  if (source.signers.empty()) {
    out.snapshot =
        policy::Snapshot::load(source.folder, source.catalog, source.issuers, out.diagnostics);
  } else if (const auto signers = policy::Signers::load(source.signers); !signers) {
    out.diagnostics.error(source.folder, 0, 0, signers.error().message(),
                          "a readable public key under policies.signed_by");
  } else {
    out.snapshot = policy::Snapshot::load(source.folder, source.catalog, source.issuers,
                                          out.diagnostics, &*signers);
  }
  if (out.snapshot != nullptr &&
      !has_static_user(*out.snapshot, source.static_user, out.diagnostics))
    out.snapshot = nullptr;
  if (out.snapshot != nullptr &&
      !has_connections(*out.snapshot, source.connections, out.diagnostics))
    out.snapshot = nullptr;
  out.took = std::chrono::duration_cast<std::chrono::milliseconds>(clock.mono() - began);
  return out;
}

PolicyLoader::PolicyLoader(boost::asio::io_context& io, const Clock& clock, PolicySource source,
                           Done settle)
    : io_(io), clock_(clock), source_(std::move(source)), settle_(std::move(settle)) {}

PolicyLoader::~PolicyLoader() { thread_.join(); }

bool PolicyLoader::request(const std::string& trigger, Done done) {
  if (asked_.size() >= kMostAsking) return false;
  if (done) asked_.push_back(std::move(done));
  if (std::find(triggers_.begin(), triggers_.end(), trigger) == triggers_.end() &&
      triggers_.size() < kMostTriggers) {
    triggers_.push_back(trigger);
  }
  if (!loading_) begin();
  return true;
}

void PolicyLoader::begin() {
  loading_ = true;
  being_told_ = std::exchange(asked_, {});
  const std::string trigger = joined(std::exchange(triggers_, {}), ", ");
  boost::asio::post(thread_, [this, trigger] {
    auto attempt = std::make_shared<const PolicyAttempt>(load_policies(source_, trigger, clock_));
    boost::asio::post(io_, [this, attempt] { finished(*attempt); });
  });
}

void PolicyLoader::finished(const PolicyAttempt& attempt) {
  settle_(attempt);
  for (const Done& done : std::exchange(being_told_, {})) done(attempt);
  loading_ = false;
  if (!triggers_.empty()) begin();
}

}  // namespace keyward::server
