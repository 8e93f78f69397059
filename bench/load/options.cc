#include "options.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>

namespace keyward::load {

namespace {

constexpr const char* kUsage =
    R"(kwload MODE --to HOST:PORT [options]   load for one Redis end point on loopback; prints JSON

modes
  closed   every connection keeps --pipe requests under way
  open     requests start when a clock says so (--rate), whatever became of the ones before;
           latency counts from the scheduled moment
  churn    a new connection a request: connect, TLS, [AUTH], PING, close; --conns of them at a time
  hold     opens and logs in --counts connections, waits for a line at each count
  logins   a burst: --conns connections connect, shake hands and AUTH, --width of them at a time; how
           long the handshake took, and how long AUTH, for each; all stay until the last is in
  fill     writes every key once
  hop      how long a cache line takes between two CPUs (--counts CPU,CPU) and back

options
  --tls [--ca FILE] [--sni NAME] [--user U] [--secrets FILE]   FILE: a password or token a line
  --once N                     every secret once only, from line N of the file on
  --conns N --width N --pipe N --size BYTES --keys N --gets PERCENT --warm S --secs S --prefix TEXT
  --heavy N --heavy-pipe N     more connections, reported apart
  --rate R [--steady|--step]   open: a Poisson process, or even spacing, or all connections in step
  --resume, --refused, --no-ping   churn: resume TLS sessions; expect NOAUTH; close after AUTH
)";

std::uint32_t number(const std::string& text, std::uint32_t most) {
  char* end = nullptr;
  const unsigned long value = std::strtoul(text.c_str(), &end, 10);
  if (text.empty() || *end != 0 || value > most)
    fail("not a number up to " + std::to_string(most) + ": " + text);
  return static_cast<std::uint32_t>(value);
}

void endpoint(Options& o, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) fail("--to is HOST:PORT");
  o.host = text.substr(0, colon) == "localhost" ? "127.0.0.1" : text.substr(0, colon);
  if (o.host.rfind("127.", 0) != 0) fail("loads go to loopback only");
  o.port = static_cast<std::uint16_t>(number(text.substr(colon + 1), 65535));
}

std::vector<std::uint32_t> numbers(const std::string& text) {
  std::vector<std::uint32_t> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    out.push_back(number(text.substr(at, comma - at), 1'000'000));
    at = comma + 1;
  }
  return out;
}

Mode mode_of(const std::string& name) {
  static const std::map<std::string, Mode> modes{
      {"closed", Mode::closed}, {"open", Mode::open}, {"churn", Mode::churn},  {"hold", Mode::hold},
      {"fill", Mode::fill},     {"hop", Mode::hop},   {"logins", Mode::logins}};
  const auto found = modes.find(name);
  if (found == modes.end()) fail("no mode " + name + "\n" + kUsage);
  return found->second;
}

void check(const Options& o) {
  if (o.mode == Mode::hop) return;
  if (o.port == 0) fail("--to HOST:PORT is missing");
  if (o.size < 16) fail("--size is at least 16: a value begins with its key's number");
  if (o.conns == 0 || o.pipe == 0 || o.keys == 0 || o.heavy_pipe == 0 || o.width == 0)
    fail("counts begin at 1");
  if (o.gets > 100) fail("--gets is a percentage");
  if (o.mode == Mode::open && o.rate <= 0) fail("open needs --rate");
  if (o.mode == Mode::hold && o.counts.empty()) fail("hold needs --counts");
  if (o.mode == Mode::logins && o.secrets.empty()) fail("logins needs --secrets");
  if (o.secs <= 0 || o.secs > 600 || o.warm < 0) fail("--secs is above 0 and at most 600");
}

}  // namespace

void fail(const std::string& text) {
  std::fprintf(stderr, "kwload: %s\n", text.c_str());
  std::exit(1);
}

Options parse(int argc, char** argv) {
  if (argc < 2 || std::string(argv[1]) == "--help") {
    std::fputs(kUsage, stdout);
    std::exit(argc < 2 ? 2 : 0);
  }
  Options o;
  o.mode = mode_of(argv[1]);
  const std::map<std::string, std::function<void()>> flags{
      {"--tls", [&] { o.tls = true; }},
      {"--resume", [&] { o.resume = true; }},
      {"--refused", [&] { o.refused = true; }},
      {"--no-ping", [&] { o.ping = false; }},
      {"--steady", [&] { o.spacing = Options::Spacing::steady; }},
      {"--step", [&] { o.spacing = Options::Spacing::step; }}};
  using Text = const std::string&;
  const std::map<std::string, std::function<void(Text)>> values{
      {"--to", [&](Text v) { endpoint(o, v); }},
      {"--ca", [&](Text v) { o.ca = v; }},
      {"--sni", [&](Text v) { o.sni = v; }},
      {"--user", [&](Text v) { o.user = v; }},
      {"--secrets", [&](Text v) { o.secrets = v; }},
      {"--once", [&](Text v) { o.once = true, o.first = number(v, 10'000'000); }},
      {"--prefix", [&](Text v) { o.prefix = v; }},
      {"--conns", [&](Text v) { o.conns = number(v, 100'000); }},
      {"--width", [&](Text v) { o.width = number(v, 100'000); }},
      {"--pipe", [&](Text v) { o.pipe = number(v, 100'000); }},
      {"--heavy", [&](Text v) { o.heavy = number(v, 1000); }},
      {"--heavy-pipe", [&](Text v) { o.heavy_pipe = number(v, 100'000); }},
      {"--size", [&](Text v) { o.size = number(v, 16 << 20); }},
      {"--keys", [&](Text v) { o.keys = number(v, 99'999'999); }},
      {"--gets", [&](Text v) { o.gets = number(v, 100); }},
      {"--rate", [&](Text v) { o.rate = std::atof(v.c_str()); }},
      {"--warm", [&](Text v) { o.warm = std::atof(v.c_str()); }},
      {"--secs", [&](Text v) { o.secs = std::atof(v.c_str()); }},
      {"--counts", [&](Text v) { o.counts = numbers(v); }},
  };
  for (int at = 2; at < argc; ++at) {
    const std::string name = argv[at];
    if (const auto flag = flags.find(name); flag != flags.end()) {
      flag->second();
    } else if (const auto value = values.find(name); value != values.end() && at + 1 < argc) {
      value->second(argv[++at]);
    } else {
      fail("unknown option, or one without its value: " + name);
    }
  }
  check(o);
  return o;
}

}  // namespace keyward::load
