// What Desk is made of: giving and renewing in giving.cc, ending and listing in ending.cc, logins
// in verifying.cc.
#pragma once

#include "credential/direct_users.h"
#include "credential/minute.h"
#include "credential/trail.h"

#include "keyward/credential/desk.h"
#include "keyward/credential/life.h"

#include <map>
#include <unordered_map>

namespace keyward::credential {

using PrincipalPtr = std::shared_ptr<const identity::Principal>;

// Handlers hold the state alive; after stop() nothing of the wiring may be touched.
struct Desk::State : std::enable_shared_from_this<Desk::State> {
  using Done = std::function<void(Answer<Given>)>;
  using Ended = std::function<void(Answer<Record>)>;
  using Fail = std::function<void(Refused)>;

  State(DeskWiring given, DeskConfig settings);

  // One request, from the token to its answer.
  struct Request {
    Caller caller;
    Wish wish;
    std::string user;  // to be renewed or ended
    PrincipalPtr principal;
  };
  // Calls one of the two, once.
  void authenticate(const Secret& token, Request request, std::function<void(Request)> next,
                    Fail fail);
  [[nodiscard]] Refused refuse(const Request& request, Refused::Why why,
                               const identity::Refusal& reason, std::string text);

  // giving.cc
  void give(const Request& request, const Done& done);
  void fill(Given& out, const Request& request, std::chrono::seconds longest,
            const policy::Grants& grants) const;
  void keep(std::shared_ptr<Given> given, const Request& request,
            const std::shared_ptr<const policy::Grants>& grants, const Done& done);
  void hand_over(const std::shared_ptr<Given>& given, const Request& request,
                 const std::string& version, const Done& done);
  void renew(const Request& request, const Done& done);
  void renew(const Request& request, const Record& record, const Done& done);

  // ending.cc
  void find(const std::string& user, std::function<void(std::optional<Record>)> next, Fail fail);
  void end(const Record& record, const std::string& reason, const std::string& by,
           const Ended& done);
  void deny(const Record& record, const std::string& reason, const std::string& by,
            std::function<void(Result<>)> done);

  // verifying.cc
  struct Login {
    std::shared_ptr<const identity::RemoteQuestion> question;
    std::function<void(identity::RemoteAnswer)> done;
  };
  void verify(Login login);
  void found(const std::string& user, const Result<std::optional<std::string>>& text);
  [[nodiscard]] std::shared_ptr<const Record> read(const std::string& user,
                                                   const std::string& text);
  [[nodiscard]] std::optional<identity::Refusal> objection(const identity::RemoteQuestion& question,
                                                           const Record* record) const;

  DeskWiring wiring;
  DeskConfig config;
  Trail trail;
  std::shared_ptr<DirectUsers> users;
  Minute given;  // by identity
  Counters counters;
  std::size_t judging = 0;  // tokens under way
  // Logins that wait for the same record.
  std::map<std::string, std::vector<Login>> asking;
  std::size_t waiting = 0;
  // What was read before, by the text that it was read of: sessions share the principal. The record
  // itself is asked for at every login, so that it is worth nothing as soon as it is gone.
  struct Known {
    Digest text{};
    std::shared_ptr<const Record> record;
  };
  std::unordered_map<std::string, Known> known;
  bool stopped = false;
};

}  // namespace keyward::credential
