#include "keyward/aws/sts.h"

#include "keyward/base/json_member.h"
#include "keyward/base/log.h"
#include "keyward/net/https_client.h"

#include <boost/json/parse.hpp>

#include <utility>

namespace keyward::aws {

namespace {

const boost::json::object* object_of(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr ? value->if_object() : nullptr;
}

}  // namespace

std::string sts_host(std::string_view region) {
  const bool china = region.starts_with("cn-");
  return "sts." + std::string(region) + ".amazonaws.com" + (china ? ".cn" : "");
}

std::string unsigned_sts_url(const Settings& settings, const net::sigv4::Pairs& query) {
  std::string url = "https://" + sts_host(settings.region) + "/?";
  for (const auto& [name, value] : query) {
    if (url.back() != '?') url += '&';
    url += name + "=" + net::sigv4::uri_encode(value);
  }
  return url;
}

std::string presigned_sts_url(const Settings& settings, const Keys& keys, net::sigv4::Pairs query,
                              net::sigv4::Pairs headers, std::chrono::sys_seconds now) {
  net::sigv4::Request request;
  request.host = sts_host(settings.region);
  request.query = std::move(query);
  request.headers = std::move(headers);
  net::sigv4::Scope scope;
  scope.region = settings.region;
  scope.service = "sts";
  scope.time = now;
  return net::sigv4::presign(request, scope, keys);
}

Result<boost::json::object> read_sts_result(int status, std::string_view body,
                                            const std::string& action) {
  boost::system::error_code bad;
  const boost::json::value value = boost::json::parse(body, bad);
  const boost::json::object* root = bad ? nullptr : value.if_object();
  if (status != 200 || root == nullptr) {
    std::string why = "STS answered " + std::to_string(status) + " to " + action;
    const boost::json::object* error = root != nullptr ? object_of(*root, "Error") : nullptr;
    if (error != nullptr)
      why += " " + log::printable(text_of(*error, "Code"), 64) + " (" +
             log::printable(text_of(*error, "Message"), 200) + ")";
    return Error(status == 429 || status >= 500 ? Errc::unavailable : Errc::unauthorized,
                 std::move(why));
  }
  const boost::json::object* response = object_of(*root, action + "Response");
  const boost::json::object* result =
      response != nullptr ? object_of(*response, action + "Result") : nullptr;
  if (result == nullptr) return Error(Errc::invalid, "STS gave another answer than to " + action);
  return *result;
}

void ask_sts(boost::asio::io_context& io, const Settings& settings, std::string url,
             const std::string& action, std::function<void(Result<boost::json::object>)> done) {
  net::HttpRequest request;
  request.url = std::move(url);
  request.headers = {{"Accept", "application/json"}};
  request.connect_to = settings.endpoint;
  request.allow_private = true;  // an interface endpoint of one's own network
  request.deadline = std::chrono::seconds(10);
  net::http_fetch(io, settings.tls, std::move(request),
                  [action, done = std::move(done)](const Result<net::HttpResponse>& answer) {
                    if (!answer) return done(answer.error());
                    done(read_sts_result(answer->status, answer->body, action));
                  });
}

}  // namespace keyward::aws
