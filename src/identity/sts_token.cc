#include "identity/sts_token.h"

#include "identity/strict_json.h"

#include "keyward/base/ascii.h"
#include "keyward/net/sigv4.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>

namespace keyward::identity {

namespace {

namespace json = boost::json;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kMaxUrl = 4096;
constexpr minutes kWindow{15}, kAhead{5};
constexpr int kLongestExpires = 900;

// In the order in which the request is written again. The token of temporary keys may be absent.
constexpr std::array<std::string_view, 9> kParameters{
    "Action",         "Version",       "X-Amz-Algorithm",      "X-Amz-Credential",
    "X-Amz-Date",     "X-Amz-Expires", "X-Amz-Security-Token", "X-Amz-SignedHeaders",
    "X-Amz-Signature"};
using Parameters = std::map<std::string, std::string, std::less<>>;

Rejected wrong_request(std::string detail) { return {"aws_request", std::move(detail)}; }

bool digits(std::string_view text, std::size_t count) {
  return text.size() == count &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view partition_of(std::string_view region) {
  if (region.starts_with("cn-")) return "aws-cn";
  if (region.starts_with("us-gov-")) return "aws-us-gov";
  return "aws";
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(by);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Names are compared without regard to case, as servers do that read the first or the last of two
// (CVE-2022-2385); each stands once and is one of ours.
std::optional<Rejected> read_query(std::string_view query, Parameters& out) {
  std::vector<std::string> seen;
  for (const std::string_view pair : split(query, '&')) {
    const std::size_t equals = pair.find('=');
    std::string name, value;
    if (equals == std::string_view::npos || !net::sigv4::uri_decode(pair.substr(0, equals), name) ||
        !net::sigv4::uri_decode(pair.substr(equals + 1), value)) {
      return wrong_request("the query is not encoded as AWS signs it");
    }
    const std::string folded = lowered(name);
    if (std::find(seen.begin(), seen.end(), folded) != seen.end()) {
      return wrong_request("a query parameter stands twice");
    }
    seen.push_back(folded);
    if (std::find(kParameters.begin(), kParameters.end(), name) == kParameters.end()) {
      return wrong_request("the query has a parameter that does not belong there");
    }
    if (value.empty()) return wrong_request("a query parameter is empty");
    out.emplace(std::move(name), std::move(value));
  }
  for (const std::string_view name : kParameters) {
    if (name != "X-Amz-Security-Token" && !out.contains(name)) {
      return wrong_request("the query lacks a parameter of a presigned request");
    }
  }
  return std::nullopt;
}

// "20261122T080000Z".
std::optional<WallTime> read_date(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z' || !digits(text.substr(0, 8), 8) ||
      !digits(text.substr(9, 6), 6)) {
    return std::nullopt;
  }
  const auto number = [&text](std::size_t at, std::size_t count) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + count, value);
    return value;
  };
  const std::chrono::year_month_day day(std::chrono::year(number(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(number(4, 2))),
                                        std::chrono::day(static_cast<unsigned>(number(6, 2))));
  if (!day.ok() || number(9, 2) > 23 || number(11, 2) > 59 || number(13, 2) > 59) {
    return std::nullopt;
  }
  return WallTime(std::chrono::sys_days(day)) + std::chrono::hours(number(9, 2)) +
         minutes(number(11, 2)) + seconds(number(13, 2));
}

std::optional<Rejected> check_signing(const Parameters& query, const StsHost& host) {
  if (query.at("Action") != "GetCallerIdentity" || query.at("Version") != "2011-06-15") {
    return wrong_request("the request is not GetCallerIdentity of version 2011-06-15");
  }
  if (query.at("X-Amz-Algorithm") != "AWS4-HMAC-SHA256") {
    return wrong_request("the request is not signed with AWS4-HMAC-SHA256");
  }
  // The values of signed headers are ours: STS refuses what was signed for somebody else.
  if (query.at("X-Amz-SignedHeaders") != "host;" + std::string(kStsAudienceHeader)) {
    return wrong_request("the signed headers must be host and x-keyward-audience");
  }
  const auto scope = split(query.at("X-Amz-Credential"), '/');
  if (scope.size() != 5 || scope[0].empty() || scope[1] != query.at("X-Amz-Date").substr(0, 8) ||
      scope[2] != host.region || scope[3] != "sts" || scope[4] != "aws4_request") {
    return wrong_request("the credential scope is not that of the date, the host's region and sts");
  }
  const std::string& signature = query.at("X-Amz-Signature");
  const bool hex_digits = std::all_of(signature.begin(), signature.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (signature.size() != 64 || !hex_digits)
    return wrong_request("the signature is no SHA-256 in hex");
  return std::nullopt;
}

std::optional<Rejected> check_dates(const Parameters& query, WallTime now, WallTime& signed_at) {
  const auto date = read_date(query.at("X-Amz-Date"));
  if (!date) return wrong_request("X-Amz-Date is no date");
  const std::string& text = query.at("X-Amz-Expires");
  int expires = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), expires);
  if (failed != std::errc() || end != text.data() + text.size() || expires < 1 ||
      expires > kLongestExpires) {
    return wrong_request("X-Amz-Expires is not between 1 and 900 seconds");
  }
  if (*date > now + kAhead) return Rejected{"not_yet_valid", "the request is signed in the future"};
  // STS ignores X-Amz-Expires; who asked for less than the window gets less.
  if (now >= *date + kWindow || now >= *date + seconds(expires)) {
    return Rejected{"expired", "the request was signed too long ago"};
  }
  signed_at = *date;
  return std::nullopt;
}

// What stands between "https://" and the query must be one of our hosts and "/", byte for byte: no
// user, port, dot or case of another spelling gets through.
const StsHost* find_host(std::string_view authority_and_path, const std::vector<StsHost>& hosts) {
  const auto found = std::find_if(hosts.begin(), hosts.end(), [&](const StsHost& host) {
    return authority_and_path == host.name + "/";
  });
  return found == hosts.end() ? nullptr : &*found;
}

bool name_characters(std::string_view text, std::size_t most, std::string_view more = "") {
  return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alnum(c) || std::string_view("_+=,.@-").find(c) != std::string_view::npos ||
           more.find(c) != std::string_view::npos;
  });
}

