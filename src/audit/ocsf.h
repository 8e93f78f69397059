// Event -> one line of JSON in the Open Cybersecurity Schema Framework 1.8.0, for all kinds but
// those of data_record.h. Pure; allocates nothing.
//
// Every line opens with {"unmapped":{"keyward":{"prev":"<64
// hex>","sequence":N,"time_us":N,"kind":"...", so that the chain can be checked without parsing
// JSON; line_head.h reads it back.
#pragma once

#include "audit/place.h"

#include "keyward/audit/event.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward::audit {

class OcsfWriter {
 public:
  OcsfWriter(std::string_view instance, std::string_view stream, std::string_view redis_label);

  // Writes at `at`, where there is room for kLineLimit bytes; answers the end. `extra` is JSON to
  // go into unmapped.keyward as it stands: ,"name":value ...
  [[nodiscard]] char* write(char* at, const Event& event, const RecordPlace& place,
                            std::string_view extra = {}) const;

 private:
  char* put_keyward(char* at, const Event& event, const RecordPlace& place,
                    std::string_view extra) const;
  char* put_metadata(char* at, const Event& event, const RecordPlace& place) const;
  char* put_authentication(char* at, const Event& event) const;
  char* put_class(char* at, const Event& event) const;

  std::string where_;     // ,"instance":"...","stream":"..."
  std::string metadata_;  // up to the record's own part of metadata.uid
  std::string service_;   // ,"service":{...}
  std::string node_;
};

// ,"grant":"...","rule":"file:line"
[[nodiscard]] char* put_decision(char* at, const Event& event);

// ,"count":N,"start_time":ms,"end_time":ms of a record that stands for several.
[[nodiscard]] char* put_repeats(char* at, const Event& event, std::uint64_t time_ms);

[[nodiscard]] std::string_view kind_name(Kind kind);
[[nodiscard]] bool known_kind(std::string_view name);

}  // namespace keyward::audit
