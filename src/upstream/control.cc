#include "keyward/upstream/control.h"

#include "upstream/control_reply.h"
#include "upstream/file_stamp.h"

#include "keyward/base/buffer.h"
#include "keyward/base/log.h"
#include "keyward/net/connect.h"
#include "keyward/net/stream_wait.h"
#include "keyward/resp/reply_scanner.h"
#include "keyward/resp/writer.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <optional>
#include <random>
#include <variant>

namespace keyward::upstream {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

constexpr milliseconds kFirstBackoff{50};
constexpr milliseconds kLongestBackoff{400};
constexpr milliseconds kPingEvery{5000};
constexpr milliseconds kLookAtFile{1000};
constexpr int kLongestRefused = 30;  // seconds between two tries of a password that was refused
constexpr milliseconds kAnswerWithin{3000};
constexpr std::size_t kLargestReply = 64UL * 1024 * 1024;
constexpr std::size_t kReadSize = 16384;

using RawDone = std::function<void(Result<std::string>)>;
using Call = std::variant<Control::Done, RawDone>;

void fail(const Call& call, const Error& error) {
  std::visit([&error](const auto& done) { done(error); }, call);
}

}  // namespace

// One connection at a time. Handlers carry the epoch of the connection they were made for and do
// nothing in a later one.
struct Control::State : std::enable_shared_from_this<Control::State> {
  enum class Phase { stopped, down, connecting, login, up };

  State(asio::io_context& context, UpstreamConfig settings)
      : io(context), config(std::move(settings)), timer(context), file_timer(context) {}

  // --- connecting
  void open() {
    phase = Phase::connecting;
    net::SslContext tls;
    if (config.endpoint.kind == net::Endpoint::Kind::tls) {
      // Made anew each time, so that renewed certificates are picked up by the next connection.
      auto made = net::make_client_context(config.tls);
      if (made.has_error()) return lose(made.error().message());
      tls = std::move(*made);
    }
    connecting = net::connect(
        io, config.endpoint, std::move(tls), config.tls.server_name, config.connect_timeout,
        [self = shared_from_this()](Result<std::unique_ptr<net::Stream>> made) {
          self->opened(std::move(made));
        });
  }

  void opened(Result<std::unique_ptr<net::Stream>> made) {
    connecting.reset();
    if (made.has_error()) return lose(made.error().message());
    stream = std::move(*made);
    waits.emplace(io, *stream);
    phase = Phase::login;
    if (auto sent = send_login(); sent.has_error()) return lose(sent.error().message());
    arm_deadline("Redis did not answer the login in time");
    move_bytes();
  }

  Result<> send_auth(Done done) {
    if (!config.admin_password) return {};
    stamp = file_stamp(config.admin_password_file);  // before it is read: a change after is seen
    const auto password = config.admin_password();
    if (password.has_error()) return password.error();
    std::vector<std::string_view> argv{"AUTH"};
    if (!config.admin_user.empty()) argv.emplace_back(config.admin_user);
    argv.push_back(password->reveal());
    send(argv, std::move(done));
    return {};
  }

  [[nodiscard]] std::string refused(const std::string& text) const {
    std::string why = "Redis refused the admin login: " + log::printable(text);
    if (!config.admin_password_file.empty()) {
      why += "; put the password of user '" + config.admin_user + "' into " +
             config.admin_password_file + ", it is read again when it changes";
    }
    return why;
  }

  Result<> send_login() {
    auto sent = send_auth(Done([self = shared_from_this()](Result<ControlReply> reply) {
      if (reply.has_error() || reply->type != ControlReply::Type::error) return;
      self->lose(self->refused(reply->text));
    }));
    if (sent.has_error()) return sent;
    // An admin user without +ping may be enough for everything else; LOADING and NOAUTH are not.
    constexpr std::string_view kPing[] = {"PING"};
    send(kPing, Done([self = shared_from_this()](Result<ControlReply> reply) {
           if (reply.has_error() || self->phase != Phase::login) return;
           const bool error = reply->type == ControlReply::Type::error;
           if (error && !reply->text.starts_with("NOPERM"))
             return self->lose("Redis: " + reply->text);
           self->logged_in();
         }));
    return {};
  }

  void logged_in() {
    phase = Phase::up;
    trouble.clear();
    arm_ping();
    arm_file();
    if (on_up) on_up();
  }

  // --- the admin password changes
  void arm_file() {
    if (config.admin_password_file.empty()) return;
    file_timer.expires_after(kLookAtFile);
    file_timer.async_wait([self = shared_from_this(), mine = epoch](error_code error) {
      if (error || self->epoch != mine || self->phase != Phase::up) return;
      self->look_at_file();
      if (self->epoch == mine) self->arm_file();
    });
  }

  // What Redis refused is tried again: the file may have been first.
  void look_at_file() {
    const bool changed = file_stamp(config.admin_password_file) != stamp;
    const bool again = !trouble.empty() && --refused_wait <= 0;
    if (changed || again) log_in_again();
  }

