// Runs a program behind an agent of its own.
#include "cli/agent_options.h"
#include "cli/output.h"
#include "cli/process.h"
#include "cli/verbs.h"

#include "keyward/base/descriptor.h"
#include "keyward/base/log.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <signal.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

extern char** environ;  // NOLINT: POSIX names it so

namespace keyward::cli {
namespace {

constexpr std::chrono::milliseconds kDrain{1000};
constexpr std::chrono::milliseconds kLook{100};
constexpr int kNotStarted = 127;  // as a shell says it
constexpr int kBySignal = 128;

struct ExecOptions {
  AgentOptions agent;
  std::vector<std::string> command;
};

// A folder of our own for the socket, gone with us.
class PrivateFolder {
 public:
  PrivateFolder() {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    std::string name =
        std::string(runtime != nullptr && *runtime == '/' ? runtime : "/tmp") + "/keyward-XXXXXX";
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~PrivateFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The environment of this process with some names changed; an empty value takes a name away.
class Environment {
 public:
  Environment() {
    for (char** one = environ; *one != nullptr; ++one) texts_.emplace_back(*one);
  }
  void set(const std::string& name, const std::string& value) {
    std::erase_if(texts_, [&](const std::string& text) { return text.starts_with(name + "="); });
    if (!value.empty()) texts_.push_back(name + "=" + value);
  }
  [[nodiscard]] std::vector<char*> pointers() {
    std::vector<char*> out;
    for (std::string& text : texts_) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
  }

 private:
  std::vector<std::string> texts_;
};

// The child, and the signals between it and us.
class Program {
 public:
  Program(agent::Agent& agent, std::vector<std::string> argv, Environment environment)
      : agent_(agent),
        argv_(std::move(argv)),
        environment_(std::move(environment)),
        signals_(agent.io()),
        timer_(agent.io()) {}

  // Blocks what has to be forwarded; before any thread is started.
  void take_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int one : {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH})
      sigaddset(&set, one);
    ::sigprocmask(SIG_BLOCK, &set, &before_);
    signals_.assign(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    wait();
  }
  void start() {
    std::vector<char*> words;
    for (std::string& word : argv_) words.push_back(word.data());
    words.push_back(nullptr);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &before_);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int code = ::posix_spawnp(&child_, words[0], nullptr, &attributes, words.data(),
                                    environment_.pointers().data());
    posix_spawnattr_destroy(&attributes);
    if (code == 0) return;
    child_ = 0;
    std::fprintf(stderr, "keyward: %s: %s\n", argv_[0].c_str(), std::strerror(code));
    end(kNotStarted);
  }
  // Until there is a token, or a reason why there is none.
  void wait_for_token() {
    timer_.expires_after(kLook);
    timer_.async_wait([this](const boost::system::error_code& stopped) {
      if (stopped || child_ != 0) return;
      if (const std::string why = agent_.token_trouble(); !why.empty()) {
        end(fail("no token: " + why));
      } else {
        wait_for_token();
      }
    });
  }
  [[nodiscard]] int code() const { return code_; }

 private:
  void wait() {
    signals_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [this](const boost::system::error_code& error) {
                          if (error) return;
                          signalfd_siginfo one{};
                          while (::read(signals_.native_handle(), &one, sizeof one) == sizeof one)
                            on_signal(one);
                          wait();
                        });
  }
  void on_signal(const signalfd_siginfo& one) {
    const int number = static_cast<int>(one.ssi_signo);
    if (number == SIGCHLD) return reap();
    if (child_ == 0) return end(kBySignal + number);
    // What a terminal sends, it sends to the child as well.
    if (one.ssi_code != SI_KERNEL) ::kill(child_, number);
  }
  void reap() {
    int status = 0;
    if (child_ == 0 || ::waitpid(child_, &status, WNOHANG) != child_) return;
    end(WIFEXITED(status) ? WEXITSTATUS(status) : kBySignal + WTERMSIG(status));
  }
  void end(int code) {
    if (std::exchange(over_, true)) return;
    code_ = code;
    timer_.cancel();
    agent_.drain([this] { agent_.io().stop(); });
  }

