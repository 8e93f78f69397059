// What a client sends before its login is a credential, and is not left in memory.
#pragma once

#include <openssl/ssl.h>

namespace keyward::proxy {

// Whether OpenSSL wipes what it has handed over. Null: a plain listener.
void wipe_input(SSL* ssl, bool on);

}  // namespace keyward::proxy
