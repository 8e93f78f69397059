// Whose process is at the other end of a local connection.
#pragma once

#include "keyward/base/result.h"

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace keyward::agent {

// SO_PEERCRED, unix(7): the user at the time of connect.
[[nodiscard]] Result<uid_t> unix_peer(int descriptor);
// By the kernel's table of TCP sockets (/proc/net/tcp, tcp6): the owner of the socket whose own
// address is our peer and whose peer is us. Those four numbers are one connection, so there is no
// mistaking it, whichever table it stands in; a socket that is closing shows another owner and
// counts as unknown.
[[nodiscard]] Result<uid_t> tcp_peer(int descriptor);
// The row of such a table; nothing without an established one. Addresses as the table writes them.
[[nodiscard]] std::optional<uid_t> uid_in_table(std::string_view table, std::string_view local,
                                                std::string_view remote);

}  // namespace keyward::agent
