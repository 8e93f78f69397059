// TLS contexts and what is known about a TLS connection. OpenSSL objects, thread-safe to share once
// built.
#pragma once

#include "keyward/base/result.h"

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace keyward::net {

struct ServerTlsConfig {
  std::string certificate_file, key_file;
  std::string client_ca_file;  // set: client certificates are verified
  bool require_client_certificate = false;
  std::string minimum = "1.2";     // or "1.3"
  std::string ticket_secret_file;  // shared by instances; empty: a secret of this process
};
struct ClientTlsConfig {
  std::string ca_file;                     // empty = the system's
  std::string certificate_file, key_file;  // for mutual TLS
  std::string server_name;                 // name to verify; empty = the host connected to
};

using SslContext = std::shared_ptr<SSL_CTX>;
using SslPtr = std::unique_ptr<SSL, decltype(&SSL_free)>;

// Errors name the file and what is wrong with it. Release-buffers mode, no renegotiation, no
// compression, one ticket.
[[nodiscard]] Result<SslContext> make_server_context(const ServerTlsConfig& config);
[[nodiscard]] Result<SslContext> make_client_context(const ClientTlsConfig& config);
// A server- or client-side SSL for a Stream. Client side verifies `verify_name` (name or address).
[[nodiscard]] SslPtr make_server_ssl(SSL_CTX& context);
[[nodiscard]] SslPtr make_client_ssl(SSL_CTX& context, const std::string& verify_name);

struct TlsFacts {
  std::string version, cipher;     // "TLSv1.3", "TLS_AES_256_GCM_SHA384"
  std::string certificate_sha256;  // hex, of the peer's certificate; empty without one
};
[[nodiscard]] TlsFacts tls_facts(const SSL& ssl);
// Newest OpenSSL error as text, and empties the queue.
[[nodiscard]] std::string ssl_error_text();

}  // namespace keyward::net
