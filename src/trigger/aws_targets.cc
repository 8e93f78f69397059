// Step Functions and EventBridge: AWS's JSON protocol, signed.
#include "trigger/outgoing.h"

#include "keyward/base/json_member.h"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>

namespace keyward::trigger {
namespace {

// StartExecution: "Maximum length of 262144", in bytes of UTF-8.
constexpr std::size_t kLargestInput = 262'144;
// PutEvents: an entry's source, detail type, detail, resources and 14 bytes of time.
constexpr std::size_t kLargestEntry = 262'144;

constexpr std::array<std::string_view, 24> kAgain{
    "ExecutionLimitExceeded",
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalError",
    "InternalException",
    "InternalFailure",
    "InternalServerError",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "KmsThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestExpired",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SignatureDoesNotMatch",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "UnrecognizedClientException",
};
static_assert(std::is_sorted(kAgain.begin(), kAgain.end()));

constexpr std::array<std::string_view, 7> kCredentials{
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
};
static_assert(std::is_sorted(kCredentials.begin(), kCredentials.end()));

bool among(const auto& words, std::string_view word) {
  return std::binary_search(words.begin(), words.end(), word);
}

// A resource that is an ARN lies where it says: arn:partition:service:region:account:...
std::string region_of(const Rule& rule, const Connection& connection) {
  std::string_view arn = rule.target.resource;
  if (!arn.starts_with("arn:")) return connection.region;
  for (int part = 0; part < 3 && arn.find(':') != arn.npos; ++part)
    arn.remove_prefix(arn.find(':') + 1);
  const std::string_view region = arn.substr(0, arn.find(':'));
  return region.empty() ? connection.region : std::string(region);
}

Outgoing aws_request(const Rule& rule, const Connection& connection, std::string service,
                     std::string_view version, std::string_view action) {
  Outgoing out;
  out.region = region_of(rule, connection);
  const char* domain = out.region.starts_with("cn-") ? ".amazonaws.com.cn/" : ".amazonaws.com/";
  out.url = connection.url.empty() ? "https://" + service + "." + out.region + domain
                                   : url_of(connection.url, "/");
  out.headers = {{"Content-Type", "application/x-amz-json-" + std::string(version)},
                 {"X-Amz-Target", std::string(action)}};
  out.service = std::move(service);
  return out;
}

// "com.amazonaws.states#ExecutionAlreadyExists:http://..." as services write it.
std::string error_name(const boost::json::object& answer) {
  std::string name = text_of(answer, "__type");
  if (name.empty()) name = text_of(answer, "code");
  if (const std::size_t hash = name.rfind('#'); hash != name.npos) name.erase(0, hash + 1);
  return name.substr(0, name.find(':'));
}

std::string message_of(const boost::json::object& answer) {
  const std::string message = text_of(answer, "message");
  return message.empty() ? text_of(answer, "Message") : message;
}

Answer judge_name(int status, const std::string& name, const std::string& message) {
  using Verdict = Answer::Verdict;
  if (name == "ExecutionAlreadyExists") {
    Answer out = answer(Verdict::done, "already_started", message);
    out.already = true;
    return out;
  }
  const bool throttled = status == 429 || name.find("Throttl") != name.npos;
  if (throttled) return answer(Verdict::retry, "throttled", name + ": " + message);
  const std::string code = name.empty() ? "http_" + std::to_string(status) : name;
  // A status of 4xx without a name is no answer of AWS's: something between says no for now.
  const bool again = status >= 500 || among(kAgain, name) || name.empty();
  return answer(again ? Verdict::retry : Verdict::dead, code, message);
}

// One entry was sent: 200 with a count of those that failed.
Answer judge_entries(const boost::json::object& root) {
  const boost::json::value* failed = root.if_contains("FailedEntryCount");
  if (failed == nullptr || !failed->is_int64())
    return answer(Answer::Verdict::retry, "no_answer_of_the_service");
  if (failed->get_int64() == 0) return answer(Answer::Verdict::done, "started");
  const boost::json::value* entries = root.if_contains("Entries");
  const boost::json::array* list = entries != nullptr ? entries->if_array() : nullptr;
  if (list == nullptr || list->empty() || !list->front().is_object())
    return answer(Answer::Verdict::retry, "entry_failed");
  const boost::json::object& entry = list->front().get_object();
  const std::string code = text_of(entry, "ErrorCode");
  return judge_name(200, code.empty() ? "InternalFailure" : code, text_of(entry, "ErrorMessage"));
}

}  // namespace

Result<Outgoing> compose_step_functions(const Rule& rule, const Connection& connection,
                                        const Start& what) {
  if (what.input.size() > kLargestInput)
    return Error(Errc::limit, "the input has " + std::to_string(what.input.size()) +
                                  " bytes; Step Functions takes 262144: store it elsewhere and "
                                  "send where it is");
  Outgoing out = aws_request(rule, connection, "states", "1.0", "AWSStepFunctions.StartExecution");
  out.body = "{\"stateMachineArn\":" + json_string(rule.target.resource) +
             ",\"name\":" + json_string(what.name) + ",\"input\":" + json_string(what.input) + "}";
  return out;
}

Result<Outgoing> compose_event_bridge(const Rule& rule, const Connection& connection,
                                      const Start& what) {
  if (!what.input.starts_with('{'))
    return Error(Errc::invalid, "the input of an EventBridge event must be a JSON object");
  if (what.input.size() + rule.target.source.size() + rule.target.detail_type.size() + 14 >
      kLargestEntry)
    return Error(Errc::limit, "the event is larger than the 262144 bytes that EventBridge takes");
  Outgoing out = aws_request(rule, connection, "events", "1.1", "AWSEvents.PutEvents");
  const auto seconds =
      std::chrono::floor<std::chrono::seconds>(what.time).time_since_epoch().count();
  out.body = "{\"Entries\":[{\"Time\":" + std::to_string(seconds) +
             ",\"Source\":" + json_string(rule.target.source) +
             ",\"DetailType\":" + json_string(rule.target.detail_type) +
             ",\"Detail\":" + json_string(what.input) +
             ",\"EventBusName\":" + json_string(rule.target.resource) + "}]}";
  return out;
}

Outgoing compose_check_aws(const Rule& rule, const Connection& connection) {
  const std::string resource = json_string(rule.target.resource);
  const bool machine = rule.target.kind == TargetKind::step_functions;
  Outgoing out =
      machine
          ? aws_request(rule, connection, "states", "1.0", "AWSStepFunctions.DescribeStateMachine")
          : aws_request(rule, connection, "events", "1.1", "AWSEvents.DescribeEventBus");
  out.body = (machine ? "{\"stateMachineArn\":" : "{\"Name\":") + resource + "}";
  return out;
}

Answer judge_aws(TargetKind kind, int status, std::string_view body) {
  boost::system::error_code bad;
  const boost::json::value value = boost::json::parse(body, bad);
  const boost::json::object* root = bad ? nullptr : value.if_object();
  if (status != 200)
    return judge_name(status, root != nullptr ? error_name(*root) : std::string(),
                      root != nullptr ? message_of(*root) : "answered " + std::to_string(status));
  if (root != nullptr && kind == TargetKind::event_bridge) return judge_entries(*root);
  if (root != nullptr && !text_of(*root, "executionArn").empty())
    return answer(Answer::Verdict::done, "started");
  return answer(Answer::Verdict::retry, "no_answer_of_the_service");
}

bool about_credentials(const Answer& answer) { return among(kCredentials, answer.reason); }

}  // namespace keyward::trigger
