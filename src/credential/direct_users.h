// The Redis users of direct credentials: made, made again, deleted at their end. Every instance
// looks after all of them, whoever gave them out: what Redis has is held against the records of the
// fleet. Control thread.
#pragma once

#include "credential/trail.h"

#include "keyward/credential/record.h"
#include "keyward/fleet/store.h"
#include "keyward/identity/revocation.h"
#include "keyward/policy/grants.h"

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace keyward::credential {

struct DeskWiring;

class DirectUsers : public std::enable_shared_from_this<DirectUsers> {
 public:
  using Done = std::function<void(Result<>)>;
  DirectUsers(const DeskWiring& wiring, Trail& trail, std::string instance,
              std::chrono::milliseconds look_every);

  // The record is in the store already: a user without one is taken for a leftover.
  void make(const Record& record, const std::shared_ptr<const policy::Grants>& grants, Done done);
  // As make(), for one that may be there: its connections stay.
  void remake(const Record& record, Done done);
  // Its record goes first, so that nobody makes it again.
  void remove(const Record& record, const std::string& reason, Done done);
  // Holds what Redis has against the records, now and from now on.
  void look();
  void deny(std::shared_ptr<const identity::DenyList> list);
  void stop();
  [[nodiscard]] std::size_t known() const { return known_.size(); }

 private:
  using Records = std::map<std::string, Record>;
  void made(const Record& record, const Result<>& result, const Done& done);
  void listed(Records records, const Result<upstream::ControlReply>& users);
  // Redis has it, and no record of it could be read: whose is it?
  void unknown(const std::string& user);
  void seen(const Record& record, bool in_redis);
  // Something speaks against it: by what its record says now.
  void confirm(const std::string& user);
  // Why it has to go; empty = it may stay.
  [[nodiscard]] std::string objection(const Record& record) const;
  [[nodiscard]] std::shared_ptr<const policy::Grants> grants_of(const Record& record) const;
  void delete_user(const Record& record, const std::string& reason, Done done);
  void finish_round();
  void arm();

  const DeskWiring& wiring_;
  Trail& trail_;
  std::string instance_;
  std::chrono::milliseconds look_every_;
  Records known_;
  std::set<std::string> leaving_;  // somebody here is at it
  std::shared_ptr<const identity::DenyList> denied_;
  boost::asio::steady_timer timer_;
  bool looking_ = false, again_ = false, stopped_ = false;
};

}  // namespace keyward::credential
