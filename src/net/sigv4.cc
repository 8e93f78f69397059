#include "keyward/net/sigv4.h"

#include "keyward/base/ascii.h"
#include "keyward/base/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdio>

namespace keyward::net::sigv4 {

namespace {

bool unreserved(char c) { return is_plain(c) || c == '~'; }

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Secret hmac(std::string_view key, std::string_view text) {
  std::string out(32, '\0');
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       reinterpret_cast<unsigned char*>(out.data()), &size);
  return Secret(std::move(out));
}

// Outer blanks go, runs of inner ones become one.
std::string folded(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t';
    if (blank && (out.empty() || out.back() == ' ')) continue;
    out += blank ? ' ' : c;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

Pairs signed_headers(const Request& request) {
  Pairs headers{{"host", request.host}};
  for (const auto& [name, value] : request.headers)
    headers.emplace_back(lowered(name), folded(value));
  std::stable_sort(headers.begin(), headers.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Pairs merged;  // values of one name go behind each other
  for (auto& header : headers) {
    if (!merged.empty() && merged.back().first == header.first) {
      merged.back().second += "," + header.second;
    } else {
      merged.push_back(std::move(header));
    }
  }
  return merged;
}

std::string names_of(const Pairs& headers) {
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

std::string scope_text(const Scope& scope) {
  return amz_date(scope.time).substr(0, 8) + "/" + scope.region + "/" + scope.service +
         "/aws4_request";
}

// Of names and values that are encoded.
std::string query_text(Pairs all) {
  std::sort(all.begin(), all.end());
  std::string query;
  for (const auto& [name, value] : all) query += (query.empty() ? "" : "&") + name + "=" + value;
  return query;
}

std::string canonical_query(const Request& request, const Scope& scope,
                            const Credentials& credentials, const Pairs& headers) {
  Pairs all;
  const auto add = [&all](std::string_view name, std::string_view value) {
    all.emplace_back(uri_encode(name), uri_encode(value));
  };
  for (const auto& [name, value] : request.query) add(name, value);
  add("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
  add("X-Amz-Credential", credentials.access_key + "/" + scope_text(scope));
  add("X-Amz-Date", amz_date(scope.time));
  add("X-Amz-Expires", std::to_string(scope.expires.count()));
  if (!credentials.session_token.empty()) add("X-Amz-Security-Token", credentials.session_token);
  add("X-Amz-SignedHeaders", names_of(headers));
  return query_text(std::move(all));
}

std::string canonical_text(const Request& request, const std::string& query, const Pairs& headers) {
  std::string text = request.method + "\n" + request.path + "\n" + query + "\n";
  for (const auto& [name, value] : headers)
    text.append(name).append(":").append(value).append("\n");
  text += "\n" + names_of(headers) + "\n";
  return text + (request.payload_hash.empty() ? hex(sha256("")) : request.payload_hash);
}

std::string signature(const std::string& canonical, const Scope& scope,
                      const Credentials& credentials) {
  const std::string date = amz_date(scope.time);
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + date + "\n" + scope_text(scope) + "\n" +
                              hex(sha256(canonical));
  const Secret start("AWS4" + std::string(credentials.secret_key.reveal()));
  const Secret day = hmac(start.reveal(), date.substr(0, 8));
  const Secret region = hmac(day.reveal(), scope.region);
  const Secret service = hmac(region.reveal(), scope.service);
  const Secret key = hmac(service.reveal(), "aws4_request");
  return hex(hmac(key.reveal(), to_sign).reveal());
}

}  // namespace

std::string uri_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + 16);
  for (const char c : text) {
    if (unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

bool uri_decode(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (unreserved(text[at])) {
      out += text[at];
      continue;
    }
    if (text[at] != '%' || text.size() - at < 3) return false;
    const int high = nibble(text[at + 1]);
    const int low = nibble(text[at + 2]);
    if (high < 0 || low < 0) return false;
    const auto byte = static_cast<char>(high * 16 + low);
    if (unreserved(byte)) return false;  // one spelling only
    out += byte;
    at += 2;
  }
  return true;
}

std::string amz_date(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[32];
  const int size = std::snprintf(
      text, sizeof text, "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return {text, static_cast<std::size_t>(std::max(size, 0))};
}

std::string canonical_request(const Request& request, const Scope& scope,
                              const Credentials& credentials) {
  const Pairs headers = signed_headers(request);
  return canonical_text(request, canonical_query(request, scope, credentials, headers), headers);
}

std::string presign(const Request& request, const Scope& scope, const Credentials& credentials) {
  return "https://" + request.host + request.path + "?" +
         canonical_query(request, scope, credentials, signed_headers(request)) +
         "&X-Amz-Signature=" +
         signature(canonical_request(request, scope, credentials), scope, credentials);
}

Pairs sign(const Request& request, const Scope& scope, const Credentials& credentials) {
  Pairs added{{"X-Amz-Date", amz_date(scope.time)}};
  if (!credentials.session_token.empty())
    added.emplace_back("X-Amz-Security-Token", credentials.session_token);
  Request whole = request;
  whole.headers.insert(whole.headers.end(), added.begin(), added.end());
  const Pairs headers = signed_headers(whole);
  Pairs query;
  for (const auto& [name, value] : request.query)
    query.emplace_back(uri_encode(name), uri_encode(value));
  const std::string canonical = canonical_text(whole, query_text(std::move(query)), headers);
  added.emplace_back("Authorization",
                     "AWS4-HMAC-SHA256 Credential=" + credentials.access_key + "/" +
                         scope_text(scope) + ", SignedHeaders=" + names_of(headers) +
                         ", Signature=" + signature(canonical, scope, credentials));
  return added;
}

}  // namespace keyward::net::sigv4