  // A refused AUTH leaves the connection as who it was: what is under way is not disturbed.
  void log_in_again() {
    const auto sent = send_auth(Done([self = shared_from_this()](Result<ControlReply> reply) {
      if (reply.has_error()) return;
      if (reply->type == ControlReply::Type::error) return self->refuse_on(*reply);
      self->trouble.clear();
      self->refused_tries = 0;
      spdlog::info("the control connection logged in with the new admin password");
    }));
    if (!sent.has_error()) return;
    trouble = sent.error().message();
    wait_longer();
  }

  void refuse_on(const ControlReply& reply) {
    trouble = refused(reply.text) + ". The connection that is there goes on";
    if (refused_tries == 0) spdlog::error("{}", trouble);
    wait_longer();
  }

  void wait_longer() {
    refused_wait = std::min(1 << std::min(refused_tries, 5), kLongestRefused);
    ++refused_tries;
  }

  // --- keeping it alive
  void arm_deadline(const char* reason) {
    timer.expires_after(kAnswerWithin);
    timer.async_wait([self = shared_from_this(), mine = epoch, reason](error_code error) {
      if (!error && self->epoch == mine) self->lose(reason);
    });
  }

  void arm_ping() {
    timer.expires_after(kPingEvery);
    timer.async_wait([self = shared_from_this(), mine = epoch](error_code error) {
      if (!error && self->epoch == mine && self->phase == Phase::up) self->ping();
    });
  }

  void ping() {
    constexpr std::string_view kPing[] = {"PING"};
    send(kPing, Done([self = shared_from_this()](const Result<ControlReply>& reply) {
           if (reply.has_error() || self->phase != Phase::up) return;
           self->backoff =
               kFirstBackoff;  // it has lasted: the next loss starts with a short wait again
           self->arm_ping();
         }));
    arm_deadline("Redis did not answer a PING in time");
  }

  // The connection, or the attempt at one, is over. Fails what is in flight, tells the owner, tries
  // again later.
  void lose(const std::string& reason) {
    if (phase == Phase::stopped || phase == Phase::down) return;
    drop();
    phase = Phase::down;
    trouble = reason;
    const milliseconds wait = backoff + milliseconds(std::uniform_int_distribution<int>(
                                            0, static_cast<int>(backoff.count() / 2))(random));
    backoff = std::min(backoff * 2, kLongestBackoff);
    timer.expires_after(wait);
    timer.async_wait([self = shared_from_this(), mine = epoch](error_code error) {
      if (!error && self->epoch == mine && self->phase == Phase::down) self->open();
    });
    const auto self = shared_from_this();
    fail_all(Error(Errc::closed, "the control connection to Redis was lost: " + reason));
    if (phase != Phase::stopped && on_down) on_down(reason);
  }

  void drop() {
    ++epoch;
    timer.cancel();
    file_timer.cancel();
    connecting.reset();
    waits.reset();
    stream.reset();
    out.release();
    in.release();
    scanned = 0;
    scanner = {};
    reader = {};
    waits_readable = waits_writable = flush_posted = false;
  }

  void fail_all(const Error& error) {
    const auto failed = std::exchange(awaiting, {});
    for (const Call& one : failed) fail(one, error);
  }

  void request(const std::vector<std::string>& argv, Call one) {
    if (phase == Phase::up) {
      count(argv);
      const std::vector<std::string_view> views(argv.begin(), argv.end());
      return send(views, std::move(one));
    }
    asio::post(io, [one = std::move(one)] {
      fail(one, Error(Errc::unavailable, "there is no control connection to Redis"));
    });
  }

  void count(const std::vector<std::string>& argv) {
    if (argv.size() < 2 || argv[0] != "ACL") return;
    acl_calls.setuser += argv[1] == "SETUSER" ? 1U : 0U;
    acl_calls.deluser += argv[1] == "DELUSER" ? 1U : 0U;
  }

  // --- bytes
  void send(std::span<const std::string_view> argv, Call one) {
    resp::write_request(out.tail(), argv);
    awaiting.push_back(std::move(one));
    if (std::exchange(flush_posted, true)) return;
    // Everything asked for in this turn of the loop leaves with one write.
    asio::post(io, [self = shared_from_this(), mine = epoch] {
      if (self->epoch != mine) return;
      self->flush_posted = false;
      self->write();
    });
  }

  void move_bytes() {
    const std::uint64_t mine = epoch;
    write();
    if (epoch == mine) read();
  }

  void write() {
    while (stream && !out.empty()) {
      const net::IoResult result = stream->write(out.view());
      switch (result.status) {
        case net::IoStatus::ok:
          out.consume(result.bytes);
          break;
        case net::IoStatus::want_write:
          return wait_writable();
        case net::IoStatus::want_read:
          return;  // read() always waits for that
        case net::IoStatus::eof:
          return lose("closed by Redis");
        case net::IoStatus::failed:
          return lose(std::string(stream->error()));
      }
    }
  }

