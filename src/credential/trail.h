// What the audit trail learns of credentials: given out, renewed, ended, refused. Never a password.
#pragma once

#include "keyward/audit/journal.h"
#include "keyward/credential/desk.h"

#include <string>
#include <string_view>

namespace keyward::credential {

class Trail {
 public:
  explicit Trail(audit::Journal& journal) : journal_(journal) {}

  // False: the trail cannot be written, so that it must not have happened.
  [[nodiscard]] bool issued(const Record& record, const Caller& caller, std::string_view version,
                            std::string_view limited_by);
  [[nodiscard]] bool renewed(const Record& record, const Caller& caller, std::string_view version);
  void ended(const Record& record, std::string_view reason);
  // `principal` may be null: nobody is known then.
  void refused(const Caller& caller, const identity::Refusal& why,
               const identity::Principal* principal, std::string_view request_id);
  [[nodiscard]] bool healthy() const { return journal_.healthy(); }

 private:
  bool append(audit::Kind kind, const Record& record, const Caller* caller,
              std::string_view version, std::string_view reason, std::string_view detail);
  audit::Journal& journal_;
};

}  // namespace keyward::credential
