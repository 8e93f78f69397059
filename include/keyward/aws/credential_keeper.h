// The credentials in use: asked for once for all who need them, and again before they end.
#pragma once

#include "keyward/aws/credentials.h"
#include "keyward/base/clock.h"
#include "keyward/base/result.h"

#include <functional>
#include <memory>

namespace keyward::aws {

// One thread. What is under way when the keeper goes is forgotten.
class CredentialKeeper {
 public:
  using Done = std::function<void(Result<Credentials>)>;
  using Find = std::function<void(Done)>;  // CredentialChain::find
  // `clock` must outlive the keeper.
  CredentialKeeper(Find find, const Clock& clock);
  ~CredentialKeeper();
  CredentialKeeper(const CredentialKeeper&) = delete;
  CredentialKeeper& operator=(const CredentialKeeper&) = delete;

  // `done` may run from inside the call. Not after the keeper is gone.
  void get(Done done);
  // AWS did not take these: if they are still the ones in use, the next get() asks anew.
  void refused(const Keys& keys);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyward::aws