  void read() {
    const std::uint64_t mine = epoch;
    char bytes[kReadSize];
    for (;;) {
      const net::IoResult result = stream->read(bytes);
      switch (result.status) {
        case net::IoStatus::ok:
          in.append({bytes, result.bytes});
          take_replies();
          if (epoch != mine) return;
          break;
        case net::IoStatus::want_read:
          return wait_readable();
        case net::IoStatus::want_write:
          return wait_writable();
        case net::IoStatus::eof:
          return lose("closed by Redis");
        case net::IoStatus::failed:
          return lose(std::string(stream->error()));
      }
    }
  }

  void wait_readable() {
    if (std::exchange(waits_readable, true)) return;
    waits->readable([self = shared_from_this(), mine = epoch](error_code error) {
      if (self->epoch != mine) return;
      self->waits_readable = false;
      self->ready(error);
    });
  }

  void wait_writable() {
    if (std::exchange(waits_writable, true)) return;
    waits->writable([self = shared_from_this(), mine = epoch](error_code error) {
      if (self->epoch != mine) return;
      self->waits_writable = false;
      self->ready(error);
    });
  }

  void ready(const error_code& error) {
    if (error) return lose(error.message());
    move_bytes();
  }

  void take_replies() {
    const std::uint64_t mine = epoch;
    while (scanned < in.size()) {
      const auto progress = scanner.feed(in.view().substr(scanned));
      scanned += progress.used;
      if (progress.bad) return lose("Redis sent something that is not RESP");
      if (!progress.done) {
        if (in.size() > kLargestReply) lose("a reply of Redis is too large");
        return;
      }
      if (awaiting.empty()) return lose("Redis sent a reply that nobody asked for");
      const Call one = std::move(awaiting.front());
      awaiting.pop_front();
      const std::string frame(in.view().substr(0, scanned));
      in.consume(std::exchange(scanned, 0));
      deliver(one, frame);
      if (epoch != mine) return;
    }
  }

  void deliver(const Call& one, const std::string& frame) {
    if (const auto* raw = std::get_if<RawDone>(&one)) return (*raw)(frame);
    auto reply = reader.parse(frame);
    // NOAUTH: the admin user was made anew without this connection's being asked. Another login
    // tells whether it may go on.
    const bool stranger = !reply.has_error() && reply->type == ControlReply::Type::error &&
                          reply->text.starts_with("NOAUTH") && phase == Phase::up;
    const bool bad = reply.has_error() || stranger;
    const std::string reason = reply.has_error() ? reply.error().message()
                               : stranger        ? "Redis: " + reply->text
                                                 : std::string();
    const std::uint64_t mine = epoch;
    std::get<Done>(one)(std::move(reply));
    if (bad && epoch == mine) lose(reason);
  }

  asio::io_context& io;
  UpstreamConfig config;
  asio::steady_timer timer, file_timer;
  FileStamp stamp;  // of the password file when it was read last
  std::string trouble = "not connected yet";
  int refused_wait = 0, refused_tries = 0;
  AclCalls acl_calls;
  std::function<void()> on_up;
  std::function<void(const std::string&)> on_down;
  Phase phase = Phase::stopped;
  std::uint64_t epoch = 0;
  milliseconds backoff = kFirstBackoff;
  std::minstd_rand random{std::random_device{}()};
  net::ConnectHandle connecting;
  std::unique_ptr<net::Stream> stream;
  std::optional<net::StreamWait> waits;  // goes before its stream
  Buffer out, in;
  bool waits_readable = false, waits_writable = false, flush_posted = false;
  std::size_t scanned = 0;  // leading bytes of `in` that the scanner has seen
  resp::ReplyScanner scanner;
  ControlReader reader;
  std::deque<Call> awaiting;
};

Control::Control(asio::io_context& io, UpstreamConfig config)
    : state_(std::make_shared<State>(io, std::move(config))) {}

Control::~Control() {
  state_->phase = State::Phase::stopped;
  state_->drop();
  state_->awaiting.clear();
  state_->on_up = nullptr;
  state_->on_down = nullptr;
}

void Control::start(std::function<void()> on_up, std::function<void(const std::string&)> on_down) {
  state_->on_up = std::move(on_up);
  state_->on_down = std::move(on_down);
  state_->phase = State::Phase::down;
  asio::post(state_->io, [state = state_] {
    if (state->phase == State::Phase::down) state->open();
  });
}

void Control::stop() {
  const auto state = state_;
  state->phase = State::Phase::stopped;
  state->drop();
  state->fail_all(Error(Errc::closed, "the control connection was stopped"));
}

void Control::call(const std::vector<std::string>& argv, Done done) {
  state_->request(argv, Call(std::move(done)));
}

void Control::call_raw(const std::vector<std::string>& argv, RawDone done) {
  state_->request(argv, Call(std::move(done)));
}

void Control::reconnect(const std::string& why) { state_->lose(why); }

const std::string& Control::trouble() const { return state_->trouble; }

Control::AclCalls Control::acl_calls() const { return state_->acl_calls; }

bool Control::up() const { return state_->phase == State::Phase::up; }

}  // namespace keyward::upstream