struct Caller {
  std::string arn, role, session;  // the role's ARN for assumed roles; role and session only there
};

// arn:<partition>:<service>::<account>:<resource>
std::optional<Caller> read_arn(std::string_view arn, std::string_view partition,
                               std::string_view account) {
  const std::string head = "arn:" + std::string(partition) + ":";
  const std::string tail = "::" + std::string(account) + ":";
  const auto resource = [&](std::string_view service) -> std::string_view {
    const std::string prefix = head + std::string(service) + tail;
    return arn.starts_with(prefix) ? arn.substr(prefix.size()) : std::string_view();
  };
  if (const std::string_view own = resource("iam"); own.starts_with("user/")) {
    if (!name_characters(own.substr(5), 200, "/")) return std::nullopt;
    return Caller{std::string(arn), "", ""};
  }
  const auto parts = split(resource("sts"), '/');
  if (parts.size() != 3 || parts[0] != "assumed-role" || !name_characters(parts[1], 64) ||
      !name_characters(parts[2], 64)) {
    return std::nullopt;
  }
  return Caller{head + "iam" + tail + "role/" + std::string(parts[1]), std::string(parts[1]),
                std::string(parts[2])};
}

const json::object* object_member(const json::object& object, std::string_view name) {
  const json::value* const member = object.if_contains(name);
  return member == nullptr ? nullptr : member->if_object();
}

Rejected bad_answer() { return {"aws_answer", "the answer of STS is not of the expected shape"}; }

// Refusals come with a code; only codes that say "later" decide nothing.
Rejected read_failure(int status, std::string_view body) {
  const Rejected later{"throttled", "STS does not answer now"};
  if (status >= 500 || status == 429) return later;
  if (status != 400 && status != 403) return bad_answer();
  const auto root = parse_object(body, 8);
  const json::object* const error = root ? object_member(*root, "Error") : nullptr;
  const std::string_view code = error == nullptr ? "" : string_member(*error, "Code");
  if (code.find("Throttl") != code.npos || code == "RequestLimitExceeded" ||
      code == "ServiceUnavailable" || code == "InternalFailure") {
    return later;
  }
  return {"aws_refused", "STS does not accept the signature"};
}

