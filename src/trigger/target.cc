#include "keyward/trigger/target.h"

#include "trigger/caller.h"
#include "trigger/outgoing.h"

#include <algorithm>

namespace keyward::trigger {
namespace {

bool fits(const Rule& rule, const Connection& connection) {
  const bool aws = connection.kind == Connection::Kind::aws;
  return aws == at_aws(rule.target.kind);
}

}  // namespace

const Connection* connection_of(const Rule& rule, const std::vector<Connection>& connections,
                                Diagnostics& diagnostics) {
  const auto complain = [&](const std::string& what, std::string instead) {
    diagnostics.error(rule.file, rule.line, 1, "trigger " + rule.name + ": " + what,
                      std::move(instead));
    return nullptr;
  };
  std::vector<std::string> usable;
  const Connection* named = nullptr;
  for (const Connection& one : connections) {
    const bool open = one.teams.empty() ||
                      std::find(one.teams.begin(), one.teams.end(), rule.team) != one.teams.end();
    if (one.name == rule.target.via && open) named = &one;
    if (open && fits(rule, one)) usable.push_back(one.name);
  }
  const char* kind = at_aws(rule.target.kind) ? "aws" : "http";
  if (named == nullptr) {
    std::string near = nearest(rule.target.via, usable);
    if (near.empty() && !usable.empty()) near = usable.front();
    if (near.empty())
      near = std::string("a connection of kind ") + kind + " under triggers.connections";
    return complain("there is no connection " + rule.target.via + " for team " + rule.team,
                    std::move(near));
  }
  if (!fits(rule, *named))
    return complain("connection " + named->name + " is of another kind than the target needs",
                    usable.empty() ? std::string("a connection of kind ") + kind : usable.front());
  return named;
}

Result<std::unique_ptr<Target>> make_target(boost::asio::io_context& io, const Rule& rule,
                                            const Connection& connection) {
  if (!fits(rule, connection))
    return Error(Errc::invalid, "connection " + connection.name +
                                    " is of another kind than the target of trigger " + rule.name);
  auto made = std::make_unique<Caller>(io, rule, connection);
  if (auto ready = made->prepare(); !ready) return ready.error();
  return std::unique_ptr<Target>(std::move(made));
}

Result<Preview> preview(const Rule& rule, const Connection& connection, const Start& what) {
  auto composed = compose(rule, connection, what);
  if (!composed) return composed.error();
  return Preview{std::move(composed->method), std::move(composed->url),
                 std::move(composed->headers), std::move(composed->body)};
}

}  // namespace keyward::trigger
