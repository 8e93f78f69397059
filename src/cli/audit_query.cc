#include "cli/audit_query.h"

#include "keyward/audit/name_hash.h"
#include "keyward/base/log.h"
#include "keyward/trail/times.h"

#include <charconv>

namespace keyward::cli {

void QueryOptions::add_to(CLI::App& verb, bool times) {
  const auto words = [&verb](const char* name, std::vector<std::string>& into, const char* help) {
    verb.add_option(name, into, help)->allow_extra_args(false)->group("Which records");
  };
  words("--key", keys, "A key, or a glob of keys (app:*)");
  words("--key-prefix", key_prefixes, "What a key begins with");
  words("--principal", principals, "Who: issuer and subject, as okta:alice");
  words("--user", users, "Who: the name shown, or the subject");
  words("--command", commands, "A command; CONFIG takes all of its subcommands");
  words("--outcome", outcomes, "ok, error, denied, unknown, not_executed or intent");
  words("--kind", kinds, "A kind of record: command, denial, login, policy_loaded ...");
  words("--session", sessions, "A session's id");
  words("--grant", grants, "The grant that decided");
  words("--channel", channels, "A channel, or a glob of channels");
  verb.add_option("--hmac-key", hmac_key,
                  "The file with the secret of hashed names: --key and --channel find those as well")
      ->group("Which records");
  words("--db", dbs, "A database's number");
  words("--source", sources, "The address that the client came from");
  if (!times) return;
  verb.add_option("--from", from,
                  "Not before: 2026-01-31, 2026-01-31T08:00:00Z, or how long ago: -24h, -15m, -7d")
      ->group("Which records");
  verb.add_option("--to", to, "Before that time, written as above")->group("Which records");
}

bool QueryOptions::any() const {
  for (const auto* words : {&keys, &key_prefixes, &principals, &users, &commands, &outcomes, &kinds,
                            &sessions, &grants, &channels, &sources, &dbs}) {
    if (!words->empty()) return true;
  }
  return false;
}

namespace {

// A name in a trail that hashes names has one of these beside its own. Of a pattern no hash can be
// made: who looks for one means the names that are shown.
Result<> add_hashes(const std::string& file, std::vector<std::string>& names) {
  const auto secrets = audit::load_name_keys(file);
  if (!secrets) return secrets.error();
  const std::size_t given = names.size();
  for (std::size_t i = 0; i < given; ++i) {
    if (names[i].find_first_of("*?[\\") != std::string::npos)
      return Error(Errc::invalid, "--hmac-key finds whole names only, not \"" +
                                      log::printable(names[i], 128) + "\"");
    for (const audit::NameHash& secret : *secrets) {
      const audit::HashedName hashed = secret(names[i]);
      names.emplace_back(hashed.data(), hashed.size());
    }
  }
  return {};
}

}  // namespace

Result<trail::Query> QueryOptions::query(WallTime now) const {
  trail::Query query;
  query.keys = keys;
  query.key_prefixes = key_prefixes;
  query.principals = principals;
  query.users = users;
  for (const std::string& name : commands) query.commands.push_back(trail::lower_command(name));
  query.kinds = kinds;
  query.sessions = sessions;
  query.grants = grants;
  query.channels = channels;
  query.sources = sources;
  if (!hmac_key.empty()) {
    for (auto* names : {&query.keys, &query.channels}) {
      if (auto added = add_hashes(hmac_key, *names); !added) return added.error();
    }
  }
  for (const std::string& name : outcomes) {
    const auto outcome = trail::outcome_of(name);
    if (!outcome)
      return Error(
          Errc::invalid,
          "--outcome \"" + name + "\": write ok, error, denied, unknown, not_executed or intent");
    query.outcomes.push_back(*outcome);
  }
  for (const std::string& text : dbs) {
    std::uint32_t db = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), db);
    if (error != std::errc{} || end != text.data() + text.size())
      return Error(Errc::invalid, "--db \"" + text + "\": write a number, as 0");
    query.dbs.push_back(db);
  }
  for (const auto& [option, text, into] :
       {std::tuple{"--from ", &from, &query.from_us}, std::tuple{"--to ", &to, &query.until_us}}) {
    if (text->empty()) continue;
    const auto time = trail::parse_time(*text, now);
    if (!time) return Error(Errc::invalid, option + time.error().message());
    *into = *time;
  }
  if (query.from_us >= query.until_us)
    return Error(Errc::invalid, "--from " + from + " is not before --to " + to);
  return query;
}

}  // namespace keyward::cli
