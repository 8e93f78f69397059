// What a trail says of commands: each with who ran it, as far as the record holds it. The one place
// that knows how the records of docs/audit.md are laid out.
#pragma once

#include "keyward/audit/lines.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::review {

// Who a session is, from its `session` record. Sessions of equal people share one; it lives as long
// as the TrailReader.
struct Actor {
  std::string principal;  // issuer alias + ":" + subject
  std::string issuer, subject;
  std::string name;  // for people
  std::vector<std::string> groups, grants;
  std::string policy_version;
  bool some_groups = false;  // the record lists only the first of more groups or grants
};

struct Record {
  enum class Kind : std::uint8_t { command, denial };
  enum class Outcome : std::uint8_t { ok, error, unknown, not_executed };
  Kind kind = Kind::command;
  Outcome outcome = Outcome::ok;  // of a command
  // A grant that only observes let it pass: what would have been the reason to refuse.
  bool would_deny = false;
  std::string_view reason;  // of a denial, or of would_deny: "key", "command" ...
  const Actor* actor = nullptr;
  std::string_view command;                      // "set", "config|get"
  std::vector<std::string_view> keys, channels;  // bytes; the first 16
  std::size_t key_count = 0, channel_count = 0;  // all of them
  // Of a name that was too long only the beginning stands there: a bit for each of `keys`.
  std::uint32_t keys_cut = 0, channels_cut = 0;
  std::uint32_t db = 0;
  std::uint32_t activity = 0;    // of OCSF class 6005
  std::string_view grant, rule;  // by which it was decided then
  std::string_view query;        // "SET airflow:k <5 bytes>"
  // Command names that the text of a script mentions, where the record says so.
  std::vector<std::string_view> calls;
  std::uint64_t time_us = 0;

  [[nodiscard]] bool accepted() const { return kind == Kind::command; }
  // Something of its names is missing.
  [[nodiscard]] bool partial() const {
    return keys_cut != 0 || channels_cut != 0 || key_count > keys.size() ||
           channel_count > channels.size();
  }
};

struct TrailCounts {
  std::uint64_t lines = 0, commands = 0, denials = 0;
  std::uint64_t unreadable = 0;  // lines that are no record
  std::uint64_t unjoined = 0;    // commands and denials of nobody: no session record before them
  std::uint64_t first_us = 0, last_us = 0;  // of commands and denials
};

class TrailReader {
 public:
  explicit TrailReader(audit::TrailLines lines);
  TrailReader(TrailReader&&) noexcept;
  ~TrailReader();

  // The next command or denial of somebody; false at the end. The views in `out` are valid until
  // the next call.
  [[nodiscard]] bool next(Record& out);
  [[nodiscard]] const TrailCounts& counts() const;
  [[nodiscard]] const std::vector<std::string>& failed() const;  // files

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "2026-11-22", "2026-11-22 08:15:03Z".
[[nodiscard]] std::string day_of(std::uint64_t time_us);
[[nodiscard]] std::string moment_of(std::uint64_t time_us);
// "2026-11-22 08:15:03Z to 2026-11-23 09:00:00Z", or "no records".
[[nodiscard]] std::string span_of(const TrailCounts& counts);

}  // namespace keyward::review
