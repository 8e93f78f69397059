// The signed record that says how far all streams of an instance are.
#pragma once

#include "audit/chain.h"

#include "keyward/base/ed25519.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

inline constexpr std::string_view kCheckpointStream = "checkpoints";

// Where a stream begins once its oldest segments were removed.
struct Origin {
  std::uint64_t number = 1;    // of the first segment that is kept
  std::uint64_t sequence = 1;  // of its first record
  HexDigest prev = kNoHash;    // the hash of the record before
  friend bool operator==(const Origin&, const Origin&) = default;
};

struct StreamMark {
  std::string stream;
  std::uint64_t number = 0;    // of the segment that holds the last record
  std::uint64_t first = 0;     // the first record that no checkpoint covered before
  std::uint64_t sequence = 0;  // the last record
  HexDigest hash = kNoHash;    // of the last record
  std::uint64_t denied = 0, lost = 0;
  bool open = false;
  Origin from;
};

struct Checkpoint {
  std::string instance;  // only parsed: every such record says it
  std::string key;       // id
  std::string policy_version;
  std::uint64_t every_ms = 0, mono_us = 0;
  std::vector<StreamMark> streams;
};

// For unmapped.keyward of the record, with an open signature.
[[nodiscard]] std::string fields_of(const Checkpoint& checkpoint);

// Fills the open signature of the line.
void sign_line(std::span<char> line, const PrivateKey& key);
[[nodiscard]] bool signature_holds(std::string_view line, const PublicKey& key);

// nullopt when the line is no checkpoint; says nothing about its signature.
[[nodiscard]] std::optional<Checkpoint> parse_checkpoint(std::string_view line);

}  // namespace keyward::audit
