// What each kind of target is sent, and what its answers mean. Pure: no clock, no secret, no I/O.
#pragma once

#include "keyward/base/result.h"
#include "keyward/net/sigv4.h"
#include "keyward/trigger/rule.h"
#include "keyward/trigger/target.h"

#include <optional>
#include <string>
#include <string_view>

namespace keyward::trigger {

// Without credentials: they come when it leaves.
struct Outgoing {
  std::string method = "POST", url;
  net::sigv4::Pairs headers;
  std::string body;
  std::string service, region;  // of AWS, to be signed for; empty: no signature
  bool once = false;            // whoever gets it twice does it twice
};

// Errors: an input that the target can never take.
[[nodiscard]] Result<Outgoing> compose(const Rule& rule, const Connection& connection,
                                       const Start& what);
// Asks for what the rule would start, and starts nothing. Nothing: this kind cannot be asked.
[[nodiscard]] std::optional<Outgoing> compose_check(const Rule& rule, const Connection& connection);
[[nodiscard]] Result<> judge_check(const Rule& rule, int status, std::string_view body);

// Calls of this kind are signed, with credentials of AWS.
[[nodiscard]] bool at_aws(TargetKind kind);
[[nodiscard]] Answer judge(TargetKind kind, int status, std::string_view body);
// Of a request that brought no answer.
[[nodiscard]] Answer judge_failure(const Error& error);

// The kinds; the functions above choose among them.
[[nodiscard]] Result<Outgoing> compose_step_functions(const Rule& rule,
                                                      const Connection& connection,
                                                      const Start& what);
[[nodiscard]] Result<Outgoing> compose_event_bridge(const Rule& rule, const Connection& connection,
                                                    const Start& what);
[[nodiscard]] Result<Outgoing> compose_cloud_event(const Rule& rule, const Connection& connection,
                                                   const Start& what);
[[nodiscard]] Result<Outgoing> compose_workflow(const Rule& rule, const Connection& connection,
                                                const Start& what);
[[nodiscard]] Outgoing compose_check_aws(const Rule& rule, const Connection& connection);
[[nodiscard]] Answer judge_aws(TargetKind kind, int status, std::string_view body);
[[nodiscard]] Answer judge_http(TargetKind kind, int status, std::string_view body);

// Whether AWS did not take the credentials: others may be better.
[[nodiscard]] bool about_credentials(const Answer& answer);

// A JSON string, quotes included; bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);
// "2026-11-22T10:00:00.123Z" (RFC 3339).
[[nodiscard]] std::string rfc3339(WallTime time);
// What the Host header says: without the port that is usual for the scheme.
[[nodiscard]] std::string authority_of(std::string_view url);
// `base` with or without a slash at its end, `path` with one at its beginning.
[[nodiscard]] std::string url_of(std::string_view base, std::string_view path);
// A verdict with a reason cut to what reasons may be.
[[nodiscard]] Answer answer(Answer::Verdict verdict, std::string_view reason,
                            std::string_view detail = {});

}  // namespace keyward::trigger
