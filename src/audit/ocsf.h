// Event -> one line of JSON in the Open Cybersecurity Schema Framework 1.8.0. Pure; allocates
// nothing but what `out` needs.
//
// Every line opens with {"unmapped":{"keyward":{"prev":"<64
// hex>","sequence":N,"time_us":N,"kind":"...", so that the chain can be checked without parsing
// JSON; line_head.h reads it back.
#pragma once

#include "keyward/audit/event.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward::audit {

// Where the record stands in its stream.
struct Place {
  std::uint64_t sequence = 0;
  std::string_view prev;  // 64 hex digits
  WallTime time{};        // never before the previous record's
  WallTime clock{};       // what the clock really said
};

class OcsfWriter {
 public:
  OcsfWriter(std::string_view instance, std::string_view stream, std::string_view redis_label);

  // `extra` is JSON to go into unmapped.keyward as it stands: ,"name":value ...
  void append(std::string& out, const Event& event, const Place& place,
              std::string_view extra = {}) const;

 private:
  // True when something of the request was left out.
  bool append_keyward(std::string& out, const Event& event, const Place& place,
                      const Subject::Prepared* ready, std::string_view extra) const;
  void append_metadata(std::string& out, const Event& event, const Place& place, bool cut) const;
  void append_database(std::string& out, const Event& event) const;
  void append_class(std::string& out, const Event& event, const Subject::Prepared* ready) const;

  std::string where_;     // ,"instance":"...","stream":"..."
  std::string metadata_;  // up to the record's own part of metadata.uid
  std::string database_;  // after the number of the database
  std::string service_;   // ,"service":{...}
};

[[nodiscard]] std::string_view kind_name(Kind kind);
[[nodiscard]] bool known_kind(std::string_view name);

}  // namespace keyward::audit
