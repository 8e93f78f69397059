// The admin pages: a request's method, path and Accept line in, a finished answer out. No I/O.
#pragma once

#include "keyward/admin/admin_server.h"

#include <string>
#include <string_view>

namespace keyward::admin {

struct PageRequest {
  std::string_view method;  // "GET"
  std::string_view target;  // path, perhaps with a query
  std::string_view accept;  // the Accept header, may be empty
};
struct Page {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string allow;  // of a 405
  std::string body;
};

// /healthz, /readyz and /metrics; 404 for other paths, 405 for other methods than GET and HEAD.
[[nodiscard]] Page render(const PageRequest& request, const Sources& sources);

}  // namespace keyward::admin
