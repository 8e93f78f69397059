// Syslog has no answers. What stands in for one: after a batch we end our direction and wait until
// the receiver, having read to that end, ends its own. A receiver that dies with unread bytes
// resets the connection instead, and the batch comes again.
#include "forward/client_context.h"
#include "forward/receiver.h"
#include "forward/syslog.h"

#include "keyward/net/connect.h"

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <poll.h>
#include <unistd.h>

namespace keyward::forward {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kChunk = std::size_t{64} << 10;

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

// Until the socket is ready, the deadline passed or the stop came.
Result<> wait_for(const net::Stream& stream, short what, steady_clock::time_point end,
                  const GoOn& go_on) {
  while (go_on()) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
    if (left.count() <= 0) return Error(Errc::timeout, "no progress within the deadline");
    pollfd wanted{stream.descriptor(), what, 0};
    if (::poll(&wanted, 1, static_cast<int>(std::min<milliseconds>(left, kTurn).count()) + 1) > 0)
      return {};
  }
  return Error(Errc::closed, "Keyward is stopping");
}

Result<> write_all(net::Stream& stream, std::string_view bytes, steady_clock::time_point end,
                   const GoOn& go_on) {
  while (!bytes.empty()) {
    const net::IoResult sent = stream.write(bytes);
    bytes.remove_prefix(sent.bytes);
    if (sent.status == net::IoStatus::ok) continue;
    if (sent.status == net::IoStatus::failed || sent.status == net::IoStatus::eof)
      return Error(Errc::closed, "the connection broke: " + stream.error());
    const short what = sent.status == net::IoStatus::want_read ? POLLIN : POLLOUT;
    if (auto ready = wait_for(stream, what, end, go_on); !ready) return ready;
  }
  return {};
}

// To the end that the receiver makes.
Result<> read_to_end(net::Stream& stream, steady_clock::time_point end, const GoOn& go_on) {
  std::array<char, 4096> ignored{};
  for (;;) {
    const net::IoResult got = stream.read(ignored);
    if (got.status == net::IoStatus::eof) return {};
    if (got.status == net::IoStatus::failed)
      return Error(Errc::closed, "the connection broke: " + stream.error());
    if (got.status == net::IoStatus::ok) continue;
    const short what = got.status == net::IoStatus::want_write ? POLLOUT : POLLIN;
    if (auto ready = wait_for(stream, what, end, go_on); !ready) return ready;
  }
}

class SyslogReceiver final : public Receiver {
 public:
  SyslogReceiver(const ForwarderConfig& config, std::string instance)
      : config_(config), instance_(std::move(instance)), host_(host_name()) {}

  Result<> renew_context() {
    if (config_.endpoint.kind != net::Endpoint::Kind::tls) return {};
    return tls_.renew(config_);
  }

  [[nodiscard]] Answer deliver(Items items, const GoOn& go_on) override {
    const auto end = steady_clock::now() + config_.timeout;
    auto stream = open(go_on);
    if (!stream) return later(stream.error().message());
    std::string chunk;
    for (std::size_t at = 0; at < items.size(); ++at) {
      chunk += syslog_frame(items[at], host_, instance_, ::getpid());
      if (chunk.size() < kChunk && at + 1 < items.size()) continue;
      if (auto sent = write_all(**stream, chunk, end, go_on); !sent)
        return later(sent.error().message());
      chunk.clear();
    }
    (*stream)->shutdown();
    if (auto ended = read_to_end(**stream, end, go_on); !ended)
      return later("the receiver did not confirm the end: " + ended.error().message());
    return settled(items.size());
  }

  [[nodiscard]] Result<> probe(const GoOn& go_on) override {
    auto stream = open(go_on);
    if (!stream) return stream.error();
    (*stream)->shutdown();
    return read_to_end(**stream, steady_clock::now() + config_.timeout, go_on);
  }

 private:
  Result<std::unique_ptr<net::Stream>> open(const GoOn& go_on) {
    if (auto ready = renew_context(); !ready) return ready.error();
    std::optional<Result<std::unique_ptr<net::Stream>>> opened;
    boost::asio::io_context io{1};
    const auto handle =
        net::connect(io, config_.endpoint, tls_.get(), config_.tls.server_name, config_.timeout,
                     [&opened](Result<std::unique_ptr<net::Stream>> result) {
                       opened.emplace(std::move(result));
                     });
    while (!opened && !io.stopped() && go_on()) io.run_one_for(kTurn);
    if (!opened) return Error(Errc::closed, "Keyward is stopping");
    return *std::move(opened);
  }

  ForwarderConfig config_;
  std::string instance_, host_;
  ClientContext tls_;
};

}  // namespace

Result<std::unique_ptr<Receiver>> make_syslog_receiver(const ForwarderConfig& config,
                                                       const std::string& instance) {
  auto made = std::make_unique<SyslogReceiver>(config, instance);
  if (auto ready = made->renew_context(); !ready) return ready.error();
  return std::unique_ptr<Receiver>(std::move(made));
}

}  // namespace keyward::forward
