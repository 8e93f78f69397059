#include "keyward/agent/token.h"

#include "keyward/base/hash.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <cmath>

namespace keyward::agent {

namespace {

constexpr std::size_t kLongestToken = 16384;
constexpr double kLatest = 1e12;  // seconds; far beyond any calendar, well inside the clock's range

}  // namespace

std::optional<WallTime> expiry_of(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == token.npos ? first : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) return std::nullopt;
  const auto payload = base64url_decode(token.substr(first + 1, second - first - 1));
  if (!payload) return std::nullopt;
  boost::system::error_code bad;
  const boost::json::value claims = boost::json::parse(*payload, bad);
  if (bad || !claims.is_object()) return std::nullopt;
  const boost::json::value* exp = claims.get_object().if_contains("exp");
  if (exp == nullptr || !exp->is_number()) return std::nullopt;
  const double seconds = exp->to_number<double>();
  if (!std::isfinite(seconds) || seconds <= 0 || seconds > kLatest) return std::nullopt;
  return WallTime(std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6)));
}

Result<Token> make_token(Secret text, const std::string& source) {
  const std::string_view bytes = text.reveal();
  if (bytes.empty()) return Error(Errc::invalid, source + " gave no token");
  if (bytes.size() > kLongestToken)
    return Error(Errc::limit, source + " gave more than 16 KiB, which no server takes as a token");
  if (!std::all_of(bytes.begin(), bytes.end(), [](char c) { return c > ' ' && c <= '~'; }))
    return Error(Errc::invalid, source + " gave white space or other characters that no token has");
  Token token;
  token.expires = expiry_of(bytes);
  token.value = std::move(text);
  return token;
}

}  // namespace keyward::agent
