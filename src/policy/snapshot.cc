#include "keyward/policy/snapshot.h"

#include "policy/acl_rules.h"
#include "policy/assembly.h"
#include "policy/claims.h"
#include "policy/direct_rights.h"
#include "policy/examples.h"
#include "policy/folder.h"
#include "policy/signature.h"
#include "policy/team_file.h"
#include "policy/template_file.h"
#include "policy/territory.h"
#include "policy/trigger_reach.h"
#include "policy/who_index.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>

namespace keyward::policy {

namespace {

constexpr std::size_t kKeptGrants = 4096;

// Grants that were made before: whoever has the same grants with the same values shares them, so a
// login costs neither their making nor their memory. The oldest goes first.
class GrantsMade {
 public:
  std::shared_ptr<const Grants> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = made_.find(key);
    return found == made_.end() ? nullptr : found->second;
  }
  void keep(const std::string& key, std::shared_ptr<const Grants> grants) {
    const std::lock_guard lock(mutex_);
    if (!made_.emplace(key, std::move(grants)).second) return;
    order_.push_back(key);
    if (order_.size() <= kKeptGrants) return;
    made_.erase(order_.front());
    order_.pop_front();
  }

 private:
  std::mutex mutex_;  // the shards share a snapshot
  std::unordered_map<std::string, std::shared_ptr<const Grants>> made_;
  std::deque<std::string> order_;
};

}  // namespace

struct Snapshot::State {
  std::vector<GrantModel> grants;
  WhoIndex index;  // of the grants
  mutable GrantsMade made;

  Result<std::shared_ptr<const Grants>> build(const Snapshot& snapshot,
                                              const std::vector<const GrantModel*>& which,
                                              const identity::Principal* principal) const;
  Result<std::shared_ptr<const Grants>> named(const Snapshot& snapshot, std::string_view grant,
                                              const identity::Principal* principal) const;
};

Result<std::shared_ptr<const Grants>> Snapshot::State::build(
    const Snapshot& snapshot, const std::vector<const GrantModel*>& which,
    const identity::Principal* principal) const {
  const command::Catalog& catalog = *snapshot.catalog_;
  Result<Parts> parts = assemble(which, principal, catalog, snapshot.triggers_);
  if (!parts) return parts.error();
  const std::shared_ptr<Grants> out(new Grants());
  out->rights_id_ = rights_id(*parts, catalog);
  out->policy_version_ = snapshot.version_;
  out->entries_ = std::move(parts->entries);
  out->databases_ = std::move(parts->databases);
  out->limits_ = parts->limits;
  out->audit_ = parts->audit;
  out->grant_names_ = std::move(parts->names);
  out->contacts_ = std::move(parts->contacts);
  out->name_space_ = std::move(parts->name_space);
  out->safe_scripts_ = std::move(parts->safe_scripts);
  out->info_sections_ = std::move(parts->info_sections);
  out->lease_ = parts->lease;
  out->break_glass_ = parts->break_glass;
  out->causes_ = std::move(parts->causes);
  out->closed_ = std::move(parts->closed);
  out->acl_ = compile_acl(out->entries_, out->databases_, catalog, out->name_space_);
  add_causes(out->causes_, catalog, out->acl_);
  if (principal != nullptr && principal->vended.mode == identity::Vended::Mode::direct)
    add_greetings(catalog, out->acl_);
  out->acl_.notes.insert(out->acl_.notes.end(), parts->notes.begin(), parts->notes.end());
  out->acl_.probes = make_probes(*out, catalog);
  return std::shared_ptr<const Grants>(out);
}

