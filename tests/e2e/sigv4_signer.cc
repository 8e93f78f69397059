// Signs what stdin says with the product's own signer, for comparison with others.
// A line: method host path query headers payload_hash access_key secret_key session_token region
// service seconds, separated by tabs, every text percent-encoded, lists as name=value&name=value.
// Answers a line: the headers to add, in the same spelling.
#include "keyward/net/sigv4.h"

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace sigv4 = keyward::net::sigv4;

std::vector<std::string_view> parts(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  if (text.empty()) return out;
  for (std::size_t end = 0; (end = text.find(separator)) != text.npos; text.remove_prefix(end + 1))
    out.push_back(text.substr(0, end));
  out.push_back(text);
  return out;
}

std::string decoded(std::string_view text) {
  std::string out;
  if (!sigv4::uri_decode(text, out)) std::exit(2);
  return out;
}

sigv4::Pairs pairs(std::string_view text) {
  sigv4::Pairs out;
  for (const std::string_view one : parts(text, '&')) {
    const std::size_t equals = one.find('=');
    if (equals == one.npos) std::exit(2);
    out.emplace_back(decoded(one.substr(0, equals)), decoded(one.substr(equals + 1)));
  }
  return out;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto fields = parts(line, '\t');
    if (fields.size() != 12) return 2;
    sigv4::Request request{decoded(fields[0]), decoded(fields[1]), decoded(fields[2]),
                           pairs(fields[3]),   pairs(fields[4]),   decoded(fields[5])};
    const sigv4::Credentials keys{decoded(fields[6]), keyward::Secret(decoded(fields[7])),
                                  decoded(fields[8])};
    sigv4::Scope scope;
    scope.region = decoded(fields[9]);
    scope.service = decoded(fields[10]);
    scope.time = std::chrono::sys_seconds(std::chrono::seconds(std::stoll(decoded(fields[11]))));
    std::string out;
    for (const auto& [name, value] : sigv4::sign(request, scope, keys))
      out += (out.empty() ? "" : "&") + sigv4::uri_encode(name) + "=" + sigv4::uri_encode(value);
    std::cout << out << std::endl;
  }
}
