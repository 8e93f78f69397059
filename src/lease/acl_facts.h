// What INFO tells about the place where ACL users live: which process it is, and how often users
// were changed there. It costs Redis some microseconds, where asking for the rules of one user
// costs up to half a millisecond. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keyward::lease {

// The sections that hold them; several at once are understood since Redis 7.0.
inline constexpr std::array<const char*, 4> kAskFacts{"INFO", "server", "replication",
                                                      "commandstats"};

// Calls that change users.
struct AclCalls {
  std::uint64_t setuser = 0, deluser = 0, load = 0;
  friend bool operator==(const AclCalls&, const AclCalls&) = default;
};

struct AclFacts {
  std::string run_id;
  bool replica = false;
  AclCalls calls;  // of everybody, since the start or CONFIG RESETSTAT
};

// Nothing when a section is missing or subcommands are not counted one by one (before 7.0).
[[nodiscard]] std::optional<AclFacts> read_facts(std::string_view info);

// Two looks compared.
class AclWatch {
 public:
  struct News {
    bool another = false;  // another process: a restart, or a server that was promoted
    bool demoted = false;  // it was a primary, and follows another one now
    bool loaded = false;   // ACL LOAD: the users are those of a file
    // By others. Unsure: the counters went back, or commands of ours were lost with a connection.
    std::uint64_t made = 0, removed = 0;
    bool unsure = false;
    [[nodiscard]] bool quiet() const {
      return !another && !loaded && !unsure && made == 0 && removed == 0;
    }
  };
  // `own`: what this process had sent when it asked. The first look is no news.
  [[nodiscard]] News observe(const AclFacts& facts, const AclCalls& own);
  // The connection was another one since the last look.
  void connection_lost() { lost_ = true; }

 private:
  std::optional<AclFacts> last_;
  AclCalls own_;
  bool lost_ = false;
};

}  // namespace keyward::lease
