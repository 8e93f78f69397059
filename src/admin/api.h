// The API below /v1/: who may ask, and what is answered. No I/O.
#pragma once

#include "admin/pages.h"

#include "keyward/credential/desk.h"

#include <functional>
#include <string>
#include <string_view>

namespace keyward::admin {

// Views live until `done` was called or answer_api() returned, whichever is later: keep what is
// needed.
struct ApiRequest {
  std::string_view method, target, body;
  std::string_view host, authorization, content_type;
  std::string_view own_header;     // X-Keyward-Request
  bool from_browser_page = false;  // Origin or Sec-Fetch-Site is there
  std::string_view peer;           // the client's address
  credential::Caller caller = {};  // the same, and what TLS shows
  bool loopback_listener = true;   // it cannot be reached from elsewhere
};

[[nodiscard]] bool is_api(std::string_view target);
// Calls `done` once, perhaps later.
void answer_api(const ApiRequest& request, const Sources& sources, std::function<void(Page)> done);

}  // namespace keyward::admin
