#include "proxy/greeting.h"

#include "proxy/wire_errors.h"

#include "keyward/base/ascii.h"
#include "keyward/base/credential_text.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace keyward::proxy {

namespace {

GreetingRequest refuse(std::string_view error) {
  GreetingRequest request;
  request.error = error;
  return request;
}

GreetingRequest parse_auth(std::span<const std::string_view> args) {
  if (args.size() > 3) return refuse(wire::kSyntax);
  GreetingRequest request;
  request.credential = true;
  if (args.size() == 3) request.user = args[1];
  request.secret = args.back();
  return request;
}

}  // namespace

bool valid_client_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '!' && c <= '~'; });
}

GreetingRequest parse_greeting(std::span<const std::string_view> args, bool hello) {
  if (!hello) return parse_auth(args);
  GreetingRequest request;
  request.hello = true;
  if (args.size() == 1) return request;
  int version = 0;
  const auto [end, error] =
      std::from_chars(args[1].data(), args[1].data() + args[1].size(), version);
  if (error != std::errc() || end != args[1].data() + args[1].size())
    return refuse(wire::kBadProto);
  if (version != 2 && version != 3) return refuse(wire::kNoProto);
  request.protocol = static_cast<resp::Protocol>(version);
  for (std::size_t i = 2; i < args.size(); ++i) {
    const std::size_t left = args.size() - i - 1;
    if (same_word(args[i], "AUTH") && left >= 2 && !request.credential) {
      request.credential = true;
      request.user = args[i + 1];
      request.secret = args[i + 2];
      i += 2;
    } else if (same_word(args[i], "SETNAME") && left >= 1 && !request.name) {
      request.name = args[i + 1];
      if (!valid_client_name(*request.name)) return refuse(wire::kClientName);
      i += 1;
    } else {
      const std::string_view shown = looks_like_credential(args[i]) ? "" : args[i].substr(0, 64);
      return refuse("ERR Syntax error in HELLO option '" + std::string(shown) + "'");
    }
  }
  return request;
}

std::string hello_reply(const HelloFacts& facts) {
  std::string out;
  resp::write_map(out, 7, facts.protocol);
  resp::write_bulk(out, "server");
  resp::write_bulk(out, "redis");
  resp::write_bulk(out, "version");
  resp::write_bulk(out, facts.version);
  resp::write_bulk(out, "proto");
  resp::write_integer(out, static_cast<int>(facts.protocol));
  resp::write_bulk(out, "id");
  resp::write_integer(out, static_cast<std::int64_t>(facts.id));
  resp::write_bulk(out, "mode");
  resp::write_bulk(out, "standalone");
  resp::write_bulk(out, "role");
  resp::write_bulk(out, "master");
  resp::write_bulk(out, "modules");
  resp::write_array(out, 0);
  return out;
}

}  // namespace keyward::proxy
