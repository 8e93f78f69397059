// One line of a trail, read for use: its facts under their names, and for commands and refusals
// those that only the `session` record before them holds (docs/audit.md, "To join them").
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::trail {

enum class Outcome : std::uint8_t {
  ok,
  error,    // Redis answered an error
  denied,   // refused by Keyward: a denial, a refused login
  unknown,  // the connection broke after the command was sent
  not_executed,
  intent,  // about to be sent; its outcome has a record of its own
};
[[nodiscard]] std::string_view name_of(Outcome outcome);
[[nodiscard]] std::optional<Outcome> outcome_of(std::string_view name);

// The views and spans are valid as long as whoever made the record says. Texts are UTF-8; keys and
// channels are the bytes that Redis saw. Empty, 0 or -1: the record does not say.
struct Record {
  std::string_view line;              // as it stands in the file, without its newline
  std::string_view instance, stream;  // of metadata.uid, with the next
  std::uint64_t sequence = 0;
  std::uint64_t time_us = 0;  // since 1970, UTC
  std::string_view kind;      // "command", "login" ...: docs/audit.md
  Outcome outcome = Outcome::ok;
  std::uint32_t class_uid = 0, activity_id = 0;  // of OCSF

  // Who. Of records without a user (policy_loaded, gap ...) empty; `by` may say who asked.
  std::string_view principal;                        // issuer alias + ":" + subject
  std::string_view user;                             // for people: a label or the subject
  std::string_view user_alt;                         // the subject, where `user` is a label
  std::span<const std::string_view> groups, grants;  // of the session, the first 32
  std::string_view issuer, issuer_url;
  std::string_view session;
  std::string_view token_digest, token_id;
  std::uint64_t session_started_ms = 0, session_expires_ms = 0;
  std::uint64_t connection = 0;
  std::string_view account;  // the Redis user that lease_* and credential_* records are about
  std::string_view by;       // who asked for a revocation, a reload ...

  // From where, and as whom at Redis.
  std::string_view source_ip;
  std::uint16_t source_port = 0;
  std::string_view listener, tls_version, tls_cipher, client_name, client_library;
  std::string_view lease_user, policy_version, node;

  // What.
  std::uint32_t db = 0;
  bool has_db = false;
  std::string_view command;                          // "set", "config|set"
  std::string_view query;                            // "SET airflow:k <5 bytes>"
  std::span<const std::string_view> keys, channels;  // the first 16
  std::uint64_t key_count = 0, channel_count = 0;    // all of them
  std::span<const std::string_view> calls;           // commands that a script's text names
  // Bit i, of keys[i] and channels[i]: only the beginning stands there; it was not UTF-8.
  std::uint32_t keys_cut = 0, channels_cut = 0, keys_latin1 = 0, channels_latin1 = 0;
  std::span<const std::uint64_t> key_bytes;  // where a key was cut: how long each was; else empty
  std::uint64_t command_number = 0, multi_id = 0;
  std::string_view script_sha1, function, library;  // of scripts and functions
  std::string_view operation;                       // of a call of the admin API
  std::uint64_t repeated = 0;  // a refusal that stands for so many; 0: for itself

  // Why, and how it ended.
  std::string_view grant, rule;
  std::string_view would_deny, nearest_grant, nearest_rule;
  std::span<const std::string_view> attested;  // the triggers that a command was attested for
  std::string_view reason;                     // status_detail
  std::string_view status_code;                // "NOPERM", "WRONGTYPE" ...
  std::string_view detail, request_id, revocation;
  std::optional<std::int64_t> affected;
  std::int64_t latency_us = -1;

  // Differs for every `session` record that was read in this process: the facts of two records with
  // the same one are the same, so what is made of them can be kept. 0: no such record was found.
  std::uint64_t session_number = 0;

  // A command or a refusal: what a `session` record completes.
  [[nodiscard]] bool data() const { return class_uid == 6005; }
};

// Reads lines one after the other, into memory that it keeps.
class RecordParser {
 public:
  RecordParser();
  ~RecordParser();
  RecordParser(RecordParser&&) noexcept;
  RecordParser& operator=(RecordParser&&) noexcept;

  // The facts of the line alone. False when it is no record: not JSON, or without the fields of the
  // chain. `out` is valid until the next call and as long as the line is.
  [[nodiscard]] bool parse(std::string_view line, Record& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keyward::trail
