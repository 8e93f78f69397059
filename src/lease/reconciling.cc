// What Redis has against what the book says.
#include "lease/service_state.h"

namespace keyward::lease {
namespace {

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// By whatever instance, for a session (acl_user.h) or handed out as credentials ("kwd_...").
bool is_issued(std::string_view user) {
  if (user.starts_with("kwd_")) return true;
  return user.size() == 28 && user.starts_with("kw_") && user[11] == '_' &&
         is_hex(user.substr(3, 8)) && is_hex(user.substr(12));
}

}  // namespace

Result<LeaseService::State::Listed> LeaseService::State::reconcile(const ControlReply& users,
                                                                   bool strange) {
  if (users.type != ControlReply::Type::array)
    return Error(Errc::forbidden, "Redis refused ACL USERS to the admin user: " + users.text);
  std::unordered_set<std::string> own, foreign;
  for (const ControlReply& one : users.elements) {
    if (one.text.starts_with(prefix)) {
      own.insert(one.text);
    } else if (is_issued(one.text)) {
      foreign.insert(one.text);
    }
  }
  Listed news;
  for (const std::string& user : foreign) news.appeared += others.contains(user) ? 0U : 1U;
  news.vanished = others.size() + news.appeared - foreign.size();
  others = std::move(foreign);
  book.set_others(others.size());
  for (const LeasePtr& lease : book.reconcile(own, strange)) {
    rules.forget(lease->user);
    record(audit::Kind::lease_delete, *lease, audit::Outcome::ok, "no longer in Redis", {});
  }
  if (!std::exchange(swept, true)) sweep(own);
  sweep_strays(own);
  reconciled = true;
  pump();
  return news;
}

// Sent before anything else on this connection, so that a user made now is never taken for a
// leftover.
void LeaseService::State::sweep(const std::unordered_set<std::string>& listed) {
  for (const std::string& user : listed) {
    if (book.find(user) == nullptr) sweep_one(user, "left by an earlier run");
  }
}

void LeaseService::State::sweep_one(const std::string& user, const char* reason) {
  control.call({"ACL", "DELUSER", user}, [self = shared_from_this(), user,
                                          reason](const Result<ControlReply>& reply) {
    if (self->gone) return;
    if (reply.has_error()) {
      self->swept = false;  // tried again when the connection is back
    } else if (reply->type == ControlReply::Type::integer && reply->integer > 0) {
      ++self->counters.swept;
      Lease leftover;
      leftover.user = user;
      self->record(audit::Kind::lease_delete, leftover, audit::Outcome::ok, reason, {});
    }
  });
}

}  // namespace keyward::lease
