// What the API asks of the process about sessions and revocations.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/result.h"
#include "keyward/fleet/revocations.h"
#include "keyward/proxy/session_facts.h"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace keyward::admin {

struct SessionQuery {
  std::string principal, id;  // empty = all
};
using SessionSource =
    std::function<void(const SessionQuery&, std::function<void(std::vector<proxy::SessionFacts>)>)>;

struct RevocationDone {
  fleet::RevocationEntry entry;
  bool shared = false;    // Redis has it: all instances know in a moment
  std::size_t ended = 0;  // sessions of this instance
};
struct RevocationSource {
  using Done = std::function<void(Result<RevocationDone>)>;
  std::function<std::vector<fleet::RevocationEntry>()> list;
  std::function<void(identity::Revocation, Done)> add;
  std::function<void(const std::string& id, const std::string& by, const std::string& reason, Done)>
      lift;
  std::vector<std::string> issuers;  // their aliases
  const Clock* clock = nullptr;
};

}  // namespace keyward::admin