std::variant<Principal, Rejected> make_principal(const json::object& result,
                                                 const StsRequest& request,
                                                 const IssuerConfig& rules, WallTime now) {
  const std::string account(string_member(result, "Account"));
  const std::string_view user = string_member(result, "UserId");
  if (!digits(account, 12)) return bad_answer();
  const auto caller = read_arn(string_member(result, "Arn"), request.host.partition, account);
  const std::string user_id(user.substr(0, user.find(':')));
  if (!caller || caller->arn.size() > 255 || !name_characters(user_id, 128)) {
    return Rejected{"subject", "the caller is neither a role nor a user of the host's partition"};
  }
  const auto& accounts = rules.aws.accounts;
  if (std::find(accounts.begin(), accounts.end(), account) == accounts.end()) {
    return Rejected{"aws_account", "the caller's account is not one of the configured ones"};
  }
  Principal principal;
  principal.id = rules.alias + ":" + caller->arn;
  principal.issuer_alias = rules.alias;
  principal.issuer = rules.issuer;
  principal.subject = caller->arn;
  principal.label = caller->session;  // chosen by the caller: shown, never among the claims
  principal.claims = {{"sub", caller->arn},
                      {"arn", caller->arn},
                      {"account", account},
                      {"partition", request.host.partition},
                      {"user_id", user_id}};
  if (!caller->role.empty()) principal.claims["role"] = caller->role;
  principal.issued_at = request.signed_at;
  principal.expires_at = now + rules.max_session;
  principal.auth_protocol = "aws-sts";
  return principal;
}

}  // namespace

std::vector<StsHost> sts_hosts(const AwsConfig& config) {
  std::vector<StsHost> hosts;
  for (const std::string& region : config.regions) {
    if (region == "global") {
      hosts.push_back({"sts.amazonaws.com", "us-east-1", "aws"});
      continue;
    }
    const std::string partition(partition_of(region));
    const std::string suffix =
        "." + region + (partition == "aws-cn" ? ".amazonaws.com.cn" : ".amazonaws.com");
    hosts.push_back({"sts" + suffix, region, partition});
    if (config.fips && partition != "aws-cn") {
      hosts.push_back({"sts-fips" + suffix, region, partition});
    }
  }
  return hosts;
}

std::variant<StsRequest, Rejected> read_sts_token(std::string_view credential,
                                                  const IssuerConfig& rules, WallTime now) {
  credential.remove_prefix(std::min(kStsPrefix.size(), credential.size()));
  if (credential.size() > kMaxUrl / 3 * 4 + 4) return wrong_request("the request is above 4 KiB");
  const auto decoded = base64url_decode(credential);
  if (!decoded) return Rejected{"encoding", "the request is no canonical base64url"};
  std::string_view url = *decoded;
  const bool ascii =
      std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; });
  constexpr std::string_view kScheme = "https://";
  const std::size_t mark = url.find('?');
  if (!ascii || url.size() > kMaxUrl || !url.starts_with(kScheme) || mark == url.npos) {
    return wrong_request("the request is no https URL with a query");
  }
  const auto hosts = sts_hosts(rules.aws);
  const StsHost* const host = find_host(url.substr(kScheme.size(), mark - kScheme.size()), hosts);
  if (host == nullptr)
    return wrong_request("the request does not go to an STS host of a configured region");
  Parameters query;
  StsRequest request;
  if (auto wrong = read_query(url.substr(mark + 1), query)) return std::move(*wrong);
  if (auto wrong = check_signing(query, *host)) return std::move(*wrong);
  if (auto wrong = check_dates(query, now, request.signed_at)) return std::move(*wrong);
  request.host = *host;
  request.signature = sha256(query.at("X-Amz-Signature"));
  request.url = "https://" + host->name + "/";
  char before = '?';
  for (const std::string_view name : kParameters) {
    const auto parameter = query.find(name);
    if (parameter == query.end()) continue;
    request.url += before + std::string(name) + "=" + net::sigv4::uri_encode(parameter->second);
    before = '&';
  }
  return request;
}

std::variant<Principal, Rejected> read_sts_answer(int status, std::string_view body,
                                                  const StsRequest& request,
                                                  const IssuerConfig& rules, WallTime now) {
  if (status != 200) return read_failure(status, body);
  const auto root = parse_object(body, 8);
  const json::object* const response =
      root && root->size() == 1 ? object_member(*root, "GetCallerIdentityResponse") : nullptr;
  if (response == nullptr || response->size() > 2) return bad_answer();
  const json::object* const result = object_member(*response, "GetCallerIdentityResult");
  if (result == nullptr || result->size() != 3) return bad_answer();
  if (response->size() == 2 && object_member(*response, "ResponseMetadata") == nullptr) {
    return bad_answer();
  }
  return make_principal(*result, request, rules, now);
}

std::string make_sts_token(std::string_view url) {
  return std::string(kStsPrefix) + base64url_encode(url);
}

}  // namespace keyward::identity
