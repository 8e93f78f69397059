// Every error text a client can see that is ours; first words are Redis's, so that clients act on
// them (docs/identity.md).
#pragma once

#include <string>
#include <string_view>

namespace keyward::proxy::wire {

inline constexpr std::string_view kNoAuth = "NOAUTH Authentication required.";
inline constexpr std::string_view kExpired =
    "NOAUTH Your session has ended because its token expired; authenticate again with a fresh "
    "token.";
inline constexpr std::string_view kRevoked =
    "NOAUTH Your session was ended; open a new connection and authenticate again.";
inline constexpr std::string_view kHelloNoAuth =
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
    "<proto> AUTH <user> <pass> "
    "option can be used to authenticate the client and select the RESP protocol version at the "
    "same time";
inline constexpr std::string_view kNoProto = "NOPROTO unsupported protocol version";
inline constexpr std::string_view kBadProto =
    "ERR Protocol version is not an integer or out of range";
inline constexpr std::string_view kSyntax = "ERR syntax error";
inline constexpr std::string_view kExecAbort =
    "EXECABORT Transaction discarded because of previous errors.";
inline constexpr std::string_view kExecEnded =
    "EXECABORT Transaction discarded because its session ended: NOAUTH authenticate again, then "
    "repeat it.";
inline constexpr std::string_view kExecWithoutMulti = "ERR EXEC without MULTI";
inline constexpr std::string_view kDiscardWithoutMulti = "ERR DISCARD without MULTI";
inline constexpr std::string_view kNestedMulti = "ERR MULTI calls can not be nested";
inline constexpr std::string_view kWatchInMulti = "ERR WATCH inside MULTI is not allowed";
inline constexpr std::string_view kTransactionTooLarge =
    "ERR the transaction is larger than Keyward holds for one client (limits.transaction_bytes)";
inline constexpr std::string_view kFilteredTooLarge =
    "ERR this answer has to be looked at as a whole and is larger than Keyward holds for that "
    "(limits.filtered_answer); ask for less at a time";
inline constexpr std::string_view kUnreadable =
    "ERR Redis answered in a form that Keyward does not know; the answer is withheld";
inline constexpr std::string_view kSampleInMulti =
    "NOPERM RANDOMKEY may name keys outside your grant; inside a transaction that cannot be "
    "filtered";
inline constexpr std::string_view kDbRange = "ERR DB index is out of range";
inline constexpr std::string_view kDbInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kPinnedState =
    "ERR not possible while keys are watched or channels are subscribed on this connection; finish "
    "that first";
inline constexpr std::string_view kAuditDown =
    "ERR the audit trail cannot be written at the moment; state-changing commands are refused "
    "until it can";
inline constexpr std::string_view kTooLargeForStrict =
    "ERR with `durability: strict` a value must fit into limits.stream_above";
inline constexpr std::string_view kTooLargeToAttest =
    "ERR what causes a trigger is signed and must fit into limits.stream_above";
inline constexpr std::string_view kNoAttestation =
    "LOADING Keyward cannot sign for triggers at the moment (the fleet's secret cannot be read); "
    "try again";
inline constexpr std::string_view kAttestInZero =
    "ERR inside MULTI a channel that causes a trigger is published to from database 0 only";
inline constexpr std::string_view kTooManyClients = "ERR max number of clients reached";
inline constexpr std::string_view kTooManyFailures =
    "ERR too many failed logins from this address; wait a minute before the next attempt";
inline constexpr std::string_view kTooManyLogins =
    "ERR too many logins from this address; wait a minute before the next attempt";
inline constexpr std::string_view kTooManyOfIdentity =
    "ERR too many logins of this identity; keep connections open, or wait a minute";
inline constexpr std::string_view kGrantConnections =
    "ERR max number of clients reached for this identity (limits.connections of its grant)";
inline constexpr std::string_view kCannotDecide =
    "LOADING Keyward cannot check this token at the moment (issuer keys or Redis are away); try "
    "again";
inline constexpr std::string_view kRefusedByRedis =
    "LOADING Redis refused this command although the policy allows it; it was not executed, try "
    "again";
inline constexpr std::string_view kOtherPrincipal =
    "ERR another identity cannot take over this connection now; open a new connection for it";
inline constexpr std::string_view kClusterOff = "ERR This instance has cluster support disabled";
inline constexpr std::string_view kClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";
inline constexpr std::string_view kTracking =
    "ERR CLIENT TRACKING needs RESP3 here (HELLO 3): in RESP2 its messages would go to another "
    "connection";
inline constexpr std::string_view kBcast =
    "NOPERM CLIENT TRACKING with BCAST names the keys of everybody on this Redis (confined since "
    "8.10); track without BCAST";
inline constexpr std::string_view kBcastRenamed =
    "NOPERM CLIENT TRACKING with BCAST is not possible under a namespace; track without BCAST";
inline constexpr std::string_view kWait =
    "ERR WAIT cannot be answered on a shared upstream connection; use min-replicas-to-write on "
    "Redis instead";

inline constexpr std::string_view kLateExpiry =
    "ERR this large request fits a grant that adds an expiry only by what follows its value; send "
    "it "
    "inside MULTI, or with its keys in one grant";

// "<text> (request 1f-3)"; the text has its first word.
[[nodiscard]] std::string with_request(std::string text, std::string_view request_id);
// "WRONGPASS invalid username-password pair or user is disabled. (request 1f-3)"
[[nodiscard]] std::string wrong_password(std::string_view request_id);
// "NOPERM <text> (request 1f-3)"
[[nodiscard]] std::string denied(std::string_view text, std::string_view request_id);
// Redis's text for a command that may not run while subscribed in RESP2.
[[nodiscard]] std::string in_subscribed_mode(std::string_view command);
// A command that the proxy answers itself, inside MULTI.
[[nodiscard]] std::string not_in_multi(std::string_view command);

}  // namespace keyward::proxy::wire
