#include "keyward/report/facts.h"

#include <tuple>

namespace keyward::report {
namespace {

template <class Map>
void add_counts(Map& into, const Map& from) {
  for (const auto& [name, count] : from) into[name] += count;
}

std::uint64_t earlier(std::uint64_t a, std::uint64_t b) {
  return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

template <class Set>
bool unite(Set& into, const Set& from, std::size_t most) {
  into.insert(from.begin(), from.end());
  bool cut = false;
  while (into.size() > most) {
    into.erase(std::prev(into.end()));
    cut = true;
  }
  return cut;
}

}  // namespace

std::uint32_t Marks::interval(std::uint64_t us) const {
  return static_cast<std::uint32_t>(std::upper_bound(at_us.begin(), at_us.end(), us) -
                                    at_us.begin());
}

void Person::add(const Person& other) {
  if (name.empty() || (!other.name.empty() && other.name < name)) name = other.name;
  if (issuer.empty()) issuer = other.issuer;
  logins.add(other.logins);
  accepted.add(other.accepted);
  changes.add(other.changes);
  refused.add(other.refused);
  errors.add(other.errors);
  first_us = earlier(first_us, other.first_us);
  before_us = std::max(before_us, other.before_us);
  for (const auto& [key, role] : other.roles) {
    Role& mine = roles[key];
    mine.groups = role.groups;
    mine.grants = role.grants;
    mine.seen.add(role.seen);
    mine.accepted.add(role.accepted);
  }
  for (const auto& [interval, uses] : other.between) between[interval].add(uses);
  for (const auto& [grant, uses] : other.grants) grants[grant].add(uses);
  cut = unite(sources, other.sources, kMostSources) || cut || other.cut;
  while (roles.size() > kMostRoles) {
    roles.erase(std::prev(roles.end()));
    cut = true;
  }
}

Uses Person::accepted_between(const Marks& marks, std::uint64_t from_us,
                              std::uint64_t to_us) const {
  Uses out;
  const std::uint32_t first = marks.interval(from_us);
  const bool mark = std::binary_search(marks.at_us.begin(), marks.at_us.end(), to_us);
  const std::uint32_t behind = mark ? marks.interval(to_us) : ~std::uint32_t{0};
  for (auto at = between.lower_bound(first); at != between.end(); ++at) {
    if (at->first >= behind) break;
    out.add(at->second);
  }
  return out;
}

void GrantUse::add(const GrantUse& other) {
  accepted.add(other.accepted);
  before_us = std::max(before_us, other.before_us);
  unite(people, other.people, kMostPeople);
}

bool Happening::operator<(const Happening& other) const {
  return std::tie(time_us, instance, stream, sequence) <
         std::tie(other.time_us, other.instance, other.stream, other.sequence);
}

void Happenings::add(Happening one) {
  ++count;
  kept.insert(std::move(one));
  if (kept.size() > kMost) kept.erase(std::prev(kept.end()));
}

void Happenings::add(const Happenings& others) {
  count += others.count;
  unite(kept, others.kept, kMost);
}

const Happenings& Facts::of(std::string_view kind) const {
  static const Happenings kNone;
  const auto found = happenings.find(kind);
  return found == happenings.end() ? kNone : found->second;
}

void Facts::add(Facts&& other) {
  records += other.records;
  before += other.before;
  after += other.after;
  first_us = earlier(first_us, other.first_us);
  last_us = std::max(last_us, other.last_us);
  step_us = std::max(step_us, other.step_us);
  add_counts(kinds, other.kinds);
  add_counts(outcomes, other.outcomes);
  would_deny += other.would_deny;
  names_cut += other.names_cut;
  names_not_utf8 += other.names_not_utf8;
  checkpoints += other.checkpoints;
  people_left_out += other.people_left_out;
  for (auto& [principal, person] : other.people) people[principal].add(person);
  for (const auto& [grant, use] : other.grants) grants[grant].add(use);
  using Member = Tally Facts::*;
  for (const Member member :
       {&Facts::rules,       &Facts::reasons,       &Facts::refused_people, &Facts::refused_grants,
        &Facts::refusals,    &Facts::login_reasons, &Facts::login_sources,  &Facts::channels_in,
        &Facts::sources,     &Facts::libraries,     &Facts::nodes,          &Facts::leases,
        &Facts::endings,     &Facts::would,         &Facts::scripts,        &Facts::signers,
        &Facts::admin_calls, &Facts::handed_over,   &Facts::attested,       &Facts::unattested})
    (this->*member).add(other.*member);
  for (const auto& [step, counts] : other.flow) {
    auto& mine = flow[step];
    for (std::size_t i = 0; i < kFlows; ++i) mine[i] += counts[i];
  }
  for (const auto& [reason, steps] : other.refusal_flow) add_counts(refusal_flow[reason], steps);
  for (const auto& [kind, all] : other.happenings) happenings[kind].add(all);
}

}  // namespace keyward::report
