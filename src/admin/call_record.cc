#include "admin/call_record.h"

#include "admin/answers.h"

#include <algorithm>
#include <array>
#include <utility>

namespace keyward::admin {
namespace {

constexpr std::array<std::string_view, 4> kRecorded{"/v1/policy/reload", "/v1/revocations",
                                                    "/v1/sessions", "/v1/credentials"};

bool is_recorded(std::string_view path) {
  return std::any_of(kRecorded.begin(), kRecorded.end(), [&](std::string_view one) {
    return path.starts_with(one) && (path.size() == one.size() || path[one.size()] == '/');
  });
}

// OCSF 6003: 1 create, 2 read, 3 update, 4 delete.
std::uint8_t activity_of(std::string_view method, std::string_view path) {
  if (method == "DELETE") return 4;
  if (method != "POST") return 2;
  return path.ends_with("/reload") || path.ends_with("/renew") ? 3 : 1;
}

}  // namespace

std::function<void(Page)> recorded(const ApiRequest& request, const Sources& sources,
                                   bool by_operator, std::function<void(Page)> done) {
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  if (!sources.record || !is_recorded(path)) return done;
  ApiCall call;
  call.operation = std::string(request.method) + " " + std::string(path);
  call.activity = activity_of(request.method, path);
  call.caller = request.caller;
  call.caller.source = std::string(request.peer);
  if (!by_operator) {
    call.by = request.authorization.empty() ? "nobody" : "bearer of a token";
  } else {
    call.by = sources.token ? "holder of admin.token_file" : "client on loopback";
  }
  return [call = std::move(call), record = sources.record,
          done = std::move(done)](Page page) mutable {
    call.status = page.status;
    const bool told = record(call);
    if (!told && call.activity == 2 && page.status == 200)
      page = refusal(503, "the audit trail cannot be written: nothing is told meanwhile");
    done(std::move(page));
  };
}

}  // namespace keyward::admin
