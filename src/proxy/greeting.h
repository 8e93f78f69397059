// AUTH and HELLO: what the client asks for, and what Redis would answer. Pure. Source: redis acl.c
// authCommand, networking.c helloCommand.
#pragma once

#include "keyward/resp/writer.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace keyward::proxy {

struct GreetingRequest {
  bool hello = false;
  std::optional<resp::Protocol> protocol;  // HELLO n
  bool credential = false;                 // user and secret are set
  std::string_view user, secret;           // views into the request
  std::optional<std::string_view> name;    // SETNAME
  std::string error;                       // not empty: answer this and do nothing
};

// Arguments of AUTH or HELLO, arity already checked against the catalogue.
[[nodiscard]] GreetingRequest parse_greeting(std::span<const std::string_view> args, bool hello);
// Redis's rule for CLIENT SETNAME and HELLO SETNAME: printable ASCII without spaces.
[[nodiscard]] bool valid_client_name(std::string_view name);

struct HelloFacts {
  std::string_view version;  // of the Redis behind
  resp::Protocol protocol = resp::Protocol::resp2;
  std::uint64_t id = 0;
};
[[nodiscard]] std::string hello_reply(const HelloFacts& facts);

}  // namespace keyward::proxy
