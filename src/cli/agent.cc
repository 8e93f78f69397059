#include "cli/agent_options.h"
#include "cli/output.h"
#include "cli/process.h"
#include "cli/verbs.h"

#include "keyward/base/descriptor.h"
#include "keyward/base/log.h"
#include "keyward/resp/reply_scanner.h"

#include <boost/asio/signal_set.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

namespace keyward::cli {
namespace {

constexpr timeval kStatusPatience{3, 0};

struct AgentVerbOptions {
  AgentOptions agent;
  bool json_log = false, allow_core = false;
  std::string log_level;
};

// SIGTERM and SIGINT end the clients at safe points, a second one ends them now.
class Signals {
 public:
  explicit Signals(agent::Agent& agent) : agent_(agent), signals_(agent.io(), SIGTERM, SIGINT) {
    wait();
  }

 private:
  void wait() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (std::exchange(draining_, true)) return agent_.io().stop();
      spdlog::info("signal {}: ending the clients at safe points", signal);
      agent::notify_manager("STOPPING=1");
      agent_.drain([this] { agent_.io().stop(); });
      wait();
    });
  }
  agent::Agent& agent_;
  boost::asio::signal_set signals_;
  bool draining_ = false;
};

int run_agent(const AgentVerbOptions& options) {
  auto config = agent_config(options.agent);
  if (!config) return kUsage;
  if (!options.log_level.empty()) config->log_level = options.log_level;
  log::setup(config->log_level, config->log_json || options.json_log);
  if (!options.allow_core) forbid_core_dumps();
  raise_file_limit();
  const agent::TokenConfig token = config->token;
  auto agent = agent::Agent::create(std::move(*config), source_maker(options.agent, token));
  if (!agent) return fail(agent.error().message());
  const Signals signals(**agent);
  (*agent)->start([&agent] {
    for (const net::Endpoint& place : (*agent)->listening()) print_line("ready " + place.text());
    agent::notify_manager("READY=1");
  });
  (*agent)->io().run();
  return kDone;
}

Result<Descriptor> connect_to(const net::Endpoint& place) {
  sockaddr_storage address{};
  socklen_t size = 0;
  if (place.kind == net::Endpoint::Kind::unix_socket) {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    place.host.copy(un.sun_path, sizeof un.sun_path - 1);
    size = sizeof un;
    std::memcpy(&address, &un, sizeof un);
  } else {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(place.port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    size = sizeof in;
    std::memcpy(&address, &in, sizeof in);
  }
  Descriptor socket(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::setsockopt(socket.number(), SOL_SOCKET, SO_RCVTIMEO, &kStatusPatience, sizeof kStatusPatience);
  if (::connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
    return Error(Errc::unavailable, "no agent at " + place.text() + ": " + std::strerror(errno));
  return socket;
}

Result<std::string> ask_status(const net::Endpoint& place) {
  const Result<Descriptor> socket = connect_to(place);
  if (!socket) return socket.error();
  constexpr std::string_view kAsk = "*2\r\n$7\r\nKEYWARD\r\n$5\r\nAGENT\r\n";
  (void)::send(socket->number(), kAsk.data(), kAsk.size(), MSG_NOSIGNAL);
  std::string answer;
  resp::ReplyScanner scanner;
  for (std::array<char, 4096> block{};;) {
    const ssize_t count = ::recv(socket->number(), block.data(), block.size(), 0);
    if (count <= 0) return Error(Errc::unavailable, place.text() + " gave no answer");
    answer.append(block.data(), static_cast<std::size_t>(count));
    if (scanner.feed({block.data(), static_cast<std::size_t>(count)}).done) break;
  }
  const std::size_t line = answer.find("\r\n");
  if (!answer.starts_with('$') || line == answer.npos)
    return Error(Errc::invalid, place.text() + " is no agent of Keyward: it said " +
                                    log::printable(answer.substr(0, line), 80));
  return answer.substr(line + 2, answer.size() - line - 4);
}

void print_status(const boost::json::object& facts) {
  for (const auto& [name, value] : facts) {
    if (value.is_object()) {
      for (const auto& [inner, one] : value.get_object())
        print_line(std::string(name) + "." + std::string(inner) + ": " +
                   boost::json::serialize(one));
    } else {
      print_line(std::string(name) + ": " + boost::json::serialize(value));
    }
  }
}

// The token being there is what makes an agent useful.
int show_status(const std::string& where, bool json) {
  const auto place = agent::parse_local(where);
  if (!place) return usage("--listen: " + place.error().message());
  const auto answer = ask_status(*place);
  if (!answer) return fail(answer.error().message(), json);
  boost::system::error_code bad;
  const boost::json::value facts = boost::json::parse(*answer, bad);
  if (bad || !facts.is_object()) return fail(place->text() + " gave no status", json);
  if (json) {
    print_json(facts);
  } else {
    print_status(facts.get_object());
  }
  const boost::json::value* token = facts.get_object().if_contains("token");
  const boost::json::value* held =
      token != nullptr && token->is_object() ? token->get_object().if_contains("held") : nullptr;
  return held != nullptr && held->is_bool() && held->get_bool() ? kDone : kDoesNotHold;
}

void add_status(CLI::App& agent, Chosen& chosen) {
  CLI::App* verb = agent.add_subcommand("status", "What a running agent does");
  auto where = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  verb->add_option("--listen", *where, "Where it listens: unix:///PATH or 127.0.0.1:PORT")
      ->required()
      ->type_name("PLACE");
  verb->add_flag("--json", *json, "One JSON object");
  verb->footer(
      "Exits 0 when the agent holds a good token, 1 when it does not or cannot be reached.\n"
      "Example:\n  keyward agent status --listen unix:///run/keyward/agent.sock");
  verb->callback([&chosen, where, json] {
    chosen.run = [where, json] { return show_status(*where, *json); };
  });
}

}  // namespace

void add_agent(CLI::App& app, Chosen& chosen) {
  CLI::App* verb = app.add_subcommand(
      "agent", "A local endpoint for clients that cannot renew tokens: logs in for them");
  auto options = std::make_shared<AgentVerbOptions>();
  add_agent_options(*verb, options->agent);
  verb->add_option("--listen", options->agent.listen,
                   "unix:///PATH or 127.0.0.1:PORT; may be repeated")
      ->type_name("PLACE");
  verb->add_option("--allow-uid", options->agent.allow_uids,
                   "Another user whose processes may connect; may be repeated");
  verb->add_option("--password-file", options->agent.password_file,
                   "What clients must AUTH with (default: anything will do)")
      ->type_name("FILE");
  verb->add_option("--log", options->log_level, "trace, debug, info, warn or error");
  verb->add_flag("--log-json", options->json_log, "One JSON object a line");
  verb->add_flag("--allow-core", options->allow_core,
                 "Leave core dumps and debuggers possible: memory holds tokens");
  verb->footer(
      "Prints `ready PLACE` when the first token is there. SIGTERM ends the clients at safe "
      "points.\n"
      "Example:\n  keyward agent --upstream rediss://keyward:6380 --ca ca.pem \\\n"
      "    --listen unix:///run/keyward/agent.sock --token-file /var/run/secrets/keyward/token");
  verb->require_subcommand(0, 1);
  verb->callback([&chosen, options, verb] {
    if (verb->get_subcommands().empty()) chosen.run = [options] { return run_agent(*options); };
  });
  add_status(*verb, chosen);
}

}  // namespace keyward::cli
