// Requests to STS, as URLs, and their JSON answers.
#pragma once

#include "keyward/aws/settings.h"
#include "keyward/base/result.h"

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace keyward::aws {

// "sts.eu-west-1.amazonaws.com", with the suffix of the region's partition.
[[nodiscard]] std::string sts_host(std::string_view region);
[[nodiscard]] std::string unsigned_sts_url(const Settings& settings,
                                           const net::sigv4::Pairs& query);
[[nodiscard]] std::string presigned_sts_url(const Settings& settings, const Keys& keys,
                                            net::sigv4::Pairs query, net::sigv4::Pairs headers,
                                            std::chrono::sys_seconds now);
// <action>Response.<action>Result of an answer.
[[nodiscard]] Result<boost::json::object> read_sts_result(int status, std::string_view body,
                                                          const std::string& action);
void ask_sts(boost::asio::io_context& io, const Settings& settings, std::string url,
             const std::string& action, std::function<void(Result<boost::json::object>)> done);

}  // namespace keyward::aws
