#include "agent/local_peer.h"

#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <netinet/in.h>
#include <sstream>
#include <sys/socket.h>

namespace keyward::agent {

namespace {

constexpr std::string_view kEstablished = "01";

// "0100007F:18EB": words of the address as numbers of this machine, the port in plain order.
std::string table_text(const sockaddr_storage& address) {
  std::array<char, 64> out{};
  if (address.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    std::snprintf(out.data(), out.size(), "%08X:%04X", in.sin_addr.s_addr, ntohs(in.sin_port));
  } else {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    std::array<std::uint32_t, 4> words{};
    std::memcpy(words.data(), &in.sin6_addr, sizeof words);
    std::snprintf(out.data(), out.size(), "%08X%08X%08X%08X:%04X", words[0], words[1], words[2],
                  words[3], ntohs(in.sin6_port));
  }
  return out.data();
}

// The same of an IPv4 address as a socket of both families has it: ::ffff:127.0.0.1 (RFC
// 4291 2.5.5.2).
std::string mapped_text(const sockaddr_storage& address) {
  sockaddr_in in{};
  std::memcpy(&in, &address, sizeof in);
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = in.sin_port;
  mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xFF;
  std::memcpy(&mapped.sin6_addr.s6_addr[12], &in.sin_addr, sizeof in.sin_addr);
  sockaddr_storage out{};
  std::memcpy(&out, &mapped, sizeof mapped);
  return table_text(out);
}

std::optional<uid_t> uid_in_file(const char* path, std::string_view local,
                                 std::string_view remote) {
  std::ifstream file(path);
  std::ostringstream table;
  table << file.rdbuf();
  return uid_in_table(table.str(), local, remote);
}

std::string_view next_field(std::string_view& line) {
  const std::size_t begin = line.find_first_not_of(' ');
  if (begin == line.npos) return {};
  const std::size_t end = std::min(line.find(' ', begin), line.size());
  const std::string_view field = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return field;
}

}  // namespace

Result<uid_t> unix_peer(int descriptor) {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
    return Error(Errc::io, std::string("SO_PEERCRED: ") + std::strerror(errno));
  return who.uid;
}

// proc_pid_net(5): sl, local, remote, st, queues, timer, retransmits, uid, ...
std::optional<uid_t> uid_in_table(std::string_view table, std::string_view local,
                                  std::string_view remote) {
  while (!table.empty()) {
    const std::size_t end = std::min(table.find('\n'), table.size());
    std::string_view line = table.substr(0, end);
    table.remove_prefix(std::min(end + 1, table.size()));
    (void)next_field(line);
    if (next_field(line) != local || next_field(line) != remote) continue;
    if (next_field(line) != kEstablished) return std::nullopt;
    for (int skipped = 0; skipped < 3; ++skipped) (void)next_field(line);
    const std::string_view text = next_field(line);
    uid_t uid = 0;
    const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), uid);
    if (code != std::errc() || stop != text.data() + text.size()) return std::nullopt;
    return uid;
  }
  return std::nullopt;
}

Result<uid_t> tcp_peer(int descriptor) {
  sockaddr_storage own{}, peer{};
  socklen_t own_size = sizeof own, peer_size = sizeof peer;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &own_size) != 0 ||
      ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0)
    return Error(Errc::io, std::strerror(errno));
  const bool ipv4 = own.ss_family == AF_INET;
  auto uid =
      uid_in_file(ipv4 ? "/proc/net/tcp" : "/proc/net/tcp6", table_text(peer), table_text(own));
  // A JVM opens sockets of both families: its end of an IPv4 connection stands in the other table.
  if (!uid && ipv4) uid = uid_in_file("/proc/net/tcp6", mapped_text(peer), mapped_text(own));
  if (!uid) return Error(Errc::not_found, "the kernel's table does not show the connection");
  return *uid;
}

}  // namespace keyward::agent
