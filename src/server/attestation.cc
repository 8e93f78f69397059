// The keys that sign for triggers and verify: made of the fleet's secret, made anew when it
// changes.
#include "server/state.h"

#include "keyward/base/log.h"
#include "keyward/base/same_secret.h"

#include <boost/asio/post.hpp>

namespace keyward::server {

// Entries under the secret before this one are believed until the process ends; of what was
// before that nobody knows.
void Server::State::renew_attestation() {
  // Without rules nobody asks for them; with the first rule they have to be there.
  const bool needed = !policy->triggers().empty();
  const auto missing = [&](std::string_view why) {
    if (needed) spdlog::warn("triggers: nothing can be attested: {}", why);
  };
  if (!config.fleet.secret) return missing("the fleet has no secret; set fleet.secret_file");
  auto secret = config.fleet.secret();
  if (!secret) return missing(secret.error().message());
  if (secret->empty()) return missing("the fleet's secret is empty");
  if (attestation != nullptr && same_secret(secret->reveal(), attestation_secret.reveal())) return;
  const std::optional<Secret> before =
      attestation != nullptr ? std::optional(attestation_secret) : std::nullopt;
  attestation = std::make_shared<const trigger::AttestationKeys>(*secret, before);
  attestation_secret = *std::move(secret);
  if (triggers != nullptr) triggers->engine->set_keys(attestation);
  for (auto& thread : shards) {
    asio::post(thread->io,
               [shard = thread->shard.get(), keys = attestation] { shard->set_attestation(keys); });
  }
}

}  // namespace keyward::server
