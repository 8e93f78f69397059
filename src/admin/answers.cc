#include "admin/answers.h"

#include <boost/json/serialize.hpp>
#include <spdlog/fmt/chrono.h>

namespace keyward::admin {

Page page_of(unsigned status, const boost::json::object& body) {
  Page page;
  page.status = status;
  page.content_type = "application/json";
  page.body = boost::json::serialize(body) + "\n";
  return page;
}

Page refusal(unsigned status, std::string_view what) {
  return page_of(status, {{"ok", false}, {"error", what}});
}

std::string time_text(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto micros = (time - seconds).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), micros);
}

boost::json::array list(const std::vector<std::string>& texts) {
  boost::json::array out;
  for (const std::string& one : texts) out.emplace_back(one);
  return out;
}

}  // namespace keyward::admin
