// A shard's links to Redis: one shared link per LinkKey, and exclusive ones on loan.
#pragma once

#include "keyward/upstream/link.h"

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace keyward::upstream {

class Pool;

// An exclusive link. Returns to the pool clean with give_back(); dropped otherwise: the link is
// closed.
class Loan {
 public:
  Loan() = default;
  Loan(Pool* pool, Link* link) : pool_(pool), link_(link) {}
  Loan(Loan&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), link_(std::exchange(other.link_, nullptr)) {}
  Loan& operator=(Loan&& other) noexcept;
  ~Loan() { drop(); }
  [[nodiscard]] explicit operator bool() const { return link_ != nullptr; }
  [[nodiscard]] Link* operator->() const { return link_; }
  [[nodiscard]] Link& operator*() const { return *link_; }
  [[nodiscard]] Link* get() const { return link_; }
  // Precondition: nothing of its last user is left on it (no reply awaited, no WATCH, no
  // subscription).
  void give_back();
  void drop();

 private:
  Pool* pool_ = nullptr;
  Link* link_ = nullptr;
};

// Owns every link of one shard; used on its thread only.
class Pool {
 public:
  explicit Pool(LinkSettings settings) : settings_(std::move(settings)) {}
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // The link that all sessions with this key share; made when there is none. Never down. Valid
  // until the turn ends, and beyond as long as it is usable() and removals() did not change.
  Link& shared(const LinkKey& key, const Secret& password);
  [[nodiscard]] std::uint64_t removals() const { return lost_; }
  // An idle exclusive link with this key, or a new one.
  Loan borrow(const LinkKey& key, const Secret& password);
  // Closes every link of that user; sessions that wait on one are told. For leases that end.
  void close_user(const std::string& user);
  // Closes every link; whoever waits is told. Before the sessions go.
  void close_all();
  // What goes out from now on takes new links: each that is there ends when its last answer came.
  // Watches and subscriptions end with theirs.
  void move_on();
  // Closes exclusive links idle longer than a minute, and those whose login Redis does not answer.
  // Called once a second.
  void tick(std::chrono::steady_clock::time_point now);

  struct Counters {
    std::size_t shared = 0, lent = 0, idle = 0;
    std::uint64_t opened = 0, lost = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  friend class Loan;
  struct Idle {
    Link* link;
    std::chrono::steady_clock::time_point since;
  };
  Link& open(const LinkKey& key, const Secret& password);
  void returned(Link* link);
  void remove(Link& link);

  LinkSettings settings_;
  std::map<LinkKey, Link*> shared_;
  std::map<LinkKey, std::vector<Idle>> idle_;
  std::map<Link*, std::unique_ptr<Link>> all_;
  std::uint64_t opened_ = 0, lost_ = 0;
  bool stopping_ = false;
};

}  // namespace keyward::upstream
