// Requests as one packet, and what comes back to it: for comparing Keyward with Redis itself.
#pragma once

#include "support/raw_client.h"

#include "keyward/resp/writer.h"

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::test {

using Request = std::vector<std::string>;

inline std::string packet(const std::vector<Request>& requests) {
  std::string out;
  for (const Request& request : requests) {
    resp::write_request(out, std::vector<std::string_view>(request.begin(), request.end()));
  }
  return out;
}

// Replies up to and with the answer to ECHO <marker>; what came so far when the connection ended or
// nothing came for `wait`.
inline std::string replies_until(RawClient& client, const std::string& marker,
                                 std::chrono::milliseconds wait = RawClient::kWait) {
  const std::string last = "$" + std::to_string(marker.size()) + "\r\n" + marker + "\r\n";
  std::string all;
  for (;;) {
    const std::string one = client.read_reply(wait);
    all += one;
    if (one == last || one.empty()) return all;
  }
}

// Sends everything at once, then reads.
inline std::string converse(RawClient& client, std::vector<Request> requests,
                            std::chrono::milliseconds wait = RawClient::kWait) {
  requests.push_back({"ECHO", "that was all"});
  if (!client.send(packet(requests))) return "cannot send";
  return replies_until(client, "that was all", wait);
}

// HELLO's connection id differs between any two connections.
inline std::string without_ids(std::string text) {
  constexpr std::string_view kField = "$2\r\nid\r\n:";
  for (std::size_t at = text.find(kField); at != std::string::npos;
       at = text.find(kField, at + 1)) {
    const std::size_t begin = at + kField.size();
    text.replace(begin, text.find('\r', begin) - begin, "#");
  }
  return text;
}

}  // namespace keyward::test
