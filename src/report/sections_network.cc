// Which ways lead in, how they are protected, and what runs inside Redis.
#include "report/sections.h"

#include "keyward/base/text.h"

namespace keyward::report {
namespace {

std::uint64_t logins_without_tls(const Facts& facts) {
  std::uint64_t out = 0;
  for (const auto& [name, uses] : facts.channels_in.sorted()) {
    if (parts(name).size() > 1 && parts(name)[1].empty()) out += uses.count;
  }
  return out;
}

bool about_code(std::string_view command) {
  for (const std::string_view head : {"module", "function", "script", "eval", "fcall", "debug"})
    if (command.starts_with(head)) return true;
  return false;
}

Table code_refused(const Facts& facts) {
  Table out{.id = "code_refused",
            .title = "Scripts, functions and modules that were refused",
            .nothing = "none was tried."};
  out.columns = {{"principal", "Principal"},
                 {"command", "Command"},
                 {"reason", "Reason"},
                 {"count", "Count"},
                 {"last", "Last"}};
  for (const auto& [name, uses] : facts.refusals.sorted()) {
    const auto one = parts(name);
    if (one.size() != 3 || !about_code(one[2])) continue;
    out.rows.push_back({name_cell(one[0]), name_cell(one[2]), text_cell(one[1]),
                        count_cell(uses.count), moment_cell(uses.last_us)});
  }
  return out;
}

}  // namespace

Section boundary(const Input& input, Findings& findings) {
  const Facts& facts = input.read.facts;
  Section out{.id = "cc6-6", .criterion = "CC6.6", .title = "Boundary"};
  out.asks = "Do only approved paths lead in, from where are they used, and what is turned away?";
  out.evidence =
      "The listeners that logins came through, the addresses they came from, and the logins that "
      "were "
      "refused, by reason and address.";
  out.limits =
      "Connections that ended before a login was tried: those that did not speak TLS where it is "
      "required, or came from addresses that are not let in, leave a line in the log and a count "
      "in "
      "the metrics, and no record. Behind a load balancer the address is its own, unless it speaks "
      "the PROXY protocol.";
  std::set<std::string> listeners;
  for (const auto& [name, uses] : facts.channels_in.sorted()) listeners.insert(parts(name)[0]);
  const std::uint64_t plain = logins_without_tls(facts);
  out.figures = {figure("listeners used", listeners.size()),
                 figure("addresses", facts.sources.size()),
                 figure("logins refused", facts.login_reasons.total()),
                 figure("logins without TLS", plain, plain > 0)};
  if (plain > 0)
    findings.push_back("CC6.6: " + counted(plain, "login", "logins") + " came in without TLS.");
  out.tables = {
      tally_table("addresses", "Addresses that logged in", facts.sources, {{"address", "Address"}}),
      tally_table("login_refusals", "Refused logins, by reason", facts.login_reasons,
                  {{"reason", "Reason"}}),
      tally_table("login_refusal_addresses", "Refused logins, by address", facts.login_sources,
                  {{"address", "Address"}}),
      tally_table("clients", "Client libraries, as they call themselves", facts.libraries,
                  {{"library", "Library"}})};
  return out;
}

Section transmission(const Input& input, Findings&) {
  const Facts& facts = input.read.facts;
  Section out{.id = "cc6-7", .criterion = "CC6.7", .title = "Transmission"};
  out.asks = "Is data encrypted on its way, on both legs?";
  out.evidence =
      "The TLS version and cipher of every login, by listener, and the Redis servers that "
      "sessions were led to.";
  out.limits =
      "The leg to Redis: the trail names the server and not how it was reached. upstream.url "
      "begins "
      "with rediss:// where it is encrypted, and Keyward then checks the certificate; take the "
      "configuration to the file.";
  const std::uint64_t plain = logins_without_tls(facts);
  out.figures = {figure("logins with TLS", facts.channels_in.total() - plain),
                 figure("logins without TLS", plain, plain > 0)};
  out.tables = {
      tally_table("tls", "Logins by listener, TLS version and cipher", facts.channels_in,
                  {{"listener", "Listener"}, {"version", "TLS"}, {"cipher", "Cipher"}}),
      tally_table("servers", "Redis servers behind sessions", facts.nodes, {{"server", "Server"}})};
  return out;
}

Section scripts(const Input& input, Findings&) {
  const Facts& facts = input.read.facts;
  Section out{.id = "cc6-8", .criterion = "CC6.8", .title = "Unauthorised software"};
  out.asks = "Which code ran inside the database, and was any other tried?";
  out.evidence =
      "Scripts and functions that ran, by their SHA-1 or name, with the commands they call where "
      "their text was seen; who handed each text over and which rule let them; and what was "
      "refused of EVAL, SCRIPT, FUNCTION and MODULE.";
  out.limits =
      "What a script decided at run time. Redis holds each of its calls to the rights of the "
      "user that ran it, so it reached nothing else.";
  Table out_table = tally_table("scripts", "Scripts and functions that ran", facts.scripts,
                                {{"command", "Command"},
                                 {"digest", "SHA-1 or name"},
                                 {"calls", "Calls"},
                                 {"principal", "Principal"}});
  out_table.nothing = "none ran.";
  Table brought =
      tally_table("scripts_handed_over", "Scripts and libraries, when an instance first met them",
                  facts.handed_over,
                  {{"digest", "SHA-1"},
                   {"what", "What"},
                   {"principal", "Handed over by"},
                   {"grant", "Grant"},
                   {"rule", "Rule"}});
  brought.nothing = "none came with its text.";
  Table refused = code_refused(facts);
  std::uint64_t tried = 0;
  for (const auto& row : refused.rows) tried += static_cast<std::uint64_t>(row[3].order);
  out.figures = {figure("executions", facts.scripts.total()), figure("refused", tried)};
  out.tables = {std::move(out_table), std::move(brought), std::move(refused)};
  return out;
}

}  // namespace keyward::report
