// Many clients send the same seeded random commands to Redis itself and to Keyward, deeply
// pipelined and cut at random places; every reply must come in order and be the same bytes. Exit
// code 0 when that held.
//   model_client DIRECT_PORT DIRECT_USER DIRECT_PASSWORD PORT CA_FILE TOKEN_FILE RESP CLIENTS
//   COMMANDS SEED
// The direct connection is plain TCP, the other one TLS. Keys and channels begin with app:.
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <netinet/tcp.h>
#include <poll.h>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using Words = std::vector<std::string>;

// Deterministic commands: no clocks, no random members, no order that depends on a hash table's
// growth.
class Generator {
 public:
  Generator(std::uint64_t seed, int client)
      : random_(seed * 1000003 + static_cast<std::uint64_t>(client)),
        prefix_("app:" + std::to_string(client) + ":") {}

  // Appends the next command, or a short sequence of them, to `out`.
  void next(std::vector<Words>& out) {
    const int kind = below(1000);
    if (kind < 30) return transaction(out);
    if (kind < 40) return watched(out);
    if (kind < 55) return blocking(out);
    if (kind < 58) return large(out);
    if (kind < 63) return database(out);
    out.push_back(simple());
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  std::string number(int n) { return std::to_string(below(n)); }
  std::string key(const char* kind) { return prefix_ + kind + number(12); }
  std::string any_key() {
    static const char* const kinds[] = {"s", "n", "l", "h", "z", "t", "x"};
    return key(kinds[below(7)]);
  }
  std::string value() {
    std::string text(static_cast<std::size_t>(below(40) == 0 ? below(3000) : below(24)), '\0');
    for (char& c : text) c = static_cast<char>(below(4) == 0 ? below(256) : 'a' + below(26));
    return text;
  }
  std::string small() { return "v" + number(20); }

  Words simple() {
    switch (below(64)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return {"SET", key("s"), value()};
      case 4:
      case 5:
      case 6:
      case 7:
        return {"GET", key("s")};
      case 8:
        return {"get", any_key()};
      case 9:
        return {"APPEND", key("s"), small()};
      case 10:
        return {"STRLEN", any_key()};
      case 11:
        return {"GETRANGE", key("s"), number(6), "-" + number(6)};
      case 12:
        return {"SETRANGE", key("s"), number(50), small()};
      case 13:
        return {"INCR", below(10) ? key("n") : any_key()};
      case 14:
        return {"INCRBY", key("n"), number(1000)};
      case 15:
        return {"INCRBYFLOAT", key("f"), "0.5"};
      case 16:
        return {"DECRBY", key("n"), number(1000)};
      case 17:
        return {"MSET", key("s"), value(), key("s"), value()};
      case 18:
        return {"MGET", key("s"), any_key(), prefix_ + "none"};
      case 19:
        return {"SET", key("s"), value(), below(2) ? "NX" : "XX"};
      case 20:
        return {"SET", key("s"), value(), "GET"};
      case 21:
        return {"GETSET", key("s"), value()};
      case 22:
        return {"GETDEL", key("s")};
      case 23:
        return {"DEL", any_key(), any_key()};
      case 24:
        return {"EXISTS", any_key(), any_key(), any_key()};
      case 25:
        return {"TYPE", any_key()};
      case 26:
        return {"EXPIREAT", any_key(), "4000000000"};
      case 27:
        return {"EXPIRETIME", any_key()};
      case 28:
        return {"PERSIST", any_key()};
      case 29:
        return {"LPUSH", key("l"), value(), small()};
      case 30:
        return {"RPUSH", below(10) ? key("l") : any_key(), value()};
      case 31:
        return {"LPOP", key("l")};
      case 32:
        return {"RPOP", key("l"), number(4)};
      case 33:
        return {"LRANGE", key("l"), number(3), number(20)};
      case 34:
        return {"LLEN", any_key()};
      case 35:
        return {"LTRIM", key("l"), "0", "30"};
      case 36:
        return {"LINDEX", key("l"), number(5)};
      case 37:
        return {"LMOVE", key("l"), key("l"), below(2) ? "LEFT" : "RIGHT",
                below(2) ? "LEFT" : "RIGHT"};
      case 38:
        return {"LSET", key("l"), number(4), value()};
      case 39:
        return {"HSET", below(10) ? key("h") : any_key(), "f" + number(8), small()};
      case 40:
        return {"HGET", key("h"), "f" + number(8)};
      case 41:
        return {"HGETALL", key("h")};
      case 42:
        return {"HDEL", key("h"), "f" + number(8)};
      case 43:
        return {"HINCRBY", key("h"), "c", number(9)};
      case 44:
        return {"HMGET", key("h"), "f" + number(8), "none"};
      case 45:
        return {"ZADD", below(10) ? key("z") : any_key(), number(100), "m" + number(20)};
      case 46:
        return {"ZRANGE", key("z"), "0", "-1", "WITHSCORES"};
      case 47:
        return {"ZINCRBY", key("z"), number(10), "m" + number(20)};
      case 48:
        return {"ZSCORE", key("z"), "m" + number(20)};
      case 49:
        return {"ZRANGEBYSCORE", key("z"), "(" + number(50), "+inf", "LIMIT", "0", "5"};
      case 50:
        return {"ZPOPMIN", key("z")};
      case 51:
        return {"SADD", key("t"), number(50), number(50)};  // integers: an ordered set inside
      case 52:
        return {"SMEMBERS", key("t")};
      case 53:
        return {"SISMEMBER", key("t"), number(50)};
      case 54:
        return {"SREM", key("t"), number(50)};
      case 55:
        return {"SINTERCARD", "2", key("t"), key("t")};
      case 56:
        return {"XADD", key("x"), std::to_string(++stream_) + "-1", "f", value()};
      case 57:
        return {"XRANGE", key("x"), "-", "+", "COUNT", "3"};
      case 58:
        return {"XLEN", any_key()};
      case 59:
        return {"SETBIT", key("b"), number(200), number(2)};
      case 60:
        return {"BITCOUNT", key("b")};
      case 61:
        return {"EVAL", "return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}", "1", key("n"),
                small()};
      case 62:
        return wrong();
      default:
        return plumbing();
    }
  }
  Words wrong() {
    switch (below(6)) {
      case 0:
        return {"GET"};
      case 1:
        return {"SET", key("s")};
      case 2:
        return {"EXPIRE", key("s"), "soon"};
      case 3:
        return {"LSET", key("l"), "999999", "x"};
      case 4:
        return {"HINCRBY", key("h"), "f" + number(8), "x"};
      default:
        return {"EXEC"};
    }
  }
  Words plumbing() {
    switch (below(5)) {
      case 0:
        return {"PING"};
      case 1:
        return {"PING", small()};
      case 2:
        return {"ECHO", value()};
      case 3:
        return {"CLIENT", "SETNAME", "name-" + number(9)};
      default:
        return {"CLIENT", "GETNAME"};
    }
  }
  void transaction(std::vector<Words>& out) {
    out.push_back({"MULTI"});
    for (int n = below(6); n > 0; --n) {
      auto words = simple();
      if (words[0] == "EXEC" || words[0] == "CLIENT") words = {"GET", key("s")};
      out.push_back(std::move(words));
    }
    if (below(20) == 0) out.push_back({"MULTI"});
    out.push_back({below(6) == 0 ? "DISCARD" : "EXEC"});
  }
  void watched(std::vector<Words>& out) {
    const auto name = key("n");
    out.push_back({"WATCH", name, key("s")});
    out.push_back({"GET", key("s")});
    if (below(2) == 0) out.push_back({"SET", name, number(100)});  // EXEC then answers nil
    if (below(5) == 0) out.push_back({"UNWATCH"});
    out.push_back({"MULTI"});
    out.push_back({"INCR", name});
    out.push_back({below(6) == 0 ? "DISCARD" : "EXEC"});
  }
  void blocking(std::vector<Words>& out) {
    const auto queue = key("q");
    if (below(20) != 0)
      out.push_back({"RPUSH", queue, value(), small()});  // mostly with something to take
    switch (below(4)) {
      case 0:
        out.push_back({"BLPOP", prefix_ + "empty", queue, "0.02"});
        break;
      case 1:
        out.push_back({"BRPOP", queue, "0.02"});
        break;
      case 2:
        out.push_back({"BLMOVE", queue, key("l"), "LEFT", "RIGHT", "0.02"});
        break;
      default:
        out.push_back({"BLMPOP", "0.02", "2", prefix_ + "empty", queue, "LEFT", "COUNT", "2"});
        break;
    }
  }
  void large(std::vector<Words>& out) {
    std::string text(static_cast<std::size_t>(10000 + below(200000)),
                     static_cast<char>('a' + below(26)));
    const auto name = prefix_ + "big" + number(3);
    out.push_back({"SET", name, std::move(text)});
    out.push_back({"STRLEN", name});
    out.push_back({"GET", name});
  }
  void database(std::vector<Words>& out) {
    out.push_back({"SELECT", "1"});
    out.push_back({"SET", key("s"), small()});
    out.push_back({"GET", key("s")});
    out.push_back({"SELECT", "0"});
  }

  std::mt19937_64 random_;
  std::string prefix_;
  std::uint64_t stream_ = 0;
};

void encode(const Words& words, std::string& out) {
  out += '*' + std::to_string(words.size()) + "\r\n";
  for (const auto& word : words) {
    out += '$' + std::to_string(word.size()) + "\r\n";
    out += word;
    out += "\r\n";
  }
}

// Length of the first whole reply in `data`, 0 when it is not complete yet.
std::size_t reply_length(std::string_view data, std::size_t at = 0) {
  std::size_t open = 1;
  while (open > 0) {
    const auto end = data.find("\r\n", at);
    if (end == std::string_view::npos) return 0;
    const char kind = data[at];
    const bool counted = std::strchr("$=!*~>%|", kind) != nullptr;
    const long long count =
        counted ? std::atoll(std::string(data.substr(at + 1, end - at - 1)).c_str()) : -1;
    at = end + 2;
    --open;
    if (std::strchr("$=!", kind) && count >= 0) {
      at += static_cast<std::size_t>(count) + 2;
      if (at > data.size()) return 0;
    } else if (std::strchr("*~>", kind) && count > 0) {
      open += static_cast<std::size_t>(count);
    } else if (std::strchr("%|", kind) && count > 0) {
      open += 2 * static_cast<std::size_t>(count) + (kind == '|' ? 1 : 0);
    } else if (!std::strchr("+-:$=!*~>%|_#,(", kind)) {
      throw std::runtime_error("not a reply: " + std::string(data.substr(0, 60)));
    }
  }
  return at;
}

// One non-blocking connection, plain or TLS.
class Connection {
 public:
  Connection(int port, SSL_CTX* context) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect");
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (context) {
      ssl_ = SSL_new(context);
      SSL_set_fd(ssl_, fd_);
      SSL_set_tlsext_host_name(ssl_, "localhost");
      SSL_set1_host(ssl_, "localhost");
      if (SSL_connect(ssl_) != 1) throw std::runtime_error("no TLS");
      SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  ~Connection() {
    if (ssl_) SSL_free(ssl_);
    if (fd_ >= 0) close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::size_t write(const char* data, std::size_t size) {
    const auto n =
        ssl_ ? SSL_write(ssl_, data, static_cast<int>(size)) : send(fd_, data, size, MSG_NOSIGNAL);
    return n > 0
               ? static_cast<std::size_t>(n)
               : (would_block(static_cast<int>(n)) ? 0 : throw std::runtime_error("write failed"));
  }
  std::size_t read(char* data, std::size_t size) {
    const auto n = ssl_ ? SSL_read(ssl_, data, static_cast<int>(size)) : recv(fd_, data, size, 0);
    if (n > 0) return static_cast<std::size_t>(n);
    if (n == 0 && !ssl_) throw std::runtime_error("closed by the peer");
    if (would_block(static_cast<int>(n))) return 0;
    throw std::runtime_error("closed by the peer");
  }
  // `patience` bounds the silence of the peer.
  void wait(bool writing, std::chrono::seconds patience) {
    pollfd entry{fd_, static_cast<short>(POLLIN | (writing ? POLLOUT : 0)), 0};
    if (poll(&entry, 1, static_cast<int>(patience.count() * 1000)) == 0)
      throw std::runtime_error("silence");
  }

 private:
  bool would_block(int n) {
    if (!ssl_) return errno == EAGAIN || errno == EINTR;
    const int code = SSL_get_error(ssl_, n);
    return code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE;
  }
  int fd_ = -1;
  SSL* ssl_ = nullptr;
};

struct Target {
  int port;
  SSL_CTX* context;
  std::string user, password;
  int protocol;
};

struct Run {
  std::uint64_t seed;
  int commands;
};

std::string shown(std::string_view bytes) {
  std::string out;
  for (const char c : bytes.substr(0, 160)) {
    if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
      out += hex;
    }
  }
  return out;
}

std::string shown(const Words& words) {
  std::string out;
  for (const auto& word : words) out += shown(std::string_view(word).substr(0, 40)) + ' ';
  return out;
}

// A reply as it is remembered: short ones whole, long ones as length, head and hash.
std::string memory_of(std::string_view reply) {
  if (reply.size() <= 64) return std::string(reply);
  return std::to_string(reply.size()) + '|' + std::to_string(std::hash<std::string_view>{}(reply)) +
         '|' + std::string(reply.substr(0, 32));
}

// Sends everything and hands each reply to `got(index, words, reply)`.
template <class Got>
void converse(const Target& target, const Run& run, int client, Got got) {
  Connection connection(target.port, target.context);
  Generator generator(run.seed, client);
  std::mt19937_64 cuts(run.seed ^ (0x9e3779b97f4a7c15ULL * static_cast<std::uint64_t>(client + 1)) ^
                       static_cast<std::uint64_t>(target.port));
  std::vector<Words>
      waiting;  // sent or about to be, not answered; a ring would save copies, clarity wins
  std::size_t answered = 0, made = 0;
  std::string out, in;
  std::size_t out_at = 0, in_at = 0;
  encode(target.protocol == 3 ? Words{"HELLO", "3", "AUTH", target.user, target.password}
                              : Words{"AUTH", target.user, target.password},
         out);
  bool greeted = false;
  std::vector<char> block(256 * 1024);
  const auto total = static_cast<std::size_t>(run.commands);
  std::size_t depth = 1;
  while (answered < total) {
    while (greeted && made < total && made - answered < depth && out.size() - out_at < (1U << 20)) {
      const auto before = waiting.size();
      generator.next(waiting);
      for (std::size_t i = before; i < waiting.size(); ++i) encode(waiting[i], out);
      made += waiting.size() - before;
    }
    bool moved = false;
    if (out_at < out.size()) {
      const std::size_t most =
          1 + cuts() % (cuts() % 4 == 0 ? 40 : 60000);  // a cut may fall anywhere
      const auto n = connection.write(out.data() + out_at, std::min(most, out.size() - out_at));
      out_at += n;
      moved = n > 0;
      if (out_at == out.size()) out.clear(), out_at = 0;
    }
    const auto n = connection.read(block.data(), 1 + cuts() % block.size());
    in.append(block.data(), n);
    moved = moved || n > 0;
    // The last sequence may be longer than what was left to ask.
    while (const auto length = answered < total && in.size() > in_at
                                   ? reply_length(std::string_view(in).substr(in_at))
                                   : 0) {
      const auto reply = std::string_view(in).substr(in_at, length);
      if (!greeted) {
        if (reply[0] == '-') throw std::runtime_error("login refused: " + shown(reply));
        greeted = true;
      } else {
        if (answered >= waiting.size())
          throw std::runtime_error("a reply to nothing: " + shown(reply));
        got(answered, waiting[answered], reply);
        waiting[answered] = {};
        ++answered;
      }
      in_at += length;
    }
    if (in_at > (1U << 16)) in.erase(0, in_at), in_at = 0;
    if (!moved) connection.wait(out_at < out.size(), std::chrono::seconds(60));
    if (cuts() % 64 == 0)
      depth = std::size_t{1} << (cuts() % 12);  // from no pipelining to 2048 deep
  }
}

int number_of(const char* text) { return std::atoi(text); }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 11) {
    std::fprintf(stderr,
                 "usage: model_client DIRECT_PORT DIRECT_USER DIRECT_PASSWORD PORT CA TOKEN_FILE "
                 "RESP CLIENTS COMMANDS SEED\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::ifstream token_file(argv[6]);
  std::string token;
  std::getline(token_file, token);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(context, argv[5], nullptr) != 1) return 2;
  const int protocol = number_of(argv[7]), clients = number_of(argv[8]);
  const Target direct{number_of(argv[1]), nullptr, argv[2], argv[3], protocol};
  const Target keyward{number_of(argv[4]), context, "default", token, protocol};
  const Run run{std::strtoull(argv[10], nullptr, 10), number_of(argv[9])};

  std::vector<std::vector<std::string>> expected(static_cast<std::size_t>(clients));
  std::atomic<int> wrong{0};
  std::atomic<long> compared{0};
  const auto all = [&](const Target& target, auto got) {
    std::vector<std::thread> threads;
    for (int client = 0; client < clients; ++client) {
      threads.emplace_back([&, client] {
        try {
          converse(target, run, client,
                   [&](std::size_t at, const Words& words, std::string_view reply) {
                     got(client, at, words, reply);
                   });
        } catch (const std::exception& error) {
          std::printf("client %d: %s\n", client, error.what());
          ++wrong;
        }
      });
    }
    for (auto& thread : threads) thread.join();
  };
  const auto wipe = [&] {  // the model ran in the same databases: empty them in between
    Connection connection(direct.port, nullptr);
    std::string out, in(4096, '\0');
    encode({"AUTH", direct.user, direct.password}, out);
    encode({"FLUSHALL"}, out);
    connection.write(out.data(), out.size());
    for (std::size_t have = 0; have < 10;) {
      connection.wait(false, std::chrono::seconds(10));
      have += connection.read(in.data() + have, in.size() - have);
    }
  };

  wipe();
  all(direct, [&](int client, std::size_t, const Words&, std::string_view reply) {
    expected[static_cast<std::size_t>(client)].push_back(memory_of(reply));
  });
  wipe();
  const auto began = std::chrono::steady_clock::now();
  all(keyward, [&](int client, std::size_t at, const Words& words, std::string_view reply) {
    ++compared;
    const auto& want = expected[static_cast<std::size_t>(client)].at(at);
    if (memory_of(reply) == want) return;
    if (++wrong <= 20) {
      std::printf("client %d, command %zu: %s\n  Redis   %s\n  Keyward %s\n", client, at,
                  shown(words).c_str(), shown(want).c_str(), shown(reply).c_str());
    }
  });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%ld replies compared in %.1f s, %d wrong\n", compared.load(), took.count(),
              wrong.load());
  return wrong == 0 && compared >= static_cast<long>(clients) * run.commands ? 0 : 1;
}
