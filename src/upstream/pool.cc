#include "keyward/upstream/pool.h"

#include <algorithm>

namespace keyward::upstream {

namespace {

constexpr std::size_t kIdlePerKey = 64;
constexpr std::chrono::seconds kIdleFor{60};

}  // namespace

Loan& Loan::operator=(Loan&& other) noexcept {
  if (this != &other) {
    drop();
    pool_ = std::exchange(other.pool_, nullptr);
    link_ = std::exchange(other.link_, nullptr);
  }
  return *this;
}

void Loan::give_back() {
  if (link_ == nullptr) return;
  link_->held_by(nullptr);
  std::exchange(pool_, nullptr)->returned(std::exchange(link_, nullptr));
}

void Loan::drop() {
  if (link_ == nullptr) return;
  pool_ = nullptr;
  link_->held_by(nullptr);
  std::exchange(link_, nullptr)->close("its user left");
}

Pool::~Pool() {
  stopping_ = true;
  close_all();
}

void Pool::close_all() {
  for (auto& [pointer, link] : all_) link->close("shutting down");
}

Link& Pool::open(const LinkKey& key, const Secret& password) {
  auto link = std::make_unique<Link>(settings_, key, password);
  Link& reference = *link;
  link->on_down = [this](Link& gone) { remove(gone); };
  all_.emplace(&reference, std::move(link));
  ++opened_;
  reference.start();
  return reference;
}

Link& Pool::shared(const LinkKey& key, const Secret& password) {
  auto [place, added] = shared_.try_emplace(key, nullptr);
  if (place->second == nullptr || !place->second->usable()) place->second = &open(key, password);
  return *place->second;
}

Loan Pool::borrow(const LinkKey& key, const Secret& password) {
  if (auto found = idle_.find(key); found != idle_.end()) {
    std::vector<Idle>& free = found->second;
    while (!free.empty()) {
      Link* link = free.back().link;
      free.pop_back();
      if (link->usable()) return {this, link};
    }
  }
  return {this, &open(key, password)};
}

void Pool::returned(Link* link) {
  std::vector<Idle>& free = idle_[link->key()];
  if (!link->usable() || !link->idle() || free.size() >= kIdlePerKey) {
    link->close("not needed");
    return;
  }
  link->resume();
  free.push_back({link, std::chrono::steady_clock::now()});
}

void Pool::remove(Link& link) {
  ++lost_;
  if (stopping_) return;
  if (auto found = shared_.find(link.key()); found != shared_.end() && found->second == &link)
    shared_.erase(found);
  if (auto found = idle_.find(link.key()); found != idle_.end()) {
    std::erase_if(found->second, [&](const Idle& idle) { return idle.link == &link; });
    if (found->second.empty()) idle_.erase(found);
  }
  all_.erase(&link);
}

void Pool::close_user(const std::string& user) {
  std::vector<Link*> links;
  for (auto& [pointer, link] : all_) {
    if (link->key().user == user) links.push_back(pointer);
  }
  for (Link* link : links) link->close("lease ended");
}

void Pool::move_on() {
  for (auto& [pointer, link] : all_) link->retire();
}

void Pool::tick(std::chrono::steady_clock::time_point now) {
  for (auto& [pointer, link] : all_) link->mind_login(now);
  for (auto& [key, free] : idle_) {
    for (const Idle& idle : free) {
      if (now - idle.since > kIdleFor) idle.link->close("idle");
    }
  }
}

Pool::Counters Pool::counters() const {
  Counters result{.shared = shared_.size(), .lent = 0, .idle = 0, .opened = opened_, .lost = lost_};
  for (const auto& [key, free] : idle_) result.idle += free.size();
  result.lent = all_.size() - std::min(all_.size(), result.shared + result.idle);
  return result;
}

}  // namespace keyward::upstream
