#include "proxy/wire_errors.h"

namespace keyward::proxy::wire {

std::string with_request(std::string text, std::string_view request_id) {
  if (!request_id.empty()) text.append(" (request ").append(request_id).append(")");
  return text;
}

std::string wrong_password(std::string_view request_id) {
  return with_request("WRONGPASS invalid username-password pair or user is disabled.", request_id);
}

std::string denied(std::string_view text, std::string_view request_id) {
  return with_request("NOPERM " + std::string(text), request_id);
}

std::string in_subscribed_mode(std::string_view command) {
  return "ERR Can't execute '" + std::string(command) +
         "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
         "context";
}

std::string not_in_multi(std::string_view command) {
  return "ERR Command '" + std::string(command) +
         "' is not allowed inside a transaction through Keyward";
}

}  // namespace keyward::proxy::wire