  agent::Agent& agent_;
  std::vector<std::string> argv_;
  Environment environment_;
  boost::asio::posix::stream_descriptor signals_;
  boost::asio::steady_timer timer_;
  sigset_t before_{};
  pid_t child_ = 0;
  int code_ = kDoesNotHold;
  bool over_ = false;
};

// `argv` gets the path of the socket.
int run_behind(const AgentOptions& options,
               const std::function<std::vector<std::string>(const std::string&)>& argv,
               const std::function<void(Environment&)>& adapt) {
  auto config = agent_config(options);
  if (!config) return kUsage;
  log::setup("warn", false);
  forbid_own_core_dump();
  const PrivateFolder folder;
  if (folder.path().empty()) return fail("no folder for a socket can be made in /tmp");
  const std::string socket = folder.path() + "/agent.sock";
  agent::ListenerConfig on_unix, on_loopback;
  on_unix.endpoint = {net::Endpoint::Kind::unix_socket, socket, 0};
  on_loopback.endpoint = {net::Endpoint::Kind::tcp, "127.0.0.1", 0};
  config->listeners = {on_unix, on_loopback};
  config->drain = kDrain;
  const agent::TokenConfig token = config->token;
  auto agent = agent::Agent::create(std::move(*config), source_maker(options, token));
  if (!agent) return fail(agent.error().message());
  const std::string port = std::to_string((*agent)->listening().back().port);
  Environment environment;
  environment.set("REDIS_URL", "redis://127.0.0.1:" + port);
  environment.set("REDIS_HOST", "127.0.0.1");
  environment.set("REDIS_PORT", port);
  environment.set("KEYWARD_URL", "redis://127.0.0.1:" + port);
  environment.set("KEYWARD_SOCKET", socket);
  adapt(environment);
  Program program(**agent, argv(socket), std::move(environment));
  program.take_signals();
  (*agent)->start([&program] { program.start(); });
  program.wait_for_token();
  (*agent)->io().run();
  return program.code();
}

// The words that are no options of the verb, and those behind "--".
std::vector<std::string> command_of(const CLI::App& verb, const Chosen& chosen) {
  std::vector<std::string> words = verb.remaining();
  words.insert(words.end(), chosen.behind_dashes.begin(), chosen.behind_dashes.end());
  return words;
}

}  // namespace

void add_exec(CLI::App& app, Chosen& chosen) {
  CLI::App* verb =
      app.add_subcommand("exec", "Run a program that finds Keyward at REDIS_URL, logged in");
  auto options = std::make_shared<ExecOptions>();
  add_agent_options(*verb, options->agent);
  verb->prefix_command();
  verb->footer(
      "The program gets REDIS_URL and KEYWARD_URL (redis://127.0.0.1:PORT), REDIS_HOST, REDIS_PORT "
      "and\nKEYWARD_SOCKET (the path of a unix socket): an agent that ends with it. Its exit code "
      "is "
      "passed on.\n"
      "Example:\n  keyward exec --upstream rediss://keyward:6380 --token-file /run/token -- \\\n"
      "    celery -A tasks worker");
  verb->callback([&chosen, options, verb] {
    options->command = command_of(*verb, chosen);
    chosen.run = [options] {
      const std::vector<std::string>& command = options->command;
      if (command.empty()) return usage("what to run is missing: keyward exec ... -- CMD");
      if (command.front().starts_with('-'))
        return usage("no such option: " + command.front() + " (the program stands behind --)");
      return run_behind(
          options->agent, [&](const std::string&) { return command; }, [](Environment&) {});
    };
  });
}

void add_redis_cli(CLI::App& app, Chosen& chosen) {
  CLI::App* verb = app.add_subcommand("redis-cli", "redis-cli through Keyward, logged in");
  auto options = std::make_shared<ExecOptions>();
  add_agent_options(*verb, options->agent);
  verb->prefix_command();
  verb->footer(
      "What is no option of this verb goes to redis-cli, with all that follows. No history is "
      "written\nunless REDISCLI_HISTFILE names a file. No token is in its arguments, environment "
      "or "
      "history.\n"
      "Examples:\n  keyward redis-cli --state .keyward --subject alice --group airflow-workers GET "
      "app:k\n"
      "  keyward redis-cli --upstream rediss://keyward:6380 --device --issuer "
      "https://login.example.com --client-id cli");
  verb->callback([&chosen, options, verb] {
    options->command = command_of(*verb, chosen);
    chosen.run = [options] {
      return run_behind(
          options->agent,
          [&](const std::string& socket) {
            std::vector<std::string> argv{"redis-cli", "-s", socket};
            argv.insert(argv.end(), options->command.begin(), options->command.end());
            return argv;
          },
          [](Environment& environment) {
            environment.set("REDISCLI_AUTH", "");
            if (std::getenv("REDISCLI_HISTFILE") == nullptr)
              environment.set("REDISCLI_HISTFILE", "/dev/null");
          });
    };
  });
}

}  // namespace keyward::cli
