// What the engine leaves on the trail: one record for each event that started, was refused or died.
#pragma once

#include "keyward/audit/journal.h"
#include "keyward/trigger/event.h"
#include "keyward/trigger/target.h"

#include <memory>
#include <string>
#include <string_view>

namespace keyward::trigger {

class Records {
 public:
  explicit Records(std::unique_ptr<audit::Journal> journal) : journal_(std::move(journal)) {}

  void started(const Rule& rule, const Event& event, const Answer& answer);
  // `event`: null when it was not verified.
  void refused(const Rule& rule, EntryId id, std::string_view reason);
  void dead(const Rule& rule, EntryId id, const Event* event, std::string_view reason,
            std::string_view detail);
  // Hands over what was recorded. False: it could not be written, so nothing may be acknowledged.
  bool flush();
  [[nodiscard]] bool healthy() const { return journal_->healthy(); }
  void close() { journal_->close("stopped"); }

 private:
  void append(audit::Kind kind, audit::Outcome outcome, const Rule& rule, EntryId id,
              const Event* event, std::string_view reason, std::string_view detail);
  std::unique_ptr<audit::Journal> journal_;
};

}  // namespace keyward::trigger