namespace {

// A name means one thing in the whole folder: refusals and records name grants without their team.
void check_names(const std::vector<TeamModel>& teams, Diagnostics& diagnostics) {
  const auto say = [&](const Place& at, const std::string& what, const Place& other) {
    diagnostics.error(at.file, at.line, at.column,
                      what + " is already in " + other.file + ":" + std::to_string(other.line),
                      "another name");
  };
  std::map<std::string, Place> names;
  std::map<std::string, Place> grants;
  for (const TeamModel& team : teams) {
    if (!team.team.empty()) {
      const auto [at, fresh] = names.emplace(team.team, team.place);
      if (!fresh) say(team.place, "team '" + team.team + "'", at->second);
    }
    for (const GrantModel& grant : team.grants) {
      if (grant.name.empty()) continue;
      const auto [at, fresh] = grants.emplace(grant.name, grant.place);
      if (!fresh) say(grant.place, "grant '" + grant.name + "'", at->second);
    }
  }
}

// A template grants nothing by lying in the folder; only those in the executable can be used.
void check_template(const yaml::Node& root, const std::string& content) {
  const TemplateInfo info = read_template_file(root);
  if (template_text(info.name) == content) return;
  root.get("template")
      .warning("this file is not used: grants take the templates that Keyward was built with",
               "a team's file with the grants themselves");
}

void warn_of_scripts(const std::vector<TeamModel>& teams, const command::Catalog& catalog,
                     Diagnostics& diagnostics) {
  for (const TeamModel& team : teams) {
    for (const GrantModel& grant : team.grants) {
      const Result<Parts> parts = assemble({&grant}, nullptr, catalog);
      if (!parts) continue;
      for (const std::string& note : parts->notes) {
        diagnostics.warning(grant.place.file, grant.place.line, grant.place.column, note,
                            "-keys -scan -randomkey -dbsize, or scripts in a grant of their own");
      }
    }
  }
}

// PEXPIRE with NX came with Redis 7.0; without it an expiry that is there would be overwritten.
void refuse_ttl_on_old_servers(const std::vector<TeamModel>& teams, const command::Catalog& catalog,
                               Diagnostics& diagnostics) {
  if (catalog.version().major >= 7) return;
  for (const TeamModel& team : teams) {
    for (const GrantModel& grant : team.grants) {
      if (grant.ttl.mode != TtlGuard::Mode::apply) continue;
      diagnostics.error(
          grant.place.file, grant.place.line, grant.place.column,
          "`ttl: {apply: ...}` needs Redis 7.0 (PEXPIRE with NX), this server is older",
          "ttl: {require: true}");
    }
  }
}

using Mode = identity::Vended::Mode;

// How long a credential of that mode may carry the grant; 0 = it may not.
std::chrono::seconds life_of(const GrantModel& grant, Mode mode) {
  return mode == Mode::direct ? grant.credentials.direct : grant.credentials.proxy;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_for(const GrantModel& grant, const identity::Principal& principal) {
  const identity::Vended& vended = principal.vended;
  if (vended.mode != Mode::none &&
      (life_of(grant, vended.mode).count() == 0 || !has(vended.grants, grant.name)))
    return false;
  return std::any_of(grant.who.begin(), grant.who.end(),
                     [&](const Who& who) { return matches(who, principal); });
}

std::vector<GrantInfo> describe(const std::vector<GrantModel>& grants) {
  std::vector<GrantInfo> out;
  for (const GrantModel& grant : grants) {
    out.push_back({grant.name, grant.team, grant.file, grant.place.line, grant.who,
                   grant.entries.size(), grant.lease.fixed, grant.credentials});
  }
  return out;
}

}  // namespace

std::shared_ptr<const Snapshot> Snapshot::load(const std::string& folder,
                                               std::shared_ptr<const command::Catalog> catalog,
                                               const std::vector<std::string>& issuers,
                                               Diagnostics& diagnostics, const Signers* signers) {
  Diagnostics found;
  const std::vector<PolicyFile> files = read_folder(folder, found);
  if (signers != nullptr) check_signature(folder, files, *signers, found);
  if (signers != nullptr && found.failed()) {  // nobody vouches for it: it is not even looked at
    diagnostics.append(found);
    return nullptr;
  }
  std::vector<TeamModel> teams;
  for (const PolicyFile& file : files) {
    Diagnostics of_file;
    const yaml::Node root = yaml::parse(file.path, file.content, of_file);
    if (is_template_file(root)) {
      check_template(root, file.content);
    } else if (!of_file.failed()) {
      teams.push_back(read_team_file(root, file.name, *catalog, issuers));
    }
    found.append(of_file);
  }
  check_names(teams, found);
  check_territory(teams, found);
  warn_of_scripts(teams, *catalog, found);
  refuse_ttl_on_old_servers(teams, *catalog, found);
  check_triggers(teams, *catalog, found);
  const std::shared_ptr<Snapshot> out(new Snapshot());
  out->catalog_ = std::move(catalog);
  out->version_ = content_version(files);
  out->commit_ = git_commit(folder);
  auto state = std::make_shared<State>();
  for (const TeamModel& team : teams) {
    state->grants.insert(state->grants.end(), team.grants.begin(), team.grants.end());
    for (const TriggerModel& trigger : team.triggers) out->triggers_.push_back(trigger.rule);
  }
  state->index = WhoIndex(state->grants);
  out->grants_ = describe(state->grants);
  out->state_ = std::move(state);
  // Cases that fail because of an error above would only repeat it.
  if (!found.failed()) out->expectations_ = run_expectations(*out, teams, found);
  const bool failed = found.failed();
  diagnostics.append(found);
  return failed ? nullptr : out;
}

Result<std::shared_ptr<const Grants>> Snapshot::grants_for(const identity::Principal& principal,
                                                           bool break_glass) const {
  std::vector<const GrantModel*> which;
  bool known = false;
  for (const std::uint32_t at : state_->index.candidates(principal)) {
    const GrantModel& grant = state_->grants[at];
    if (!is_for(grant, principal)) continue;
    known = true;
    if (break_glass || !grant.break_glass) which.push_back(&grant);
  }
  if (!known) return std::shared_ptr<const Grants>();
  Result<std::string> key = parts_key(which, &principal);
  if (!key) return key.error();
  if (principal.vended.mode == Mode::direct) *key += "direct";  // no name of a grant ends a key
  if (auto made = state_->made.find(*key)) return made;
  auto fresh = state_->build(*this, which, &principal);
  if (fresh) state_->made.keep(*key, *fresh);
  return fresh;
}

Snapshot::Vendable Snapshot::vendable_for(const identity::Principal& principal, Mode mode,
                                          const std::vector<std::string>& only) const {
  Vendable out;
  for (const std::uint32_t at : state_->index.candidates(principal)) {
    const GrantModel& grant = state_->grants[at];
    const std::chrono::seconds life = life_of(grant, mode);
    if (life.count() == 0 || !is_for(grant, principal)) continue;
    if (!only.empty() && !has(only, grant.name)) continue;
    out.life = out.grants.empty() ? life : std::min(out.life, life);
    out.grants.push_back(grant.name);
  }
  for (const std::string& name : only) {
    if (!has(out.grants, name)) out.refused.push_back(name);
  }
  return out;
}

Snapshot::BreakGlass Snapshot::break_glass_for(const identity::Principal& principal) const {
  BreakGlass out;
  for (const std::uint32_t at : state_->index.candidates(principal)) {
    const GrantModel& grant = state_->grants[at];
    if (!grant.break_glass || !is_for(grant, principal)) continue;
    const std::chrono::seconds life = grant.limits.session;
    out.life = out.grants.empty() ? life : std::min(out.life, life);
    out.grants.push_back(grant.name);
  }
  return out;
}

Result<std::shared_ptr<const Grants>> Snapshot::State::named(
    const Snapshot& snapshot, std::string_view grant, const identity::Principal* principal) const {
  for (const GrantModel& one : grants) {
    if (one.name == grant) return build(snapshot, {&one}, principal);
  }
  return Error(Errc::not_found, "no grant is called '" + std::string(grant) + "'");
}

Result<std::shared_ptr<const Grants>> Snapshot::grants_named(std::string_view grant) const {
  return state_->named(*this, grant, nullptr);
}

Result<std::shared_ptr<const Grants>> Snapshot::grants_as_written(std::string_view grant) const {
  return state_->named(*this, grant, &as_written());
}

}  // namespace keyward::policy
