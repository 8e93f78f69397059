#include "review/sessions.h"

namespace keyward::review {
namespace {

// More than the journal's 64 MiB, for the records between the mark and the next use of the session.
constexpr std::uint64_t kWindow = std::uint64_t{80} << 20;
// So many are kept for the whole file.
constexpr std::size_t kFewSessions = 20'000;
// People of a trail; beyond them a session counts as nobody's.
constexpr std::size_t kMostActors = 100'000;

void append(std::string& out, std::string_view field) {
  out += std::to_string(field.size());
  out += ':';
  out += field;
}

std::string key_of(const Actor& actor) {
  std::string key;
  append(key, actor.principal);
  append(key, actor.policy_version);
  append(key, actor.some_groups ? "some" : "");
  for (const std::string& group : actor.groups) append(key, group);
  append(key, "|");
  for (const std::string& grant : actor.grants) append(key, grant);
  return key;
}

}  // namespace

const Actor* Sessions::intern(Actor actor) {
  std::string key = key_of(actor);
  const auto found = actors_.find(key);
  if (found != actors_.end()) return found->second.get();
  if (actors_.size() >= kMostActors) return nullptr;
  return actors_.emplace(std::move(key), std::make_unique<Actor>(std::move(actor)))
      .first->second.get();
}

void Sessions::introduce(std::string_view session, Actor actor) {
  const Actor* known = intern(std::move(actor));
  newest_.insert_or_assign(std::string(session), known);
}

const Actor* Sessions::find(std::string_view session) const {
  if (const auto found = newest_.find(session); found != newest_.end()) return found->second;
  const auto found = older_.find(session);
  return found == older_.end() ? nullptr : found->second;
}

void Sessions::passed(std::size_t bytes) {
  window_ += bytes;
  if (window_ < kWindow || newest_.size() < kFewSessions) return;
  window_ = 0;
  older_ = std::move(newest_);
  newest_.clear();
}

void Sessions::forget() {
  newest_.clear();
  older_.clear();
  window_ = 0;
}

}  // namespace keyward::review
