#include "trigger/outgoing.h"

#include "keyward/base/ascii.h"
#include "keyward/base/log.h"
#include "keyward/base/utf8.h"

#include <algorithm>
#include <cstdio>

namespace keyward::trigger {
namespace {

constexpr std::size_t kLongestReason = 64;
constexpr std::size_t kLongestDetail = 300;

}  // namespace

Result<Outgoing> compose(const Rule& rule, const Connection& connection, const Start& what) {
  switch (rule.target.kind) {
    case TargetKind::step_functions:
      return compose_step_functions(rule, connection, what);
    case TargetKind::event_bridge:
      return compose_event_bridge(rule, connection, what);
    case TargetKind::http:
      return compose_cloud_event(rule, connection, what);
    case TargetKind::airflow:
    case TargetKind::prefect:
    case TargetKind::conductor:
      break;
  }
  return compose_workflow(rule, connection, what);
}

bool at_aws(TargetKind kind) {
  return kind == TargetKind::step_functions || kind == TargetKind::event_bridge;
}

Answer judge(TargetKind kind, int status, std::string_view body) {
  return at_aws(kind) ? judge_aws(kind, status, body) : judge_http(kind, status, body);
}

Answer judge_failure(const Error& error) {
  const char* reason = error.code() == Errc::timeout     ? "timeout"
                       : error.code() == Errc::forbidden ? "address_refused"
                       : error.code() == Errc::limit     ? "answer_too_large"
                                                         : "unreachable";
  return answer(Answer::Verdict::retry, reason, error.message());
}

Answer answer(Answer::Verdict verdict, std::string_view reason, std::string_view detail) {
  Answer out;
  out.verdict = verdict;
  for (const char c : reason.substr(0, kLongestReason))
    out.reason += is_plain(c) && c != '-' && c != '.' ? c : '_';
  if (out.reason.empty()) out.reason = "unknown";
  out.detail = log::printable(detail, kLongestDetail);
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t step = utf8_step(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    if (step == 0) {
      out += "\\ufffd";
    } else if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[at];
    } else if (byte < 0x20 || byte == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(byte));
      out += escaped;
    } else {
      out.append(text.substr(at, step));
    }
    at += std::max<std::size_t>(step, 1);
  }
  return out + '"';
}

std::string rfc3339(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::string basic = net::sigv4::amz_date(seconds);  // 20150830T123600Z
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time - seconds).count();
  char text[40];
  std::snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s.%03dZ", basic.c_str(),
                basic.c_str() + 4, basic.c_str() + 6, basic.c_str() + 9, basic.c_str() + 11,
                basic.c_str() + 13, static_cast<int>(ms));
  return text;
}

std::string authority_of(std::string_view url) {
  const bool tls = url.starts_with("https://");
  const std::size_t scheme = url.find("://");
  if (scheme != url.npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  const std::string_view usual = tls ? ":443" : ":80";
  if (url.ends_with(usual)) url.remove_suffix(usual.size());
  return std::string(url);
}

std::string url_of(std::string_view base, std::string_view path) {
  if (base.ends_with('/')) base.remove_suffix(1);
  return std::string(base) + std::string(path);
}

}  // namespace keyward::trigger
